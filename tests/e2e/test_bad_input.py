"""Bad input on every route: a problem document that names the field, and nothing of what is inside."""

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from bakeoff.standin.standin import Standin

EXPERIMENT = "/ab_test/experiments/recommendation_model_v2"
PREDICT = {"model_name": "recommendation", "data": {"position": 1}}
AB_PREDICT = {"user_id": "u", "experiment_name": "recommendation_model_v2", "features": {"position": 1}}
GROUPS = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
INSIDE = re.compile(r'Traceback|File \\?"|\.py\b|/work|site-packages|Exception|Error\b|<class|object at 0x|pydantic')


@dataclass(frozen=True)
class Case:
    method: str
    path: str
    body: Any
    status: int
    named: str

    @property
    def content(self) -> bytes | None:
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode()


def case(name: str, *parts: Any) -> Any:
    return pytest.param(Case(*parts), id=name)


CASES = [
    # POST /predict and /batch_predict
    case("predict: no body", "POST", "/predict", b"", 400, "body"),
    case("predict: no JSON", "POST", "/predict", b"{", 400, "body"),
    case("predict: a list", "POST", "/predict", [], 400, "body"),
    case(
        "predict: NaN",
        "POST",
        "/predict",
        b'{"model_name": "recommendation", "data": {"position": NaN}}',
        400,
        "line 1 column",
    ),
    case("predict: no model", "POST", "/predict", {"data": {"x": 1}}, 400, "model_name"),
    case("predict: number as model", "POST", "/predict", PREDICT | {"model_name": 3}, 400, "model_name"),
    case("predict: unknown model", "POST", "/predict", PREDICT | {"model_name": "nothing"}, 404, "nothing"),
    case("predict: unknown version", "POST", "/predict", PREDICT | {"model_version": "v9"}, 404, "v9"),
    case("predict: no data", "POST", "/predict", {"model_name": "recommendation"}, 400, "data"),
    case("predict: empty data", "POST", "/predict", PREDICT | {"data": {}}, 400, "data"),
    case("predict: text as data", "POST", "/predict", PREDICT | {"data": "x"}, 400, "data"),
    case("predict: missing feature", "POST", "/predict", PREDICT, 400, "user_feature_0"),
    case("predict: unknown feature", "POST", "/predict", PREDICT | {"data": {"colour": 1}}, 400, "colour"),
    case("batch: no rows", "POST", "/batch_predict", PREDICT | {"data": []}, 400, "data"),
    case("batch: one row", "POST", "/batch_predict", PREDICT, 400, "data"),
    case("batch: unknown model", "POST", "/batch_predict", {"model_name": "nothing", "data": [{}]}, 404, "nothing"),
    # POST /models/load and /models/unload
    case("load: no name", "POST", "/models/load", {}, 400, "model_name"),
    case("load: unknown", "POST", "/models/load", {"model_name": "nothing", "model_version": "v1"}, 404, "nothing"),
    case("unload: no name", "POST", "/models/unload", {"model_version": "v1"}, 400, "model_name"),
    case("unload: unknown", "POST", "/models/unload", {"model_name": "nothing", "model_version": "v1"}, 404, "nothing"),
    # POST /ab_test/assign
    case("assign: no body", "POST", "/ab_test/assign", b"", 400, "body"),
    case("assign: no user", "POST", "/ab_test/assign", {"experiment_name": "x"}, 400, "user_id"),
    case("assign: null user", "POST", "/ab_test/assign", {"experiment_name": "x", "user_id": None}, 400, "user_id"),
    case("assign: empty user", "POST", "/ab_test/assign", {"experiment_name": "x", "user_id": ""}, 400, "user_id"),
    case("assign: unknown", "POST", "/ab_test/assign", {"experiment_name": "nothing", "user_id": "u"}, 404, "nothing"),
    case(
        "assign: bad name",
        "POST",
        "/ab_test/assign",
        {"experiment_name": "a/b", "user_id": "u"},
        400,
        "experiment_name",
    ),
    case(
        "assign: text as context",
        "POST",
        "/ab_test/assign",
        {"experiment_name": "recommendation_model_v2", "user_id": "u", "context": "x"},
        400,
        "context",
    ),
    # POST /ab_test/predict
    case(
        "ab predict: no user",
        "POST",
        "/ab_test/predict",
        {"experiment_name": "x", "features": {"a": 1}},
        400,
        "user_id",
    ),
    case(
        "ab predict: unknown", "POST", "/ab_test/predict", AB_PREDICT | {"experiment_name": "nothing"}, 404, "nothing"
    ),
    case("ab predict: missing feature", "POST", "/ab_test/predict", AB_PREDICT, 400, "user_feature_0"),
    case("ab predict: no features", "POST", "/ab_test/predict", AB_PREDICT | {"features": None}, 400, "features"),
    case(
        "ab predict: no model in the groups",
        "POST",
        "/ab_test/predict",
        AB_PREDICT | {"experiment_name": "pricing_strategy_test"},
        409,
        "/ab_test/assign",
    ),
    # POST /ab_test/events
    case("events: none", "POST", "/ab_test/events", [], 400, "at least one"),
    case("events: no type", "POST", "/ab_test/events", {"user_id": "u"}, 400, "[0].event_type"),
    case("events: no user", "POST", "/ab_test/events", [{"event_type": "click"}], 400, "[0].user_id"),
    case(
        "events: infinite value",
        "POST",
        "/ab_test/events",
        b'{"user_id": "u", "event_type": "click", "event_value": Infinity}',
        400,
        "line 1 column",
    ),
    case(
        "events: local time",
        "POST",
        "/ab_test/events",
        {"user_id": "u", "event_type": "click", "timestamp": "2026-01-01T00:00:00"},
        400,
        "[0].timestamp",
    ),
    case(
        "events: an assignment to nothing",
        "POST",
        "/ab_test/events",
        {"user_id": "u", "event_type": "assignment"},
        400,
        "experiment_name",
    ),
    case("events: too many", "POST", "/ab_test/events", [{}] * 501, 413, "500"),
    # /ab_test/experiments
    case("create: no body", "POST", "/ab_test/experiments", b"", 400, "body"),
    case("create: a list", "POST", "/ab_test/experiments", [], 400, "body"),
    case("create: no name", "POST", "/ab_test/experiments", {"groups": GROUPS}, 400, "name"),
    case("create: one group", "POST", "/ab_test/experiments", {"name": "x", "groups": GROUPS[:1]}, 400, "groups"),
    case(
        "create: negative weight",
        "POST",
        "/ab_test/experiments",
        {"name": "x", "groups": [GROUPS[0], {"name": "b", "weight": -0.5}]},
        400,
        "groups[1].weight",
    ),
    case(
        "create: sample rate above 1",
        "POST",
        "/ab_test/experiments",
        {"name": "x", "groups": GROUPS, "sample_rate": 2},
        400,
        "sample_rate",
    ),
    case(
        "create: unknown field", "POST", "/ab_test/experiments", {"name": "x", "groups": GROUPS, "hue": 1}, 400, "hue"
    ),
    case(
        "create: taken",
        "POST",
        "/ab_test/experiments",
        {"name": "recommendation_model_v2", "groups": GROUPS},
        409,
        "recommendation_model_v2",
    ),
    case("read: unknown", "GET", "/ab_test/experiments/nothing", None, 404, "nothing"),
    case("read: bad name", "GET", "/ab_test/experiments/a%20b", None, 400, "name"),
    case(
        "change: unknown", "PUT", "/ab_test/experiments/nothing", {"name": "nothing", "groups": GROUPS}, 404, "nothing"
    ),
    case("change: no groups", "PUT", EXPERIMENT, {"name": "recommendation_model_v2"}, 400, "groups"),
    case("change: another name", "PUT", EXPERIMENT, {"name": "other", "groups": GROUPS}, 400, "name"),
    case(
        "change: groups while running",
        "PUT",
        EXPERIMENT,
        {"name": "recommendation_model_v2", "groups": GROUPS},
        409,
        "groups",
    ),
    case("archive: running", "DELETE", EXPERIMENT, None, 409, "running"),
    case("archive: unknown", "DELETE", "/ab_test/experiments/nothing", None, 404, "nothing"),
    case("start: running", "POST", f"{EXPERIMENT}/start", None, 409, "status"),
    case("start: unknown", "POST", "/ab_test/experiments/nothing/start", None, 404, "nothing"),
    case("pause: draft", "POST", "/ab_test/experiments/pricing_strategy_test/pause", None, 409, "status"),
    case("resume: running", "POST", f"{EXPERIMENT}/resume", None, 409, "status"),
    case("stop: draft", "POST", "/ab_test/experiments/pricing_strategy_test/stop", None, 409, "status"),
    case("complete: draft", "POST", "/ab_test/experiments/pricing_strategy_test/complete", None, 409, "status"),
    # statistics and reports
    case("stats: unknown", "GET", "/ab_test/experiments/nothing/stats", None, 404, "nothing"),
    case("stats, older spelling: unknown", "GET", "/ab_test/experiment/nothing/stats", None, 404, "nothing"),
    case("reports: unknown", "GET", "/ab_test/experiments/nothing/reports", None, 404, "nothing"),
    case("make report: unknown", "POST", "/ab_test/experiments/nothing/reports", None, 404, "nothing"),
    case("download: unknown report", "GET", f"{EXPERIMENT}/reports/20200101/technical.json", None, 404, "20200101"),
    case("download: unknown file", "GET", f"{EXPERIMENT}/reports/latest/secrets.txt", None, 404, "secrets.txt"),
]


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_in_words(started: Standin, http: httpx.Client, case: Case) -> None:
    headers = {"Content-Type": "application/json", "X-Request-ID": "bad-input"}
    answer = http.request(case.method, case.path, content=case.content, headers=headers)
    assert answer.status_code == case.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "bad-input"
    assert float(answer.headers["x-process-time"]) >= 0
    problem = answer.json()
    assert problem.keys() - {"errors"} == {"type", "title", "status", "detail", "request_id"}
    assert (problem["status"], problem["request_id"]) == (case.status, "bad-input")
    for error in problem.get("errors", []):
        assert error.keys() == {"loc", "msg"}
    assert case.named in json.dumps(problem, ensure_ascii=False)
    assert INSIDE.search(answer.text) is None


def test_some_bad_events_do_not_hold_the_good_ones_back(started: Standin, http: httpx.Client) -> None:
    events = [
        {"user_id": "u", "event_type": "view", "event_id": "good"},
        {"user_id": "u", "event_type": "view", "event_value": "much"},
    ]
    answer = http.post("/ab_test/events", json=events)
    assert answer.status_code == 202
    good, bad = answer.json()["results"]
    assert good == {"index": 0, "event_id": "good", "status": "accepted"}
    assert (bad["index"], bad["status"], bad["errors"][0]["loc"]) == (1, "rejected", "event_value")


def test_a_bad_row_of_a_batch_says_which(started: Standin, http: httpx.Client) -> None:
    answer = http.post("/batch_predict", json={"model_name": "recommendation", "data": [{"position": "x"}]})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["total"], body["success"], body["failed"]) == (1, 0, 1)
    assert body["results"][0]["index"] == 0
    assert INSIDE.search(answer.text) is None


def test_an_unknown_route_is_api_gateways_own_answer(started: Standin, http: httpx.Client) -> None:
    answer = http.get("/nothing")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})
