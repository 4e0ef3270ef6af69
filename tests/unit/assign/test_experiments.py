import json
from typing import Any

import pytest

from bakeoff_core.experiments.management import ExperimentManager
from bakeoff_core.http.fastapi_app import lambda_handler
from bakeoff_core.stores.experiments import InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry
from bakeoff_core.stores.objects import InMemoryObjectStore
from bakeoff_core.stores.target_users import TargetUserLists
from experiments import build_app
from tests.support import LambdaContextFake, SettableClock, http_event

CONTEXT: Any = LambdaContextFake()
PATH = "/ab_test/experiments"
DOCUMENT: dict[str, Any] = {
    "name": "e",
    "groups": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}],
    "metrics": ["click_rate"],
}


@pytest.fixture
def call() -> Any:
    manager = ExperimentManager(
        InMemoryExperimentStore(),
        InMemoryModelRegistry(),
        SettableClock(),
        lists=TargetUserLists(InMemoryObjectStore()),
    )
    handler = lambda_handler(build_app(manager))

    def call(method: str, path: str, body: Any = None, query: str = "") -> tuple[int, Any]:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        answer = handler(http_event(method, path, text) | {"rawQueryString": query}, CONTEXT)
        return answer["statusCode"], json.loads(answer["body"])

    return call


def test_an_experiment_from_draft_to_archive(call: Any) -> None:
    status, created = call("POST", PATH, DOCUMENT)
    assert (status, created["status"], created["version"]) == (201, "draft", 1)
    assert created["created_at"] == "2026-03-01T12:00:00Z"
    assert call("GET", PATH) == (200, [created])
    assert call("GET", f"{PATH}/e") == (200, created)
    status, changed = call("PUT", f"{PATH}/e", created | {"sample_rate": 0.25})
    assert (status, changed["sample_rate"], changed["version"]) == (200, 0.25, 2)
    statuses = [call("POST", f"{PATH}/e/{action}")[1]["status"] for action in ("start", "pause", "resume", "complete")]
    assert statuses == ["running", "paused", "running", "completed"]
    status, archived = call("DELETE", f"{PATH}/e")
    assert (status, archived["archived_at"]) == (200, "2026-03-01T12:00:00Z")
    assert call("GET", PATH) == (200, [])


def test_a_schedule_is_set_and_removed(call: Any) -> None:
    call("POST", PATH, DOCUMENT)
    call("POST", f"{PATH}/e/start")
    status, changed = call("PUT", f"{PATH}/e/schedule", {"frequency": "monthly", "day_of_month": 31})
    assert (status, changed["schedule"]["day_of_month"], changed["config_version"]) == (200, 31, 1)
    assert call("GET", f"{PATH}/e")[1]["schedule"] == changed["schedule"]
    change = call("GET", f"{PATH}/e/history")[1][-1]
    assert change["action"] == "change"
    assert [each["field"] for each in change["changes"]] == ["schedule"]
    status, refused = call("PUT", f"{PATH}/e/schedule", {"frequency": "daily", "time_zone": "Mars"})
    assert (status, [error["loc"] for error in refused["errors"]]) == (400, ["schedule.time_zone"])
    assert call("PUT", f"{PATH}/e/schedule", "null")[1]["schedule"] is None
    assert call("PUT", f"{PATH}/f/schedule", "null")[0] == 404


def test_an_experiment_is_stopped(call: Any) -> None:
    call("POST", PATH, DOCUMENT)
    call("POST", f"{PATH}/e/start")
    assert call("POST", f"{PATH}/e/stop")[1]["status"] == "stopped"


def test_a_new_version_is_asked_for_in_the_query(call: Any) -> None:
    call("POST", PATH, DOCUMENT)
    call("POST", f"{PATH}/e/start")
    status, problem = call("PUT", f"{PATH}/e", DOCUMENT | {"salt": "s"})
    assert (status, problem["detail"][:6]) == (409, "salt: ")
    status, changed = call("PUT", f"{PATH}/e", DOCUMENT | {"salt": "s"}, "new_version=true")
    assert (status, changed["config_version"]) == (200, 2)


def test_a_file_of_experiments_is_planned_and_applied(call: Any) -> None:
    call("POST", PATH, DOCUMENT)
    body = {"experiments": [DOCUMENT | {"sample_rate": 0.5}, DOCUMENT | {"name": "f"}]}
    status, plan = call("PUT", PATH, body, "dry_run=true")
    changes = [{"field": "sample_rate", "before": 1.0, "after": 0.5}]
    experiments = [
        {"name": "e", "action": "changed", "changes": changes, "reason": None},
        {"name": "f", "action": "created", "changes": [], "reason": None},
    ]
    assert (status, plan) == (200, {"applied": False, "experiments": experiments})
    assert call("PUT", PATH, body["experiments"], "dry_run=true") == (status, plan)
    assert [each["name"] for each in call("GET", PATH)[1]] == ["e"]
    assert call("PUT", PATH, body) == (200, {"applied": True, "experiments": experiments})
    assert [(each["name"], each["sample_rate"]) for each in call("GET", PATH)[1]] == [("e", 0.5), ("f", 1.0)]


