import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from bakeoff_core.experiments.alerts import Alert, Signal, Watch, alert_id_of
from bakeoff_core.experiments.ending import Endings
from bakeoff_core.experiments.management import ExperimentManager
from bakeoff_core.experiments.overview import DecisionOverview, Overview
from bakeoff_core.http.fastapi_app import lambda_handler
from bakeoff_core.stores.alerts import InMemoryAlertStore
from bakeoff_core.stores.experiments import InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry, ModelVersion
from bakeoff_core.stores.objects import InMemoryObjectStore
from bakeoff_core.stores.overviews import InMemoryOverviewStore
from bakeoff_core.stores.target_users import TargetUserLists
from experiments import Services, build_app, winner_in
from tests.support import NOON, LambdaContextFake, SettableClock, http_event

CONTEXT: Any = LambdaContextFake()
PATH = "/ab_test/experiments"
DOCUMENT: dict[str, Any] = {
    "name": "e",
    "groups": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}],
    "metrics": ["click_rate"],
}


@dataclass
class House:
    """What the routes stand on."""

    clock: SettableClock = field(default_factory=SettableClock)
    store: InMemoryExperimentStore = field(default_factory=InMemoryExperimentStore)
    models: InMemoryModelRegistry = field(default_factory=lambda: InMemoryModelRegistry(lambda: NOON))
    alerts: InMemoryAlertStore = field(default_factory=InMemoryAlertStore)
    overviews: InMemoryOverviewStore = field(default_factory=InMemoryOverviewStore)

    def services(self) -> Services:
        lists = TargetUserLists(InMemoryObjectStore())
        manager = ExperimentManager(self.store, self.models, self.clock, lists=lists)
        endings = Endings(self.store, self.models, self.clock, winner_in(self.overviews))
        return Services(manager, endings, self.alerts, self.clock)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def call(house: House) -> Any:
    handler = lambda_handler(build_app(house.services()))

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


def started(call: Any, **changes: Any) -> None:
    call("POST", PATH, DOCUMENT | changes)
    assert call("POST", f"{PATH}/e/start")[0] == 200


def test_alert_rules_are_set_in_part_and_kept_by_a_definition_without_them(call: Any) -> None:
    started(call)
    rules = {"low_sample_size": {"enabled": False}, "no_events": {"hours": 2}, "looks_to_open": 3}
    status, changed = call("PUT", f"{PATH}/e/alert_rules", rules)
    assert (status, changed["config_version"], changed["status"]) == (200, 1, "running")
    written = changed["alert_rules"]
    assert (written["low_sample_size"], written["no_events"]["hours"]) == ({"enabled": False, "users": 50}, 2)
    assert written["min_sample_not_reached"]["users"] == 100
    assert call("PUT", f"{PATH}/e", DOCUMENT | {"sample_rate": 0.5})[1]["alert_rules"] == written
    (change,) = call("GET", f"{PATH}/e/history")[1][2]["changes"][:1]
    assert change["field"] == "alert_rules.low_sample_size.enabled"


@pytest.mark.parametrize(
    ("rules", "loc"),
    [
        ({"look_every_minutes": 4}, "alert_rules.look_every_minutes"),
        (
            {"safety_threshold_breached": {"relative_change": 0.1}},
            "alert_rules.safety_threshold_breached.relative_change",
        ),
        ({"sample_ratio_mismatch": {"p_value": 0}}, "alert_rules.sample_ratio_mismatch.p_value"),
        ({"looks_to_recover": 0}, "alert_rules.looks_to_recover"),
        ({"auto_stop": {"winner": "perhaps"}}, "alert_rules.auto_stop.winner"),
        ({"traffic_after_stop": "treatment"}, "alert_rules.traffic_after_stop"),
        ({"volume": 11}, "alert_rules.volume"),
        ("null", "alert_rules"),
    ],
)
def test_wrong_alert_rules_are_refused_by_field(call: Any, rules: Any, loc: str) -> None:
    call("POST", PATH, DOCUMENT)
    status, refused = call("PUT", f"{PATH}/e/alert_rules", rules)
    assert (status, [error["loc"] for error in refused["errors"]]) == (400, [loc])


