"""Lambda entry point: what users did (POST /ab_test/events)."""

from bakeoff_core.startup import end_startup

import time
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bakeoff_core.clock import utc_now
from bakeoff_core.errors import InvalidInput
from bakeoff_core.events.cloudevents import BATCH, STRUCTURED, from_binary, is_binary, read_cloudevent
from bakeoff_core.events.intake import EventIntake
from bakeoff_core.events.model import EventRequest
from bakeoff_core.http import HttpApi, http_api, parse_json
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import impatient_client
from bakeoff_core.stores.streams import KinesisEventStream
from bakeoff_core.telemetry import count, naming_invocations

_ATTEMPTS = 6
# Events have no other way than the stream, and five megabytes of them may take it a while.
_ANSWER_SECONDS = 5.0
_RESERVE_SECONDS = _ANSWER_SECONDS + 1 + 1  # to connect, and for the caller's answer

Reader = Callable[[Any], EventRequest]


class Deadline:
    """The end of the invocation under way, as far as it is known.

    Args:
        monotonic: A clock in seconds that never goes back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._end = float("inf")

    def set(self, context: LambdaContext) -> None:
        """Take over the end that the runtime has set."""
        self._end = self._monotonic() + context.get_remaining_time_in_millis() / 1_000 - _RESERVE_SECONDS

    def seconds_left(self) -> float:
        """Tell how long there is to begin a call that must be over by then, and its outcome answered."""
        return self._end - self._monotonic()


def build_api(intake: EventIntake) -> HttpApi:
    """Make the route.

    Args:
        intake: Checks events and puts them on the stream.
    """
    api = http_api()

    @api.post("/ab_test/events")
    def take_events() -> tuple[dict[str, Any], int]:
        reports, read = _reports(api.headers, parse_json(api.body))
        outcomes = intake.accept(reports, read)
        accepted = sum(not outcome.errors for outcome in outcomes)
        rejected = len(outcomes) - accepted
        count("event_accepted_total", accepted)
        if rejected:
            count("event_rejected_total", rejected)
        results = [outcome.to_json() for outcome in outcomes]
        return {"accepted": accepted, "rejected": rejected, "results": results}, 202

    return api


def _reports(headers: Mapping[str, str], document: Any) -> tuple[list[Any], Reader]:
    """Find the events in a body by its media type, and what reads one of them."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == BATCH:
        if not isinstance(document, list):
            raise InvalidInput.of("body", f"must be a list in {BATCH}")
        return document, read_cloudevent
    if media_type == STRUCTURED:
        if not isinstance(document, dict):
            raise InvalidInput.of("body", f"must be an object in {STRUCTURED}")
        return [document], read_cloudevent
    if is_binary(headers):
        return [from_binary(headers, document)], read_cloudevent
    return document if isinstance(document, list) else [document], EventRequest.model_validate


def _build_api(settings: Settings, deadline: Deadline) -> HttpApi:
    stream = KinesisEventStream(
        impatient_client("kinesis", _ANSWER_SECONDS),
        settings.event_stream,
        _ATTEMPTS,
        seconds_left=deadline.seconds_left,
    )
    return build_api(EventIntake(stream, utc_now)).behind(settings.origin_secret)


_deadline = Deadline()
_api = _build_api(Settings.from_environment(), _deadline)
end_startup()


@naming_invocations
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request from API Gateway or a function URL."""
    _deadline.set(context)
    return _api.resolve(event)
