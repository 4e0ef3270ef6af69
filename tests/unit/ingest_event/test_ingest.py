import json
from typing import Any

import pytest

from bakeoff_core.events.intake import EventIntake
from bakeoff_core.stores.streams import InMemoryEventSink
from ingest import build_api
from tests.support import LambdaContextFake, SettableClock, counting_ids, http_event

CONTEXT: Any = LambdaContextFake()
CLICK = {"user_id": "u1", "event_type": "click"}


def post(stream: InMemoryEventSink, body: Any) -> tuple[int, dict[str, Any]]:
    api = build_api(EventIntake(stream, SettableClock(), counting_ids()))
    text = body if isinstance(body, str) else json.dumps(body)
    answer = api.resolve(http_event("POST", "/ab_test/events", text), CONTEXT)
    return answer["statusCode"], json.loads(answer["body"])


def test_one_event_or_a_list_is_accepted() -> None:
    stream = InMemoryEventSink()
    assert post(stream, CLICK) == (
        202,
        {"accepted": 1, "rejected": 0, "results": [{"index": 0, "event_id": "event-1", "status": "accepted"}]},
    )
    status, answer = post(stream, [CLICK, {"user_id": "u1"}, CLICK])
    assert (status, answer["accepted"], answer["rejected"]) == (202, 2, 1)
    assert [result["status"] for result in answer["results"]] == ["accepted", "rejected", "accepted"]
    assert len(stream.events) == 3


def test_accepted_and_rejected_events_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    post(InMemoryEventSink(), [CLICK, {"user_id": "u1"}, CLICK])
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [m["event_accepted_total"] for m in metrics if "event_accepted_total" in m] == [[2.0]]
    assert [m["event_rejected_total"] for m in metrics if "event_rejected_total" in m] == [[1.0]]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ("", 400, "body: must hold a JSON document"),
        ("[{", 400, "body: must be valid JSON"),
        ([], 400, "must hold at least one event"),
        ("3", 400, "[0]: input should be a valid dictionary"),
        ({"event_type": "click"}, 400, "[0].user_id: field required"),
        (
            {"user_id": "u", "event_type": "click", "event_value": "x"},
            400,
            "[0].event_value: input should be a valid number",
        ),
        ([CLICK] * 501, 413, "must hold 500 events at most, got 501"),
    ],
)
def test_bad_input_is_named(body: Any, status: int, detail: str) -> None:
    answered, problem = post(InMemoryEventSink(), body)
    assert (answered, problem["status"]) == (status, status)
    assert problem["detail"].startswith(detail)


def test_a_stream_that_is_down_is_a_503() -> None:
    status, problem = post(InMemoryEventSink(refuses=lambda _event: True), CLICK)
    assert (status, problem["detail"]) == (503, "the event stream is unavailable at the moment")
