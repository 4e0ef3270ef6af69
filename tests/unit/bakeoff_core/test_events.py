import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bakeoff_core.assignment.assigner import decide
from bakeoff_core.assignment.drawing import Draw
from bakeoff_core.errors import DependencyUnavailable, InvalidInput, PayloadTooLarge
from bakeoff_core.events.ids import time_ordered_id
from bakeoff_core.events.intake import EventIntake
from bakeoff_core.events.model import Event, EventRequest
from bakeoff_core.events.recorder import EventRecorder
from bakeoff_core.stores.streams import InMemoryEventSink
from bakeoff_core.validation import field_errors
from tests.support import NOON, SettableClock, counting_ids, experiment, unicode_text

CLICK: dict[str, Any] = {"user_id": "u1", "event_type": "click"}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    user_id=unicode_text,
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    moment=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    metadata=st.dictionaries(st.text(), json_values, max_size=4),
)
def test_any_accepted_event_survives_the_line(
    user_id: str, value: float | None, moment: datetime, metadata: dict[str, Any]
) -> None:
    report = {"user_id": user_id, "event_type": "click", "event_value": value, "metadata": metadata}
    event = EventRequest.model_validate(report).to_event("e1", moment)
    line = event.to_line()
    assert b"\n" not in line
    assert Event.from_line(line) == event


def test_a_line_leaves_out_what_is_not_there() -> None:
    event = EventRequest.model_validate(CLICK | {"timestamp": "2026-03-01T13:00:00+02:00"}).to_event("e1", NOON)
    assert json.loads(event.to_line()) == {
        "schema_version": 1,
        "event_id": "e1",
        "event_type": "click",
        "user_id": "u1",
        "timestamp": "2026-03-01T11:00:00.000000Z",
        "received_at": "2026-03-01T12:00:00.000000Z",
        "metadata": {},
    }


def test_the_callers_id_wins() -> None:
    assert EventRequest.model_validate(CLICK | {"event_id": "mine"}).to_event("e1", NOON).event_id == "mine"


