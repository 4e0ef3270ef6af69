import json
from typing import Any

import pytest

import ofrep
from assign import Services, build_api
from bakeoff_core.assignment.assigner import Assigner, decide
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.events.recorder import EventRecorder
from bakeoff_core.stores.experiments import Audit, InMemoryExperimentStore
from bakeoff_core.stores.streams import InMemoryEventSink
from bakeoff_core.stores.target_users import describe
from tests.support import NOON, SettableClock, counting_ids, experiment, http_event

FLAGS = "/ofrep/v1/evaluate/flags"
USER: dict[str, Any] = {"context": {"targetingKey": "user-1", "country": "DE"}}


class Flags:
    """The function's routes over experiments in memory."""

    def __init__(self) -> None:
        self.store = InMemoryExperimentStore()
        self.stream = InMemoryEventSink()
        recorder = EventRecorder(self.stream, InMemoryEventSink(), SettableClock(), counting_ids())
        self.api = build_api(Services(Assigner(self.store, SettableClock()), recorder, self.names))

    def names(self) -> list[str]:
        return [each.name for each in self.store.list()]

    def add(self, **changes: Any) -> None:
        self.store.put(experiment(**changes), Audit("t", "create", NOON))

    def answer(self, path: str, body: Any, **headers: str) -> dict[str, Any]:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        return self.api.resolve(http_event("POST", path, text, headers))

    def post(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        answer = self.answer(path, body)
        assert answer["headers"]["Content-Type"] == "application/json"
        return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture
def flags() -> Flags:
    return Flags()


def test_a_flag_is_the_group_with_its_parameters(flags: Flags) -> None:
    flags.add()
    assert flags.post(f"{FLAGS}/checkout_button", USER) == (
        200,
        {
            "key": "checkout_button",
            "reason": "SPLIT",
            "variant": "treatment",
            "value": {"colour": "green"},
            "metadata": {"config_version": 1, "reason": "split", "propensity": 0.5},
        },
    )


def test_a_single_evaluation_is_an_exposure_as_assigning_is(flags: Flags) -> None:
    flags.add()
    flags.post(f"{FLAGS}/checkout_button", USER)
    flags.post(
        "/ab_test/assign", {"user_id": "user-1", "experiment_name": "checkout_button", "context": {"country": "DE"}}
    )
    by_flag, by_assigning = (event.model_dump(exclude={"event_id"}) for event in flags.stream.events)
    assert by_flag == by_assigning
    assert by_flag["metadata"]["context"] == {"country": "DE"}


def test_a_bulk_evaluation_is_none(flags: Flags) -> None:
    flags.add()
    assert flags.post(FLAGS, USER)[0] == 200
    assert flags.stream.events == []


@pytest.mark.parametrize(
    ("changes", "reason", "variant"),
    [
        ({}, "SPLIT", "treatment"),
        ({"target_users": ["user-1"]}, "TARGETING_MATCH", "treatment"),
        ({"forced_groups": {"user-1": "control"}}, "TARGETING_MATCH", "control"),
        ({"status": "draft"}, "DISABLED", ""),
        ({"status": "paused"}, "DISABLED", ""),
        ({"status": "stopped"}, "DISABLED", ""),
        ({"end_time": NOON}, "DISABLED", ""),
        ({"targeting": {"country": "AT"}}, "UNKNOWN", ""),
        ({"sample_rate": 0}, "UNKNOWN", ""),
        ({"holdout": {"name": "q1", "share": 1}}, "UNKNOWN", ""),
    ],
)
def test_the_reason_says_how_the_group_came_about(
    flags: Flags, changes: dict[str, Any], reason: str, variant: str
) -> None:
    flags.add(**changes)
    status, answer = flags.post(f"{FLAGS}/checkout_button", USER)
    assert (status, answer["reason"], answer["variant"]) == (200, reason, variant)
    assert ("value" in answer) is bool(variant)
    assert all(isinstance(value, str | int | float | bool) for value in answer["metadata"].values())


def test_a_long_list_of_target_users_is_a_match_too() -> None:
    running = experiment(target_user_list=describe(["user-1"])).with_listed_units(frozenset({"user-1"}))
    assert ofrep.evaluation(decide(running, "user-1", {}, NOON))["reason"] == "TARGETING_MATCH"


@pytest.mark.parametrize(
    ("body", "code", "details"),
    [
        (None, "PARSE_ERROR", "body: must hold a JSON document"),
        ("{", "PARSE_ERROR", "body: must be valid JSON"),
        ("[]", "PARSE_ERROR", "body: must be a JSON object"),
        ('{"context": {"targetingKey": "u", "age": NaN}}', "PARSE_ERROR", "body: must be valid JSON"),
        ({}, "TARGETING_KEY_MISSING", "context.targetingKey: must name the unit"),
        ({"context": {}}, "TARGETING_KEY_MISSING", "context.targetingKey: must name the unit"),
        ({"context": {"targetingKey": ""}}, "TARGETING_KEY_MISSING", "context.targetingKey: must name the unit"),
        ({"context": None}, "INVALID_CONTEXT", "context: input should be a valid dictionary"),
        ({"context": []}, "INVALID_CONTEXT", "context: input should be a valid dictionary"),
        ({"context": {"targetingKey": 1.5}}, "INVALID_CONTEXT", "context.targetingKey: must be a string or an integer"),
        ({"context": {"targetingKey": ["u"]}}, "INVALID_CONTEXT", "context.targetingKey: must be a string"),
        ('{"context": {"targetingKey": "u", "x": [1e999]}}', "INVALID_CONTEXT", "context.x: must hold finite numbers"),
    ],
)
def test_a_bad_request_is_answered_in_the_protocols_form(flags: Flags, body: Any, code: str, details: str) -> None:
    flags.add()
    for path, key in ((f"{FLAGS}/checkout_button", {"key": "checkout_button"}), (FLAGS, {})):
        status, answer = flags.post(path, body)
        found = answer.pop("errorDetails")
        assert (status, answer) == (400, {**key, "errorCode": code})
        assert found.startswith(details)


@pytest.mark.parametrize("key", ["nothing", "a b", "x" * 200, "~"])
def test_an_unknown_flag_is_not_found(flags: Flags, key: str) -> None:
    status, answer = flags.post(f"{FLAGS}/{key}", USER)
    assert (status, answer["key"], answer["errorCode"]) == (404, key, "FLAG_NOT_FOUND")
    assert answer["errorDetails"] == f"experiment_name: no experiment is called {key!r}"


def test_a_failure_of_ours_tells_nothing_of_what_is_inside(flags: Flags, monkeypatch: pytest.MonkeyPatch) -> None:
    flags.add()

    def fail(name: str) -> None:
        raise RuntimeError(f"a secret about {name}")

    monkeypatch.setattr(flags.store, "get", fail)
    assert flags.post(f"{FLAGS}/checkout_button", USER) == (
        500,
        {"errorDetails": "the flag could not be evaluated; the reason is in the log"},
    )


def test_a_table_that_is_down_is_said_to_be(flags: Flags, monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> None:
        raise DependencyUnavailable("the experiment table")

    monkeypatch.setattr(flags.store, "list", down)
    assert flags.post(FLAGS, USER) == (500, {"errorDetails": "the experiment table is unavailable at the moment"})


def test_problem_documents_stay_off_the_protocols_paths_and_on_the_others(flags: Flags) -> None:
    assert flags.answer("/ofrep/v1/nothing", USER)["headers"]["Content-Type"] == "application/json"
    answer = flags.answer("/ab_test/assign", "{")
    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (400, "application/problem+json")


def test_a_bulk_evaluation_holds_every_flag_and_the_failures_among_them(
    flags: Flags, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags.add(name="broken")
    flags.add(name="paused", status="paused")
    flags.add(name="running")
    get = flags.store.get

    def get_unless_broken(name: str) -> Any:
        if name == "broken":
            raise DependencyUnavailable("the list of target users")
        return get(name)

    monkeypatch.setattr(flags.store, "get", get_unless_broken)
    status, answer = flags.post(FLAGS, USER)
    assert status == 200
    assert answer["flags"][0] == {
        "key": "broken",
        "errorCode": "GENERAL",
        "errorDetails": "the list of target users is unavailable at the moment",
    }
    assert [(flag["key"], flag["reason"]) for flag in answer["flags"][1:]] == [
        ("paused", "DISABLED"),
        ("running", "SPLIT"),
    ]


def test_an_answer_that_the_caller_holds_is_not_sent_again(flags: Flags) -> None:
    flags.add(name="a", targeting={"country": "DE"})
    first = flags.answer(FLAGS, USER)
    tag = first["headers"]["ETag"]
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = flags.answer(FLAGS, USER, **{"If-None-Match": held})
        assert (again["statusCode"], again["headers"]["ETag"], again.get("body") or "") == (304, tag, "")
    assert flags.answer(FLAGS, USER, **{"If-None-Match": '"other"'})["statusCode"] == 200


@pytest.mark.parametrize(
    "change",
    [
        {"context": {"targetingKey": "user-1", "country": "AT"}},
        {"context": {"targetingKey": "user-3", "country": "DE"}},
    ],
)
def test_the_tag_covers_the_context(flags: Flags, change: dict[str, Any]) -> None:
    flags.add(name="a", targeting={"country": "DE"})
    tag = flags.answer(FLAGS, USER)["headers"]["ETag"]
    answer = flags.answer(FLAGS, change, **{"If-None-Match": tag})
    assert answer["statusCode"] == 200
    assert answer["headers"]["ETag"] != tag


def test_the_tag_covers_the_configuration(flags: Flags) -> None:
    flags.add(name="a")
    tag = flags.answer(FLAGS, USER)["headers"]["ETag"]
    flags.store.put(flags.store.get("a").model_copy(update={"status": "stopped"}), Audit("t", "stop", NOON))
    assert flags.answer(FLAGS, USER, **{"If-None-Match": tag})["statusCode"] == 200


@pytest.mark.parametrize("flag_value", ["parameters", "parameters.colour", "group_name"])
def test_a_flag_of_an_experiment_that_is_over_is_worth_what_the_chosen_group_has(flags: Flags, flag_value: str) -> None:
    flags.add(status="completed", serving_group="treatment", flag_value=flag_value)
    status, answer = flags.post(f"{FLAGS}/checkout_button", USER)
    value = {"parameters": {"colour": "green"}, "parameters.colour": "green", "group_name": "treatment"}[flag_value]
    assert (status, answer["value"], answer["variant"], answer["reason"]) == (200, value, "treatment", "STATIC")
    assert answer["metadata"] == {"config_version": 1, "reason": "not_running"}
    assert flags.stream.events == []
    assert flags.post(FLAGS, USER)[1]["flags"] == [answer]
