"""The analysis and the routes of reports, over stores in memory and real events."""

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from analyze import AnalysisFailed, Handle, Worker, build_handler
from background import Background
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.events.model import Event
from bakeoff_core.http.fastapi_app import lambda_handler
from bakeoff_core.stores.alerts import InMemoryAlertStore
from bakeoff_core.stores.arms import InMemoryArmStore
from bakeoff_core.stores.experiments import Audit, InMemoryExperimentIndex, InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry, ModelVersion
from bakeoff_core.stores.notifications import InMemoryNotificationQueue
from bakeoff_core.stores.objects import InMemoryObjectStore
from bakeoff_core.stores.overviews import InMemoryOverviewStore
from bakeoff_core.stores.runs import InMemoryRunStore, Run, RunDone
from bakeoff_core.stores.tasks import Task
from dashboard.listing import Listing
from engine.duckdb_engine import duckdb_over
from looking import Looker
from reporting import Reports
from reports import build_app
from rounds import Rounds
from tests.support import NOON, LambdaContextFake, SettableClock, Unmonitored, experiment, http_event

CONTEXT: Any = LambdaContextFake()
AUDIT = Audit(actor="test", action="create", at=NOON)

Analyze = Callable[[dict[str, Any]], dict[str, Any]]
Call = Callable[[str, str], tuple[int, dict[str, str], Any]]


class World:
    """Everything that the two entry points stand on."""

    def __init__(self) -> None:
        self.experiments = InMemoryExperimentStore()
        self.models = InMemoryModelRegistry(lambda: NOON)
        self.events = InMemoryObjectStore()
        self.files = InMemoryObjectStore()
        self.overviews = InMemoryOverviewStore()
        self.reports = Reports(self.files)
        self.clock = SettableClock(NOON + timedelta(days=1))
        self.runs = InMemoryRunStore()
        self.notices = InMemoryNotificationQueue()
        self.postponed: list[tuple[str, int]] = []
        self.open_engine = partial(duckdb_over, self.events, memory_mb=512)

    def record(self, *events: Event, key: str = "events/dt=2026-03-01/hour=12/s-1-2.ndjson.gz") -> None:
        self.events.put(key, gzip.compress(b"".join(event.to_line() + b"\n" for event in events)), "application/gzip")

    def handler(self, attempts: int = 5) -> Handle:
        rounds = Rounds(
            self.experiments,
            self.runs,
            Looker(self.models, Background(self.experiments, InMemoryArmStore())),
            Unmonitored(),
            self.reports,
            self.overviews,
            self.notices,
            self.clock,
        )
        worker = Worker(self.experiments, rounds, self.open_engine, self.clock, self.postpone, attempts)
        return build_handler(worker)

    def postpone(self, receipt: str, seconds: int) -> None:
        self.postponed.append((receipt, seconds))


def event(number: int, user: str, event_type: str, **fields: Any) -> Event:
    at = NOON + timedelta(minutes=number)
    return Event(event_id=f"e{number}", event_type=event_type, user_id=user, timestamp=at, received_at=at, **fields)


def exposure(number: int, user: str, group: str) -> Event:
    return event(number, user, "exposure", experiment_name="checkout_button", group_name=group, config_version=1)


@pytest.fixture
def world() -> World:
    world = World()
    for name, status in (("checkout_button", "running"), ("other", "running"), ("over", "completed")):
        world.experiments.put(experiment(name=name, status=status), AUDIT)
    world.record(
        exposure(1, "a", "control"),
        exposure(2, "b", "control"),
        exposure(3, "c", "treatment"),
        event(4, "a", "click"),
        event(5, "c", "revenue", event_value=12.5),
    )
    return world


@pytest.fixture
def analyze(world: World) -> Analyze:
    handle = world.handler()
    return lambda event: handle(event, "invocation-1")