@pytest.mark.parametrize("action", ["stop", "complete"])
@pytest.mark.parametrize("way", ["body", "query"])
def test_whoever_ends_an_experiment_says_who_serves(call: Any, action: str, way: str) -> None:
    started(call)
    body, query = ({"serve": "b"}, "") if way == "body" else (None, "serve=b")
    status, ended = call("POST", f"{PATH}/e/{action}", body, query)
    assert (status, ended["serving_group"], ended["ended_at"]) == (200, "b", "2026-03-01T12:00:00Z")
    changes = call("GET", f"{PATH}/e/history")[1][-1]["changes"]
    assert {"field": "serving_group", "before": None, "after": "b"} in changes


def test_a_group_that_is_not_there_cannot_serve(call: Any) -> None:
    started(call)
    for body, query in (({"serve": "c"}, ""), (None, "serve=c")):
        status, refused = call("POST", f"{PATH}/e/stop", body, query)
        assert (status, refused["errors"]) == (400, [{"loc": "serve", "msg": "no group is called 'c', only a, b"}])
    assert call("POST", f"{PATH}/e/stop", {"server": "b"})[0] == 400
    assert call("POST", f"{PATH}/e/stop", [])[0] == 400
    assert call("GET", f"{PATH}/e")[1]["status"] == "running"
    assert call("POST", f"{PATH}/e/stop")[1]["serving_group"] is None
    assert call("POST", f"{PATH}/e/stop", {"serve": "b"})[0] == 409


def overview(verdict: str, config_version: int = 1) -> Overview:
    return Overview(
        experiment="e",
        config_version=config_version,
        computed_at=NOON,
        users=9,
        groups={},
        decision=DecisionOverview(verdict=verdict, rule="r", group="b", headline="h"),
    )


@pytest.mark.parametrize(
    ("latest", "traffic", "serving"),
    [
        (overview("implement"), "winner", "b"),
        (overview("implement"), "control", None),
        (overview("continue_testing"), "winner", None),
        (overview("implement", config_version=2), "winner", None),
        (None, "winner", None),
    ],
)
def test_without_a_word_the_rules_say_who_serves(
    call: Any, house: House, latest: Overview | None, traffic: str, serving: str | None
) -> None:
    started(call, alert_rules={"traffic_after_stop": traffic})
    if latest is not None:
        house.overviews.put(latest)
    assert call("POST", f"{PATH}/e/stop")[1]["serving_group"] == serving


def test_the_callers_word_goes_before_the_rules(call: Any, house: House) -> None:
    started(call, alert_rules={"traffic_after_stop": "winner"})
    house.overviews.put(overview("implement"))
    assert call("POST", f"{PATH}/e/stop", {"serve": "a"})[1]["serving_group"] == "a"


MODELS = [
    {"name": "a", "weight": 1, "model_name": "m", "model_version": "champion"},
    {"name": "b", "weight": 1, "model_name": "m", "model_version": "v2"},
]


def publish(house: House) -> None:
    for version in ("v1", "v2"):
        house.models.register(
            ModelVersion(
                name="m",
                version=version,
                status="ready",
                sha256="0" * 64,
                size_bytes=1,
                registered_at=NOON,
                metadata={},
            )
        )
    house.models.set_alias("m", "champion", "v1")


def test_promoting_completes_and_moves_the_alias_on_record(call: Any, house: House) -> None:
    publish(house)
    started(call, groups=MODELS)
    status, promoted = call("POST", f"{PATH}/e/promote", {"group": "b", "alias": "champion"})
    assert (status, promoted["experiment"]["status"], promoted["experiment"]["serving_group"]) == (
        200,
        "completed",
        "b",
    )
    assert (promoted["alias_move"]["source"], promoted["alias_move"]["target"]) == ("v1", "v2")
    assert house.models.aliases("m") == {"champion": "v2"}
    assert house.models.alias_history("m", "champion")[-1].actor == "anonymous"
    line = call("GET", f"{PATH}/e/history")[1][-1]
    assert (line["action"], line["evidence"]) == ("promote", {"group": "b", "alias": "champion", "model": "m:v2"})
    again = call("POST", f"{PATH}/e/promote", {"group": "b", "alias": "champion"})
    assert again == (200, {"experiment": promoted["experiment"], "alias_move": None})