def test_a_file_with_a_refused_experiment_is_not_applied(call: Any) -> None:
    call("POST", PATH, DOCUMENT)
    call("POST", f"{PATH}/e/start")
    body = {"experiments": [DOCUMENT | {"salt": "s"}, DOCUMENT | {"name": "f"}]}
    status, answer = call("PUT", PATH, body)
    assert (status, answer["applied"]) == (200, False)
    assert [each["action"] for each in answer["experiments"]] == ["refused", "created"]
    assert [each["name"] for each in call("GET", PATH)[1]] == ["e"]
    assert call("PUT", PATH, body, "new_version=true")[1]["applied"] is True
    assert [each["config_version"] for each in call("GET", PATH)[1]] == [2, 1]


def test_an_experiment_that_is_too_large_is_refused_by_its_size(call: Any) -> None:
    status, problem = call("POST", PATH, DOCUMENT | {"description": "x" * 400_000})
    assert status == 413
    assert problem["detail"].startswith("the experiment is 40")
    body = {"experiments": [DOCUMENT | {"description": "x" * 400_000}]}
    status, plan = call("PUT", PATH, body, "dry_run=true")
    assert (status, plan["experiments"][0]["action"]) == (200, "refused")


def test_a_long_list_of_target_users_comes_back_as_a_reference(call: Any) -> None:
    status, created = call("POST", PATH, DOCUMENT | {"target_users": [f"user-{n}" for n in range(60_000)]})
    assert (status, created["target_users"], created["target_user_list"]["count"]) == (201, None, 60_000)


def test_the_history_tells_who_did_what(call: Any) -> None:
    call("POST", PATH, DOCUMENT)
    call("POST", f"{PATH}/e/start")
    call("PUT", f"{PATH}/e", DOCUMENT | {"sample_rate": 0.5})
    status, history = call("GET", f"{PATH}/e/history")
    assert status == 200
    assert history[0] == {
        "version": 1,
        "action": "create",
        "actor": "anonymous",
        "at": "2026-03-01T12:00:00.000000Z",
        "changes": [],
    }
    assert [(entry["version"], entry["action"]) for entry in history] == [(1, "create"), (2, "start"), (3, "change")]
    assert history[1]["changes"] == [
        {"field": "start_time", "before": None, "after": "2026-03-01T12:00:00Z"},
        {"field": "status", "before": "draft", "after": "running"},
    ]
    assert history[2]["changes"] == [{"field": "sample_rate", "before": 1.0, "after": 0.5}]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "detail"),
    [
        ("POST", PATH, None, 400, "body: must hold a JSON document"),
        ("POST", PATH, "{", 400, "body: must be valid JSON"),
        ("POST", PATH, [], 400, "body: must be a JSON object"),
        ("POST", PATH, '{"name": NaN}', 400, "body: must be valid JSON"),
        (
            "POST",
            PATH,
            DOCUMENT | {"sample_rate": 2},
            400,
            "sample_rate: input should be less than or equal to 1, got 2",
        ),
        ("POST", PATH, DOCUMENT, 409, "name: an experiment called 'e' exists already"),
        ("GET", f"{PATH}/nothing", None, 404, "experiment_name: no experiment is called 'nothing'"),
        ("GET", f"{PATH}/a%20b", None, 400, "name: string should match pattern"),
        ("PUT", f"{PATH}/e", DOCUMENT | {"name": "f"}, 400, "name: must stay 'e'"),
        ("PUT", f"{PATH}/nothing", DOCUMENT, 404, "experiment_name: no experiment is called 'nothing'"),
        ("POST", f"{PATH}/e/pause", None, 409, "status: cannot pause an experiment that is draft"),
        ("POST", f"{PATH}/nothing/start", None, 404, "experiment_name: no experiment is called 'nothing'"),
        ("GET", f"{PATH}/nothing/history", None, 404, "experiment_name: no experiment is called 'nothing'"),
        ("PUT", PATH, {}, 400, "experiments: must be there, a list of experiments, and nothing else"),
        ("PUT", PATH, {"experiments": [1]}, 400, "experiments[0]: must be an experiment, an object with a name"),
        ("DELETE", f"{PATH}/nothing", None, 404, "experiment_name: no experiment is called 'nothing'"),
    ],
)
def test_bad_input_is_named(call: Any, method: str, path: str, body: Any, status: int, detail: str) -> None:
    call("POST", PATH, DOCUMENT)
    answered, problem = call(method, path, body)
    assert (answered, problem["status"]) == (status, status)
    assert problem["detail"].startswith(detail)