@pytest.fixture
def call(world: World) -> Call:
    index = InMemoryExperimentIndex(world.experiments)
    listing = Listing(index, world.experiments, world.overviews, InMemoryAlertStore(), world.models, world.clock)
    looker = Looker(world.models, Background(world.experiments, InMemoryArmStore()))
    app = build_app(world.experiments, world.reports, world.open_engine, world.clock, looker, listing)
    handler = lambda_handler(app)

    def call(method: str, path: str) -> tuple[int, dict[str, str], Any]:
        path, _, query = path.partition("?")
        answer = handler(http_event(method, path) | {"rawQueryString": query}, CONTEXT)
        return answer["statusCode"], answer["headers"], json.loads(answer["body"] or "null")

    return call


@pytest.mark.parametrize("event", [{}, {"detail": {}}, {"detail": "{}"}])
def test_every_running_experiment_is_reported_on_when_asked(
    world: World, analyze: Analyze, event: dict[str, Any]
) -> None:
    summary = analyze(event)
    assert [report["experiment"] for report in summary["reports"]] == ["checkout_button", "other"]
    assert summary["failed"] == []
    document = json.loads(world.files.get("reports/checkout_button/latest/technical.json"))
    assert document["groups"]["control"]["metrics"]["click_rate"]["conversions"] == 1
    assert document["groups"]["control"]["n"] == 2
    assert document["groups"]["treatment"]["metrics"]["revenue"]["sum"] == 12.5
    assert json.loads(world.files.get("reports/other/latest/technical.json"))["decision"]["verdict"] == "no_data"
    assert world.files.list("reports/over/") == []


@pytest.mark.parametrize("detail", [{"experiments": ["over"]}, '{"experiments": ["over"]}'])
def test_named_experiments_are_reported_on_even_when_they_are_over(world: World, analyze: Analyze, detail: Any) -> None:
    summary = analyze({"detail": detail})
    assert [report["experiment"] for report in summary["reports"]] == ["over"]
    assert summary["reports"][0]["report_id"] == "20260302T120000.000000Z"


def test_models_are_reported_on_with_their_drift(world: World, analyze: Analyze, call: Call) -> None:
    groups = [{"name": name, "weight": 1, "model_name": "m", "model_version": "v1"} for name in ("a", "b")]
    world.experiments.put(experiment(name="ranking", groups=groups), AUDIT)
    ages = {"kind": "number", "cuts": [40.0], "counts": [500, 500]}
    metadata: dict[str, Any] = {
        "input_schema": {"features": [{"name": "age", "type": "int"}]},
        "training_sample": {"rows": 1_000, "features": {"age": ages}},
    }
    standing: dict[str, Any] = {"status": "ready", "sha256": "ab", "size_bytes": 1, "registered_at": NOON}
    world.models.register(ModelVersion(name="m", version="v1", metadata=metadata, **standing))
    of_model = {"experiment_name": "ranking", "group_name": "a", "model_name": "m", "model_version": "v1"}
    details: dict[str, Any] = {"features": {"age": 70}, "prediction": 1.5, "latency_ms": 3.0}
    world.record(
        *(event(n, f"u{n}", "prediction", config_version=1, metadata=details, **of_model) for n in range(200)),
        key="events/dt=2026-03-01/hour=13/s-3-4.ndjson.gz",
    )
    analyze({})
    (model,) = json.loads(world.files.get("reports/ranking/latest/technical.json"))["models"]
    assert (model["group"], model["model_name"], model["model_version"], model["predictions"]) == ("a", "m", "v1", 200)
    assert model["latency_ms"] == {"p50": 3.0, "p95": 3.0, "p99": 3.0}
    (age,) = model["drift"]
    assert (age["variable"], age["counts"], age["level"], age["ks"]) == ("age", [0, 200], "large", 0.5)
    assert call("GET", "/ab_test/experiments/ranking/stats")[2]["models"] == [model]
    assert call("GET", "/ab_test/experiments/other/stats")[2]["models"] == []


def test_one_failure_stops_no_other_and_is_visible(world: World, analyze: Analyze) -> None:
    with pytest.raises(AnalysisFailed, match="could not analyse missing; wrote 2 reports"):
        analyze({"detail": {"experiments": ["checkout_button", "missing", "other"]}})
    assert len(world.reports.list("checkout_button")) == len(world.reports.list("other")) == 1


