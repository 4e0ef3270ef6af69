"""What several suites build their examples from."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from bakeoff_core.experiments.model import Experiment

unicode_text: st.SearchStrategy[str] = st.text(st.characters(codec="utf-8"), min_size=1)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class SettableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.now += timedelta(seconds=seconds)


def experiment(**changes: Any) -> Experiment:
    """Make a running experiment of two equal groups, with changes."""
    document: dict[str, Any] = {
        "name": "checkout_button",
        "status": "running",
        "groups": [
            {"name": "control", "weight": 0.5, "parameters": {"colour": "blue"}},
            {"name": "treatment", "weight": 0.5, "parameters": {"colour": "green"}},
        ],
        "metrics": ["click_rate", "revenue"],
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Experiment.model_validate(document | changes)


def counting_ids() -> Callable[[datetime], str]:
    """Make ids event-1, event-2 and so on."""
    made = 0

    def new_id(_now: datetime) -> str:
        nonlocal made
        made += 1
        return f"event-{made}"

    return new_id


def http_event(
    method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Make an API Gateway event of payload format 2.0."""
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", **(headers or {})},
        "requestContext": {
            "stage": "$default",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"},
            "requestId": "gateway-1",
        },
        "body": body,
        "isBase64Encoded": False,
    }


class Unmonitored:
    """Raises no alerts, where a test is about something else."""

    def look(self, experiment: Experiment, results: object, now: datetime) -> tuple[()]:
        """Find nothing."""
        return ()


class LambdaContextFake:
    """The context that the Lambda runtime hands over."""

    function_name = "bakeoff-test"
    memory_limit_in_mb = 1_769
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:bakeoff-test"
    aws_request_id = "52fdfc07-2182-154f-163f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        """Tell the time left."""
        return 10_000
