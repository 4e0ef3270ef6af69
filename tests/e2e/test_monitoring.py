"""An alert, from a look of the deployed function to somebody who takes note of it, and what serves after the end."""

import json
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from bakeoff.api import Api
from bakeoff.main import app
from bakeoff.stack import Stack
from bakeoff.standin.standin import Standin

RULES = {"grace_minutes": 0, "min_sample_not_reached": {"enabled": False}}
GROUPS = [
    {"name": "control", "weight": 1, "model_name": "recommendation", "model_version": "v1", "parameters": {"k": 1}},
    {"name": "treatment", "weight": 1, "model_name": "recommendation", "model_version": "v2", "parameters": {"k": 2}},
]


@pytest.fixture
def bakeoff(started: Standin) -> Any:
    def run(*arguments: str) -> list[str]:
        result = CliRunner().invoke(app, ["experiment", *arguments], env=dict(started.environment))
        assert result.exit_code == 0, result.output
        return result.output.splitlines()

    return run


def look(standin: Standin, name: str) -> None:
    answer = standin.invoke("AnalyzeFunction", {"detail": {"experiments": [name]}})
    assert answer["failed"] == []


def test_an_alert_is_raised_read_acknowledged_and_closed(started: Standin, api: Api, bakeoff: Any) -> None:
    api.post("/ab_test/experiments", {"name": "watched", "groups": GROUPS, "alert_rules": RULES})
    assert bakeoff("start", "watched") == ["watched: running"]
    assert bakeoff("alerts", "watched") == ["watched: no alerts"]
    for _ in range(2):
        look(started, "watched")
    kind, message, alert_id = bakeoff("alerts", "watched")
    assert kind.startswith("LOW_SAMPLE_SIZE  open  ")
    assert message == "    Too few users: control has 0, treatment has 0, and each group should have at least 50."
    assert bakeoff("alerts", "watched", "--ids") == [alert_id.strip()]
    (noted,) = bakeoff("acknowledge", "watched", alert_id.strip())
    key_id = started.keys["admin"].split("_")[1]
    assert noted.startswith(f"LOW_SAMPLE_SIZE of watched: acknowledged by {key_id} at ")
    (line,) = [each for each in api.get("/ab_test/dashboard")["experiments"] if each["name"] == "watched"]
    assert [(each["kind"], each["acknowledged_by"]) for each in line["alerts"]] == [("LOW_SAMPLE_SIZE", key_id)]
    assert bakeoff("stop", "watched", "--serve", "treatment") == ["watched: stopped, treatment serves everybody"]
    look(started, "watched")
    assert bakeoff("alerts", "watched") == ["watched: no alerts"]
    (over,) = json.loads("\n".join(bakeoff("alerts", "watched", "--all", "--json")))
    assert (over["status"], over["ended_by"], over["acknowledged_by"]) == ("recovered", "experiment", key_id)


def test_the_promoted_group_serves_everybody(started: Standin, api: Api, bakeoff: Any, http: httpx.Client) -> None:
    api.post("/ab_test/experiments", {"name": "promoted", "groups": GROUPS})
    bakeoff("start", "promoted")
    stack = Stack.from_environment(started.environment)
    models = stack.registry
    models.set_alias("recommendation", "winner", "v1")
    assert bakeoff("promote", "promoted", "treatment", "--alias", "winner") == [
        "promoted: completed, treatment serves everybody",
        "recommendation:winner: v1 -> v2",
    ]
    move = models.alias_history("recommendation", "winner")[-1]
    assert (move.source, move.target, move.actor) == ("v1", "v2", started.keys["admin"].split("_")[1])
    assert bakeoff("history", "promoted")[-3:] == [
        "    group: treatment",
        "    alias: winner",
        "    model: recommendation:v2",
    ]
    metadata = json.loads(stack.objects.get("models/recommendation/v2/metadata.json"))
    asked = {"user_id": "user-1", "experiment_name": "promoted", "features": metadata["probe"]["features"]}
    predicted = http.post("/ab_test/predict", json=asked).json()
    # Within the age to which a configuration is remembered, or at once where it was not known before.
    assert (predicted["model_version"], predicted["experiment_group"]) == ("v2", None)
    assigned = http.post("/ab_test/assign", json={"user_id": "user-1", "experiment_name": "promoted"}).json()
    assert (assigned["assigned"], assigned["model_version"], assigned["parameters"]) == (False, "v2", {"k": 2})
    flag = http.post("/ofrep/v1/evaluate/flags/promoted", json={"context": {"targetingKey": "user-1"}}).json()
    assert (flag["value"], flag["variant"], flag["reason"]) == ({"k": 2}, "treatment", "STATIC")
