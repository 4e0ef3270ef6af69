import json
from typing import Any

import pytest

from assign import Services, build_api
from bakeoff_core.assignment.assigner import Assigner
from bakeoff_core.assignment.bucketing import bucket
from bakeoff_core.events.recorder import EventRecorder
from bakeoff_core.stores.experiments import Audit, InMemoryExperimentStore
from bakeoff_core.stores.streams import InMemoryEventSink
from tests.support import NOON, SettableClock, counting_ids, experiment, http_event


@pytest.fixture
def stream() -> InMemoryEventSink:
    return InMemoryEventSink()


@pytest.fixture
def post(stream: InMemoryEventSink) -> Any:
    store = InMemoryExperimentStore()
    store.put(experiment(targeting={"country": "DE"}), Audit("t", "create", NOON))
    recorder = EventRecorder(stream, InMemoryEventSink(), SettableClock(), counting_ids())
    api = build_api(Services(Assigner(store, SettableClock()), recorder, lambda: ["checkout_button"]))

    def post(body: Any) -> tuple[int, dict[str, Any]]:
        text = body if isinstance(body, str) else json.dumps(body)
        answer = api.resolve(http_event("POST", "/ab_test/assign", text))
        return answer["statusCode"], json.loads(answer["body"])

    return post


def test_a_unit_gets_the_group_of_its_hash_and_is_recorded_as_exposed(post: Any, stream: InMemoryEventSink) -> None:
    for number in range(20):
        unit = f"user-{number}"
        status, answer = post({"user_id": unit, "experiment_name": "checkout_button", "context": {"country": "DE"}})
        expected = "control" if bucket("checkout_button", "group", unit) < 0.5 else "treatment"
        assert (status, answer["assigned"], answer["group_name"]) == (200, True, expected)
        assert answer["parameters"] == {"colour": {"control": "blue", "treatment": "green"}[expected]}
        event = stream.events[number]
        assert (event.event_type, event.user_id, event.group_name) == ("exposure", unit, expected)
        assert event.metadata["assignment_id"] == answer["assignment_id"]


def test_a_unit_left_out_is_told_why_and_not_recorded(post: Any, stream: InMemoryEventSink) -> None:
    status, answer = post({"user_id": "user-1", "experiment_name": "checkout_button"})
    assert (status, answer["assigned"], answer["reason"]) == (200, False, "not_targeted")
    assert stream.events == []


def test_an_integer_is_the_unit_of_its_decimal_string(post: Any, stream: InMemoryEventSink) -> None:
    for user_id in (17, "17"):
        post({"user_id": user_id, "experiment_name": "checkout_button", "context": {"country": "DE"}})
    assert [event.user_id for event in stream.events] == ["17", "17"]
    assert stream.events[0].group_name == stream.events[1].group_name


@pytest.mark.parametrize(
    ("sent", "unit"),
    [
        ('"José"', "José"),
        ('"Jose\\u0301"', "Jose\u0301"),
        ('"用户-1"', "用户-1"),
        ('"\\ud83d\\udc69\\u200d\\ud83d\\udcbb"', "👩\u200d💻"),
        ('" a b\\n"', " a b\n"),
        ('"\\u0000"', "\x00"),
        ('"' + "x" * 512 + '"', "x" * 512),
        ("0", "0"),
        ("-17", "-17"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ],
)
def test_any_unicode_string_is_a_unit_exactly_as_given(
    post: Any, stream: InMemoryEventSink, sent: str, unit: str
) -> None:
    status, answer = post(
        f'{{"user_id": {sent}, "experiment_name": "checkout_button", "context": {{"country": "DE"}}}}'
    )
    expected = "control" if bucket("checkout_button", "group", unit) < 0.5 else "treatment"
    assert (status, answer["group_name"]) == (200, expected)
    assert stream.events[0].user_id == unit


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ('""', "user_id: must not be empty"),
        ("1.0", "user_id: must be a string or an integer, got 1.0"),
        ("1e3", "user_id: must be a string or an integer, got 1000.0"),
        ("true", "user_id: must be a string or an integer, got True"),
        ("null", "user_id: must be a string or an integer"),
        ("[1]", "user_id: must be a string or an integer"),
        ('"\\ud800"', "body: must be valid JSON"),
        ('"a\\udfff"', "body: must be valid JSON"),
        ('"' + "x" * 513 + '"', "user_id: string should have at most 512 characters"),
    ],
)
def test_anything_else_is_no_unit(post: Any, stream: InMemoryEventSink, sent: str, detail: str) -> None:
    status, problem = post(f'{{"user_id": {sent}, "experiment_name": "checkout_button"}}')
    assert status == 400
    assert problem["detail"].startswith(detail)
    assert stream.events == []


def test_an_exposure_is_counted(post: Any, capsys: pytest.CaptureFixture[str]) -> None:
    post({"user_id": "user-1", "experiment_name": "checkout_button", "context": {"country": "DE"}})
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    for name in ("assignment_total", "exposure_total"):
        assert [(m["experiment"], m["group"], m[name]) for m in metrics if name in m] == [
            ("checkout_button", "treatment", [1.0])
        ]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"user_id": "u", "experiment_name": "nothing"}, 404, "experiment_name: no experiment is called 'nothing'"),
        ({"experiment_name": "e"}, 400, "user_id: field required"),
        ({"user_id": "", "experiment_name": "e"}, 400, "user_id: must not be empty, got ''"),
        ({"user_id": 1.5, "experiment_name": "e"}, 400, "user_id: must be a string or an integer, got 1.5"),
        ({"user_id": True, "experiment_name": "e"}, 400, "user_id: must be a string or an integer, got True"),
        ({"user_id": None, "experiment_name": "e"}, 400, "user_id: must be a string or an integer"),
        ({"user_id": "u", "experiment_name": "a b"}, 400, "experiment_name: string should match pattern"),
        ({"user_id": "u", "experiment_name": "e", "context": []}, 400, "context: input should be a valid dictionary"),
        ({"user_id": "u", "experiment_name": "e", "group": "b"}, 400, "group: extra inputs are not permitted"),
    ],
)
def test_bad_input_is_named(post: Any, body: dict[str, Any], status: int, detail: str) -> None:
    answered, problem = post(body)
    assert (answered, problem["status"]) == (status, status)
    assert problem["detail"].startswith(detail)


def test_an_experiment_that_is_over_serves_the_chosen_group_and_exposes_nobody(stream: InMemoryEventSink) -> None:
    store = InMemoryExperimentStore()
    over = experiment(
        status="stopped",
        serving_group="b",
        groups=[
            {"name": "a", "weight": 1, "model_name": "m", "model_version": "v1"},
            {"name": "b", "weight": 1, "model_name": "m", "model_version": "v2", "parameters": {"k": 5}},
        ],
    )
    store.put(over, Audit("t", "create", NOON))
    recorder = EventRecorder(stream, InMemoryEventSink(), SettableClock(), counting_ids())
    api = build_api(Services(Assigner(store, SettableClock()), recorder, lambda: ["checkout_button"]))
    body = json.dumps({"user_id": "user-1", "experiment_name": "checkout_button"})
    answer = json.loads(api.resolve(http_event("POST", "/ab_test/assign", body))["body"])
    assert (answer["assigned"], answer["reason"], answer["group_name"]) == (False, "not_running", None)
    assert (answer["model_name"], answer["model_version"], answer["parameters"]) == ("m", "v2", {"k": 5})
    assert stream.events == []