def test_reports_of_an_earlier_moment_leave_the_latest_alone(world: World, analyze: Analyze) -> None:
    analyze({})
    latest = world.files.get("reports/checkout_button/latest/technical.json")
    earlier = NOON + timedelta(minutes=2, seconds=30)
    for _ in range(2):
        analyze({"detail": {"experiments": ["checkout_button"], "as_of": earlier.isoformat()}})
    assert [report.report_id for report in world.reports.list("checkout_button")] == [
        "20260302T120000.000000Z",
        "20260301T120230.000000Z",
    ]
    document = json.loads(world.files.get("reports/checkout_button/20260301T120230.000000Z/technical.json"))
    assert {name: group["n"] for name, group in document["groups"].items()} == {"control": 2, "treatment": 0}
    assert world.files.get("reports/checkout_button/latest/technical.json") == latest
    overview = world.overviews.read(["checkout_button"])["checkout_button"]
    assert overview.report_id == "20260302T120000.000000Z"


def message(task: Task | str, attempt: int = 1) -> dict[str, Any]:
    body = task if isinstance(task, str) else task.model_dump_json()
    name = "junk" if isinstance(task, str) else f"{task.experiment} {task.due_at:%H:%M}"
    return {
        "messageId": name,
        "receiptHandle": f"receipt of {name}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(attempt)},
        "eventSource": "aws:sqs",
    }


def task(experiment: str, hours: int = 0, kind: Any = "report") -> Task:
    due = NOON + timedelta(hours=hours)
    return Task(experiment=experiment, kind=kind, due_at=due, as_of=due)


def test_tasks_of_the_queue_are_done_once(world: World, analyze: Analyze) -> None:
    records = [message(task("checkout_button", 1)), message(task("other", 1, "look"))]
    assert analyze({"Records": records}) == {"batchItemFailures": []}
    assert [report.report_id for report in world.reports.list("checkout_button")] == ["20260301T130000.000000Z"]
    assert world.reports.list("other") == []
    assert json.loads(world.files.get("reports/other/latest/technical.json"))["as_of"] == "2026-03-01T13:00:00Z"
    with pytest.raises(RunDone):
        world.runs.claim(Run("other", "look", NOON + timedelta(hours=1)), "x", as_of=NOON, now=NOON, lease=timedelta())
    world.files.delete(world.files.list("reports/"))
    assert analyze({"Records": records}) == {"batchItemFailures": []}
    assert world.files.list("reports/") == []


def test_a_task_that_fails_comes_again_later_and_later(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = world.handler(attempts=3)
    calls: list[str] = []

    def fail(_: object, __: object, experiment: Any, ___: object) -> None:
        calls.append(experiment.name)
        raise RuntimeError("broken")

    monkeypatch.setattr(Looker, "look", fail)
    broken, following = task("checkout_button", 1), task("checkout_button", 2)
    for attempt in (1, 2, 3):
        records = [message("{}", attempt), message(broken, attempt), message(following), message(task("other", 1))]
        assert handle({"Records": records}, "invocation") == {
            "batchItemFailures": [
                {"itemIdentifier": name}
                for name in ("junk", "checkout_button 13:00", "checkout_button 14:00", "other 13:00")
            ]
        }
    assert calls == ["checkout_button", "other"] * 3
    assert [seconds for receipt, seconds in world.postponed if "button" in receipt] == [30, 60]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "analysis_abandoned_total" in line]
    assert [line["experiment"] for line in lines] == ["unknown", "checkout_button"]


def test_a_task_that_somebody_else_is_at_comes_again_after_the_lease(world: World, analyze: Analyze) -> None:
    due = task("checkout_button", 1)
    world.runs.claim(due.run, "another", as_of=NOON, now=world.clock.now, lease=timedelta(minutes=6))
    assert analyze({"Records": [message(due)]}) == {"batchItemFailures": [{"itemIdentifier": "checkout_button 13:00"}]}
    assert world.postponed == [("receipt of checkout_button 13:00", 360)]
    world.clock.advance(360)
    assert analyze({"Records": [message(due, 2)]}) == {"batchItemFailures": []}


def test_a_task_of_an_experiment_that_is_gone_is_dropped(analyze: Analyze) -> None:
    assert analyze({"Records": [message(task("gone"))]}) == {"batchItemFailures": []}


