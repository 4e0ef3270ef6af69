import json
from typing import Any

import pytest

from bakeoff_core.events.intake import EventIntake
from bakeoff_core.events.model import EventRequest
from bakeoff_core.stores.streams import EventSink, InMemoryEventSink, KinesisEventStream
from ingest import Deadline, build_api
from tests.support import NOON, LambdaContextFake, SettableClock, counting_ids, http_event

CLICK = {"user_id": "u1", "event_type": "click"}


def post(stream: EventSink, body: Any) -> tuple[int, dict[str, Any]]:
    api = build_api(EventIntake(stream, SettableClock(), counting_ids()))
    text = body if isinstance(body, str) else json.dumps(body)
    answer = api.resolve(http_event("POST", "/ab_test/events", text))
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
        ("3", 400, "[0]: must be an object, got 3"),
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


CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "A-1",
    "source": "/shop",
    "type": "com.example.purchase",
    "subject": "u1",
    "time": "2026-03-01T11:00:00Z",
    "traceparent": "00-1",
    "data": {"event_value": 25.5, "experiment_name": "checkout", "colour": "red", "metadata": {"group_name": "a"}},
}


def send(stream: EventSink, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    api = build_api(EventIntake(stream, SettableClock(), counting_ids()))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = api.resolve(http_event("POST", "/ab_test/events", json.dumps(body), named))
    return answer["statusCode"], json.loads(answer["body"])


STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCH = "application/cloudevents-batch+json"


def test_a_cloudevent_is_an_event() -> None:
    stream = InMemoryEventSink()
    status, answer = send(stream, CLOUD_EVENT, content_type=STRUCTURED)
    assert (status, answer["accepted"]) == (202, 1)
    (event,) = stream.events
    assert answer["results"][0]["event_id"] == event.event_id
    assert (event.event_type, event.user_id, event.event_value) == ("com.example.purchase", "u1", 25.5)
    assert (event.experiment_name, event.group_name) == ("checkout", "a")
    assert event.timestamp.isoformat() == "2026-03-01T11:00:00+00:00"
    assert event.metadata == {
        "colour": "red",
        "group_name": "a",
        "cloudevent": {"id": "A-1", "source": "/shop", "traceparent": "00-1"},
    }


def test_cloudevents_of_one_id_and_one_source_are_one_event() -> None:
    stream = InMemoryEventSink()
    batch = [CLOUD_EVENT, CLOUD_EVENT, CLOUD_EVENT | {"source": "/app"}, CLOUD_EVENT | {"id": "A-2"}]
    assert send(stream, batch, content_type=BATCH)[1]["accepted"] == 4
    first, again, other_source, other_id = [event.event_id for event in stream.events]
    assert first == again
    assert len({first, other_source, other_id}) == 3


def test_a_cloudevent_in_headers_is_the_same_event() -> None:
    stream = InMemoryEventSink()
    send(stream, CLOUD_EVENT, content_type=STRUCTURED)
    headers = {f"ce_{name}": str(value) for name, value in CLOUD_EVENT.items() if name != "data"}
    headers["ce_subject"] = "%751"
    assert send(stream, CLOUD_EVENT["data"], content_type="application/json", **headers)[0] == 202
    assert stream.events[0] == stream.events[1]


@pytest.mark.parametrize(
    ("body", "content_type", "detail"),
    [
        (CLOUD_EVENT | {"specversion": "0.3"}, STRUCTURED, "[0].specversion: input should be '1.0', got '0.3'"),
        (CLOUD_EVENT | {"type": "a b"}, STRUCTURED, "[0].type: string should match pattern"),
        (CLOUD_EVENT | {"subject": None}, STRUCTURED, "[0].user_id: field required"),
        (CLOUD_EVENT | {"id": ""}, STRUCTURED, "[0].id: string should have at least 1 character"),
        (CLOUD_EVENT | {"time": "yesterday"}, STRUCTURED, "[0].time: must be an RFC 3339 time with its zone"),
        (CLOUD_EVENT | {"data": 3}, STRUCTURED, "[0].data: input should be a valid dictionary"),
        (CLOUD_EVENT | {"data_base64": "AA=="}, STRUCTURED, "[0].data: input should be a valid dictionary"),
        (
            CLOUD_EVENT | {"datacontenttype": "text/xml"},
            STRUCTURED,
            "[0].datacontenttype: must be JSON",
        ),
        ([CLOUD_EVENT], STRUCTURED, "body: must be an object in application/cloudevents+json"),
        (CLOUD_EVENT, BATCH, "body: must be a list in application/cloudevents-batch+json"),
        ([CLOUD_EVENT] * 501, BATCH, "must hold 500 events at most, got 501"),
    ],
)
def test_a_bad_cloudevent_is_named(body: Any, content_type: str, detail: str) -> None:
    status, problem = send(InMemoryEventSink(), body, content_type=content_type)
    assert status == (413 if "500" in detail else 400)
    assert problem["detail"].startswith(detail)


def test_an_event_too_large_for_the_stream_is_a_413() -> None:
    large = CLICK | {"metadata": {"text": "x" * 1024**2}}
    status, problem = post(InMemoryEventSink(), large)
    assert (status, problem["detail"]) == (413, "metadata: makes the event larger than 1 MiB")
    assert post(InMemoryEventSink(), [large, CLICK])[0] == 202


class Counting:
    """A stream that takes every record, and counts the calls."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def put_records(self, *, StreamName: str, Records: list[Any]) -> dict[str, Any]:  # noqa: N803 - as boto3
        self.calls.append(len(Records))
        return {"Records": [{"SequenceNumber": "1"}] * len(Records)}


@pytest.mark.parametrize(
    ("events", "bytes_each", "calls"), [(500, 1_000, [500]), (500, 10_000, [500]), (500, 11_000, [477, 23])]
)
def test_500_events_are_two_calls_at_most(events: int, bytes_each: int, calls: list[int]) -> None:
    kinesis = Counting()
    note = {"note": "n" * (bytes_each - 200)}
    status, _answer = post(KinesisEventStream(kinesis, "events"), [CLICK | {"metadata": note}] * events)
    assert (status, kinesis.calls) == (202, calls)


class Refusing:
    """A stream that refuses every record and takes a second to do so."""

    def __init__(self) -> None:
        self.calls = 0
        self.now = 0.0

    def put_records(self, *, StreamName: str, Records: list[Any]) -> dict[str, Any]:  # noqa: N803 - as boto3
        self.calls += 1
        self.now += 1
        return {"Records": [{"ErrorCode": "ProvisionedThroughputExceededException"}] * len(Records)}

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("milliseconds", "calls"), [(60_000, 6), (9_800, 3), (6_900, 0)])
def test_nothing_is_begun_that_the_functions_own_deadline_would_cut_off(milliseconds: int, calls: int) -> None:
    class Context(LambdaContextFake):
        def get_remaining_time_in_millis(self) -> int:
            return milliseconds

    kinesis = Refusing()
    deadline = Deadline(lambda: kinesis.now)
    context: Any = Context()
    deadline.set(context)
    stream = KinesisEventStream(
        kinesis,
        "events",
        6,
        seconds_left=deadline.seconds_left,
        sleep=kinesis.sleep,
        uniform=lambda _low, high: high,
    )
    event = EventRequest.model_validate(CLICK).to_event("e1", NOON)
    assert stream.put([event]) == [event]
    assert kinesis.calls == calls
    assert kinesis.now <= milliseconds / 1_000