def test_an_exposure_decided_elsewhere_takes_its_group_from_the_metadata() -> None:
    report = {"user_id": 7, "event_type": "assignment", "experiment_name": "e", "metadata": {"group_name": "b"}}
    event = EventRequest.model_validate(report).to_event("e1", NOON)
    assert (event.user_id, event.experiment_name, event.group_name) == ("7", "e", "b")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"user_id": ""}, "user_id: must not be empty, got ''"),
        ({"user_id": None}, "user_id: must be a string or an integer"),
        ({"user_id": True}, "user_id: must be a string or an integer, got True"),
        ({"user_id": "\ud800"}, "user_id: must be valid Unicode, without lone surrogates, got '\\ud800'"),
        ({"event_type": "a b"}, "event_type: string should match pattern"),
        ({"event_type": "prediction"}, "event_type: is recorded by Bakeoff itself, got 'prediction'"),
        ({"event_value": "much"}, "event_value: input should be a valid number, unable to parse string as a number"),
        ({"event_value": float("inf")}, "event_value: input should be a finite number, got inf"),
        ({"event_id": ""}, "event_id: string should have at least 1 character, got ''"),
        ({"timestamp": 1700000000}, "timestamp: must be an RFC 3339 time with its zone"),
        ({"timestamp": "1700000000"}, "timestamp: must be an RFC 3339 time with its zone"),
        ({"timestamp": "2026-03-01T12:00:00"}, "timestamp: input should have timezone info"),
        ({"timestamp": "0001-01-01T00:00:00+12:00"}, "timestamp: must lie between the years 1 and 9999 in UTC"),
        ({"metadata": {"x": [float("nan")]}}, "metadata.x: must hold finite numbers only"),
        ({"event_type": "exposure"}, "experiment_name: is required for an event of type exposure"),
        (
            {"event_type": "assignment", "experiment_name": "e"},
            "metadata.group_name: must name the group in an event of type assignment",
        ),
        ({"colour": 1}, "colour: extra inputs are not permitted, got 1"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EventRequest.model_validate(CLICK | changes)
    (error,) = field_errors(caught.value)
    assert str(error).startswith(message)


def test_ids_sort_by_time_and_are_uuids_of_version_seven() -> None:
    moments = [NOON + timedelta(milliseconds=n) for n in range(50)]
    ids = [time_ordered_id(moment, lambda n: b"\xff" * n) for moment in moments]
    assert ids == sorted(set(ids))
    assert {(UUID(each).version, UUID(each).variant) for each in ids} == {(7, "specified in RFC 4122")}
    assert UUID(ids[0]).int >> 80 == int(NOON.timestamp() * 1_000)
    assert time_ordered_id(NOON) != time_ordered_id(NOON)


def test_intake_takes_what_is_right_and_says_what_is_not() -> None:
    stream = InMemoryEventSink()
    outcomes = EventIntake(stream, SettableClock(), counting_ids()).accept([CLICK, CLICK | {"user_id": ""}, "x", CLICK])
    assert [outcome.to_json() for outcome in outcomes] == [
        {"index": 0, "event_id": "event-1", "status": "accepted"},
        {
            "index": 1,
            "event_id": None,
            "status": "rejected",
            "errors": [{"loc": "user_id", "msg": "must not be empty, got ''"}],
        },
        {
            "index": 2,
            "event_id": None,
            "status": "rejected",
            "errors": [{"loc": "", "msg": "must be an object, got 'x'"}],
        },
        {"index": 3, "event_id": "event-2", "status": "accepted"},
    ]
    assert [event.event_id for event in stream.events] == ["event-1", "event-2"]


def test_intake_says_which_events_the_stream_refused() -> None:
    stream = InMemoryEventSink(refuses=lambda event: event.user_id == "u2")
    outcomes = EventIntake(stream, SettableClock(), counting_ids()).accept([CLICK, CLICK | {"user_id": "u2"}])
    assert [outcome.to_json()["status"] for outcome in outcomes] == ["accepted", "rejected"]
    assert outcomes[1].event_id == "event-2"


def test_intake_is_unavailable_when_the_stream_takes_nothing() -> None:
    with pytest.raises(DependencyUnavailable):
        EventIntake(InMemoryEventSink(refuses=lambda _event: True), SettableClock()).accept([CLICK])


def test_intake_refuses_a_request_of_the_wrong_size() -> None:
    intake = EventIntake(InMemoryEventSink(), SettableClock())
    assert len(intake.accept([CLICK] * 500)) == 500
    with pytest.raises(PayloadTooLarge, match="500 events at most, got 501"):
        intake.accept([CLICK] * 501)
    with pytest.raises(InvalidInput, match="at least one event"):
        intake.accept([])


def test_intake_refuses_a_request_with_nothing_right_in_it() -> None:
    with pytest.raises(InvalidInput) as caught:
        EventIntake(InMemoryEventSink(), SettableClock()).accept([{"event_type": "click"}, {}])
    assert [error.loc for error in caught.value.errors] == ["[0].user_id", "[1].user_id", "[1].event_type"]


def test_intake_refuses_an_event_that_no_stream_record_could_hold() -> None:
    large = CLICK | {"metadata": {"text": "x" * 1024**2}}
    outcomes = EventIntake(InMemoryEventSink(), SettableClock()).accept([CLICK, large])
    assert [error.loc for error in outcomes[1].errors] == ["metadata"]


def recorder(stream: InMemoryEventSink, fallback: InMemoryEventSink) -> EventRecorder:
    return EventRecorder(stream, fallback, SettableClock(), counting_ids())


def test_an_exposure_of_a_drawn_group_carries_the_weights_of_the_draw() -> None:
    recording = recorder(InMemoryEventSink(), InMemoryEventSink())
    weights = {"control": 0.2, "treatment": 0.8}
    drawn = decide(experiment(assignment_algorithm="bandit"), "u", {}, NOON, lambda *_: Draw("treatment", weights))
    event = recording.exposure(drawn, {})
    assert (event.group_name, event.propensity, event.metadata["weights"]) == ("treatment", 0.8, weights)


def test_an_exposure_carries_what_the_analysis_needs() -> None:
    stream = InMemoryEventSink()
    recording = recorder(stream, InMemoryEventSink())
    assignment = decide(experiment(config_version=3), "user-1", {}, NOON)
    recording.record(recording.exposure(assignment, {"country": "DE"}))
    (event,) = stream.events
    assert event.event_type == "exposure"
    assert (event.user_id, event.experiment_name, event.group_name) == ("user-1", "checkout_button", "treatment")
    assert (event.config_version, event.propensity, event.timestamp) == (3, 0.5, NOON)
    assert event.metadata == {
        "assignment_id": assignment.assignment_id,
        "reason": "split",
        "context": {"country": "DE"},
    }


def test_a_prediction_outside_an_experiment_has_no_unit() -> None:
    stream = InMemoryEventSink()
    recording = recorder(stream, InMemoryEventSink())
    recording.record(recording.prediction("m", "v1", {"latency_ms": 1.5}))
    (event,) = stream.events
    assert (event.event_type, event.user_id, event.experiment_name) == ("prediction", None, None)
    assert (event.model_name, event.model_version, event.metadata) == ("m", "v1", {"latency_ms": 1.5})
    assert event.partition_key == event.event_id


def test_what_the_stream_refuses_goes_to_the_fallback_queue(capsys: pytest.CaptureFixture[str]) -> None:
    fallback = InMemoryEventSink()
    recording = recorder(InMemoryEventSink(refuses=lambda _event: True), fallback)
    event = recording.prediction("m", "v1", {})
    recording.record(event)
    assert fallback.events == [event]
    assert '"fallback_queue_total"' in capsys.readouterr().out


def test_what_both_refuse_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    refusing = InMemoryEventSink(refuses=lambda _event: True)
    recording = recorder(refusing, refusing)
    recording.record(recording.exposure(decide(experiment(), "user-1", {}, NOON), {}))
    (line,) = caplog.records
    lost = line.__dict__["event"]
    assert line.message == "event lost to stream and fallback queue"
    assert (lost["user_id"], lost["group_name"], lost["propensity"]) == ("user-1", "treatment", 0.5)
    assert "metadata" not in lost