def test_dated_reports_expire_and_the_latest_do_not(world: World, analyze: Analyze) -> None:
    analyze({"Records": [message(task("checkout_button", 1)), message(task("other", 1, "look"))]})
    tagged = {key for key, tags in world.files.tags.items() if tags == {"retention": "dated"}}
    assert tagged == set(world.files.list("reports/checkout_button/20260301T130000.000000Z/"))
    assert len(tagged) == len(world.files.list("reports/other/latest/")) == 9


@pytest.mark.parametrize("spelling", ["experiments", "experiment"])
def test_statistics_are_computed_now(call: Call, spelling: str) -> None:
    status, headers, results = call("GET", f"/ab_test/{spelling}/checkout_button/stats")
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert results["experiment"] == "checkout_button"
    assert results["computed_at"] == "2026-03-02T12:00:00Z"
    assert {name: group["n"] for name, group in results["groups"].items()} == {"control": 2, "treatment": 1}
    assert results["comparisons"]["treatment"]["click_rate"]["method"] == "Fisher exact; Newcombe interval"


def test_statistics_are_the_last_ones_until_they_are_computed_again(world: World, call: Call) -> None:
    path = "/ab_test/experiments/checkout_button/stats"
    first = call("GET", path)[2]
    assert first["age_seconds"] == 0
    world.record(event(6, "b", "click"), key="events/dt=2026-03-01/hour=12/s-3-4.ndjson.gz")
    world.clock.advance(90)
    aged = call("GET", path)[2]
    assert aged == first | {"age_seconds": 90}
    again = call("GET", f"{path}?refresh=true")[2]
    assert (again["age_seconds"], again["computed_at"]) == (0, "2026-03-02T12:01:30Z")
    assert again["groups"]["control"]["metrics"]["click_rate"]["conversions"] == 2
    world.clock.advance(1)
    assert call("GET", path)[2] == again | {"age_seconds": 1}
    assert world.reports.list("checkout_button") == []


def test_statistics_are_those_of_the_latest_report(world: World, call: Call) -> None:
    call("POST", "/ab_test/experiments/checkout_button/reports")
    world.events.put("events/dt=2026-03-01/hour=13/s-3-4.ndjson.gz", b"never read", "application/gzip")
    results = call("GET", "/ab_test/experiments/checkout_button/stats")[2]
    del results["age_seconds"]
    assert results == json.loads(world.files.get("reports/checkout_button/latest/technical.json"))


@pytest.mark.parametrize(
    "changes", [{"config_version": 2}, {"metrics": ["click_rate"]}, {"analysis": {"confidence_level": 0.9}}]
)
def test_statistics_of_another_configuration_are_computed_again(
    world: World, call: Call, changes: dict[str, Any]
) -> None:
    path = "/ab_test/experiments/checkout_button/stats"
    call("GET", path)
    world.clock.advance(60)
    stored = world.experiments.get("checkout_button")
    world.experiments.put(experiment(**changes).model_copy(update={"version": stored.version}), AUDIT)
    assert call("GET", path)[2]["age_seconds"] == 0


def test_results_of_an_older_release_are_computed_again(world: World, call: Call) -> None:
    world.files.put("reports/checkout_button/latest/technical.json", b'{"experiment": "checkout_button"}', "x")
    assert call("GET", "/ab_test/experiments/checkout_button/stats")[2]["age_seconds"] == 0


def test_a_report_is_made_listed_and_downloaded(call: Call) -> None:
    path = "/ab_test/experiments/checkout_button/reports"
    status, _, report = call("POST", path)
    assert (status, report["report_id"]) == (201, "20260302T120000.000000Z")
    assert call("GET", path)[2] == {"reports": [report]}
    for link in (*report["links"].values(), f"{path}/latest/executive.html"):
        status, headers, _ = call("GET", link)
        assert status == 307
        folder, _, file = link.removeprefix(f"{path}/").partition("/")
        assert headers["location"] == f"memory:reports/checkout_button/{folder}/{file}?expires=900"


