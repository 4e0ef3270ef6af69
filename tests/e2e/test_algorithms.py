"""Every algorithm over HTTP, on the tables that the template declares."""

import json
from collections import Counter
from typing import Any

import httpx
import pytest

from bakeoff.standin.standin import Standin
from tests.conftest import PROJECT_ROOT

GROUPS = [{"name": "control", "weight": 1}, {"name": "treatment", "weight": 1}]


def start(http: httpx.Client, **definition: Any) -> str:
    name: str = definition["name"]
    created = http.post("/ab_test/experiments", json={"groups": GROUPS, "metrics": ["signup_rate"]} | definition)
    assert created.status_code == 201, created.text
    assert http.post(f"/ab_test/experiments/{name}/start").json()["status"] == "running"
    return name


def end(http: httpx.Client, name: str) -> None:
    http.post(f"/ab_test/experiments/{name}/stop")
    assert http.delete(f"/ab_test/experiments/{name}").status_code == 200


def assign(http: httpx.Client, name: str, users: int) -> list[dict[str, Any]]:
    answers = [
        http.post("/ab_test/assign", json={"experiment_name": name, "user_id": f"{name}-{number}"})
        for number in range(users)
    ]
    return [answer.json() for answer in answers]


def test_the_example_of_a_random_experiment_starts(http: httpx.Client) -> None:
    (pricing,) = [
        each
        for each in json.loads((PROJECT_ROOT / "examples" / "experiments.json").read_text())
        if each["name"] == "pricing_strategy_test"
    ]
    name = start(http, **pricing | {"name": "pricing_over_http", "sample_rate": 1})
    first = assign(http, name, 30)
    assert assign(http, name, 30) == first
    assert {answer["group_name"] for answer in first} == {"control", "lower_price", "higher_price"}
    assert {answer["propensity"] for answer in first} == {0.33, 0.34}
    assert all(answer["parameters"]["price_multiplier"] in {0.9, 1.0, 1.1} for answer in first)
    end(http, name)


def test_weighted_groups_stay_balanced(http: httpx.Client) -> None:
    name = start(http, name="weighted_over_http", assignment_algorithm="weighted")
    first = assign(http, name, 60)
    assert assign(http, name, 60) == first
    found = Counter(answer["group_name"] for answer in first)
    assert abs(found["control"] - 30) <= 5
    assert len({answer["propensity"] for answer in first}) > 2
    end(http, name)


def test_a_bandit_learns_from_events(http: httpx.Client, standin: Standin) -> None:
    window = {"attribution_window_hours": 1e-6, "minimum_exposures": 5, "refresh_minutes": 1e-6, "floor": 0.1}
    long = window | {"attribution_window_hours": 24}
    name = start(http, name="bandit_over_http", assignment_algorithm="bandit", bandit=long)
    answers = assign(http, name, 40)
    for answer in answers:
        if answer["group_name"] == "treatment":
            user = f"{name}-{answers.index(answer)}"
            event = {"user_id": user, "event_type": "signup", "experiment_name": name}
            assert http.post("/ab_test/events", json=event).status_code == 202
    standin.drain()
    unripe = standin.invoke("RefreshFunction", {})
    assert unripe["failed"] == []
    assert unripe["epochs"][name] == {"number": 1, "weights": {"control": 0.5, "treatment": 0.5}}

    # The settings of learning may change at any time. With a window of milliseconds every outcome is known, and
    # none of the events came in time.
    path = f"/ab_test/experiments/{name}"
    changed = http.put(path, json=http.get(path).json() | {"bandit": window})
    assert changed.status_code == 200, changed.text
    weights = standin.invoke("RefreshFunction", {})["epochs"][name]
    assert weights["number"] == 2
    assert sum(weights["weights"].values()) == pytest.approx(1)
    assert min(weights["weights"].values()) > 0.1
    end(http, name)


def test_an_algorithm_that_nobody_registered_is_refused(http: httpx.Client) -> None:
    custom = {"assignment_algorithm": "custom", "custom_algorithm": "loyal_first"}
    answer = http.post("/ab_test/experiments", json={"name": "custom_over_http", "groups": GROUPS} | custom)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"loc": "custom_algorithm", "msg": "no algorithm 'loyal_first' is registered; registered: none at all"}
    ]