def test_promoting_again_changes_who_serves(call: Any) -> None:
    started(call)
    call("POST", f"{PATH}/e/stop", {"serve": "b"})
    status, promoted = call("POST", f"{PATH}/e/promote", {"group": "a"})
    assert (status, promoted["alias_move"]) == (200, None)
    assert (promoted["experiment"]["status"], promoted["experiment"]["serving_group"]) == ("stopped", "a")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"group": "c"}, 400, "group: no group is called 'c'"),
        ({}, 400, "group: field required"),
        ({"group": "b", "alias": "v1"}, 400, "alias: 'v1' is the name of a version"),
        ({"group": "b", "alias": "a b"}, 400, "alias: "),
        ({"group": "plain", "alias": "champion"}, 400, "alias: group 'plain' has no model"),
        ({"group": "broken", "alias": "champion"}, 409, "group: its model m:v2 is unhealthy"),
    ],
)
def test_a_promotion_that_cannot_be_is_refused_whole(
    call: Any, house: House, body: dict[str, str], status: int, message: str
) -> None:
    publish(house)
    groups = [*MODELS, {"name": "plain", "weight": 1}, MODELS[1] | {"name": "broken"}]
    started(call, groups=groups)
    if body.get("group") == "broken":
        house.models.set_status("m", "v2", "unhealthy", reason="bad bytes")
    answered, refused = call("POST", f"{PATH}/e/promote", body)
    assert answered == status
    assert message in refused["detail"] + str([f"{e['loc']}: {e['msg']}" for e in refused.get("errors", [])])
    assert call("GET", f"{PATH}/e")[1]["status"] == "running"
    assert house.models.aliases("m") == {"champion": "v1"}


def test_a_draft_and_an_archived_experiment_are_not_promoted(call: Any) -> None:
    call("POST", PATH, DOCUMENT)
    status, refused = call("POST", f"{PATH}/e/promote", {"group": "b"})
    assert (status, refused["detail"][:21]) == (409, "status: cannot comple")
    call("DELETE", f"{PATH}/e")
    assert call("POST", f"{PATH}/e/promote", {"group": "b"})[0] == 409
    assert call("POST", f"{PATH}/e/stop")[0] == 409
    assert call("POST", f"{PATH}/f/promote", {"group": "b"})[0] == 404


def test_alerts_are_read_and_acknowledged(call: Any, house: House) -> None:
    started(call)
    over, opened = (
        Alert(
            alert_id=alert_id_of("NO_EVENTS", "", NOON + timedelta(hours=hour)),
            experiment="e",
            kind="NO_EVENTS",
            message="nobody came",
            config_version=1,
            opened_at=NOON + timedelta(hours=hour),
            last_seen_at=NOON + timedelta(hours=hour),
            recovered_at=recovered_at,
        )
        for hour, recovered_at in ((0, NOON + timedelta(minutes=30)), (1, None))
    )
    signal = Signal(kind="NO_EVENTS", alert_id=opened.alert_id)
    house.alerts.record(Watch(experiment="e", signals=(signal,)), [over, opened])
    status, listed = call("GET", f"{PATH}/e/alerts")
    assert (status, [(each["alert_id"], each["status"]) for each in listed]) == (200, [(opened.alert_id, "open")])
    everything = call("GET", f"{PATH}/e/alerts", query="status=all")[1]
    assert [each["status"] for each in everything] == ["open", "recovered"]
    house.clock.advance(60)
    status, noted = call("POST", f"{PATH}/e/alerts/{opened.alert_id}/acknowledge")
    assert (status, noted["acknowledged_by"], noted["acknowledged_at"]) == (200, "anonymous", "2026-03-01T12:01:00Z")
    assert call("GET", f"{PATH}/e/alerts")[1] == [noted]
    assert call("GET", f"{PATH}/e/alerts", query="status=some")[0] == 400
    status, refused = call("POST", f"{PATH}/e/alerts/other/acknowledge")
    assert (status, refused["detail"]) == (404, "alert_id: experiment 'e' has no alert 'other'")
    assert call("GET", f"{PATH}/f/alerts")[0] == 404
    assert call("POST", f"{PATH}/f/alerts/x/acknowledge")[0] == 404