def test_the_dashboard_shows_what_was_computed_last(world: World, analyze: Analyze, call: Call) -> None:
    def shown(name: str) -> dict[str, Any]:
        lines = {line["name"]: line for line in call("GET", "/ab_test/dashboard")[2]["experiments"]}
        found: dict[str, Any] = lines[name]
        return found

    assert shown("checkout_button")["overview"] is None
    statistics = call("GET", "/ab_test/experiments/checkout_button/stats")[2]
    overview = shown("checkout_button")["overview"]
    assert (overview["computed_at"], overview["report_id"]) == (statistics["computed_at"], None)
    assert overview["users"] == 3
    assert overview["groups"]["control"]["value"] == 0.5
    assert overview["decision"]["headline"] == statistics["decision"]["explanation"]
    world.clock.advance(60)
    report = call("POST", "/ab_test/experiments/checkout_button/reports")[2]
    assert shown("checkout_button")["overview"]["report_id"] == report["report_id"]
    world.clock.advance(60)
    analyze({})
    assert shown("checkout_button")["overview"]["computed_at"] == "2026-03-02T12:02:00Z"
    assert shown("other")["overview"]["decision"]["verdict"] == "no_data"
    assert shown("over")["overview"] is None


def test_whoever_asks_for_results_gets_them_though_no_overview_can_be_kept(
    world: World, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_overview: object) -> None:
        raise DependencyUnavailable("the overview table")

    monkeypatch.setattr(world.overviews, "put", fail)
    assert call("GET", "/ab_test/experiments/checkout_button/stats")[0] == 200
    assert call("POST", "/ab_test/experiments/checkout_button/reports")[0] == 201


def test_a_report_of_the_same_moment_is_the_same_report(world: World, call: Call) -> None:
    path = "/ab_test/experiments/checkout_button/reports"
    made = [call("POST", f"{path}?as_of=2026-03-01T12:02:30Z")[2] for _ in range(2)]
    assert made[0] == made[1]
    assert made[0]["report_id"] == "20260301T120230.000000Z"
    assert call("GET", path)[2] == {"reports": [made[0]]}
    files = {key: world.files.get(key) for key in world.files.list("reports/checkout_button/")}
    call("POST", f"{path}?as_of=2026-03-01T13:02:30%2B01:00")
    assert {key: world.files.get(key) for key in world.files.list("reports/checkout_button/")} == files
    answered, _, problem = call("POST", f"{path}?as_of=2026-03-02T12:00:01Z")
    assert (answered, problem["detail"]) == (400, "as_of: must not be in the future")
    assert call("POST", f"{path}?as_of=yesterday")[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "experiments/nothing/stats", 404, "experiment_name: no experiment is called 'nothing'"),
        ("POST", "experiments/nothing/reports", 404, "experiment_name: no experiment is called 'nothing'"),
        ("GET", "experiments/nothing/reports", 404, "experiment_name: no experiment is called 'nothing'"),
        (
            "GET",
            "experiments/checkout_button/reports/x/executive.md",
            404,
            "report_id: experiment 'checkout_button' has no",
        ),
        (
            "GET",
            "experiments/checkout_button/reports/latest/secrets.txt",
            404,
            "file: a report has no file 'secrets.txt'",
        ),
        ("GET", "experiments/a%20b/stats", 400, "name: "),
        ("GET", "experiments/checkout_button/reports/%2e%2e%5cx/executive.md", 400, "report_id: "),
    ],
)
def test_what_is_wrong_is_named(call: Call, method: str, path: str, status: int, detail: str) -> None:
    answered, headers, problem = call(method, f"/ab_test/{path}")
    assert answered == status
    assert headers["content-type"] == "application/problem+json"
    assert problem["detail"].startswith(detail)


def test_a_broken_object_is_reported_and_the_rest_counts(world: World, call: Call) -> None:
    world.events.put("events/dt=2026-03-01/hour=13/s-3-4.ndjson.gz", b"broken", "application/gzip")
    results = call("GET", "/ab_test/experiments/checkout_button/stats")[2]
    assert results["data_quality"]["unreadable_objects"] == ["events/dt=2026-03-01/hour=13/s-3-4.ndjson.gz"]
    assert results["groups"]["control"]["n"] == 2
