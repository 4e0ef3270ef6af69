"""Metrics in CloudWatch's embedded format, and logs that name what they are about."""

import json
from io import StringIO
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from bakeoff_core import telemetry


def written(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_a_metric_is_there_by_its_dimensions_and_in_total(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry, "NAMESPACE", "Bakeoff/one")
    monkeypatch.setattr(telemetry, "_SERVICE", "assign")
    telemetry.count("assignment_total", 2, experiment="e", group="g")
    line = written(capsys)
    assert line["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "Bakeoff/one",
            "Dimensions": [["experiment", "group", "service"], ["service"]],
            "Metrics": [{"Name": "assignment_total", "Unit": "Count"}],
        }
    ]
    values = {name: line[name] for name in ("experiment", "group", "service", "assignment_total")}
    assert values == {"experiment": "e", "group": "g", "service": "assign", "assignment_total": [2.0]}


@pytest.mark.parametrize(("dimensions", "value"), [({}, 1.5), ({"experiment": " "}, 1.5)])
def test_a_metric_without_dimensions_is_its_total(
    capsys: pytest.CaptureFixture[str], dimensions: dict[str, str], value: float
) -> None:
    telemetry.seconds("delivery_lag_seconds", value, **dimensions)
    line = written(capsys)
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["service"]]
    assert directive["Metrics"] == [{"Name": "delivery_lag_seconds", "Unit": "Seconds"}]
    assert line["delivery_lag_seconds"] == [1.5]


def test_a_size_is_in_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.size("delivery_bytes", 7)
    assert written(capsys)["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"] == "Bytes"


def test_log_lines_name_the_request_and_the_experiment_until_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    monkeypatch.setattr(telemetry, "logger", Logger(service="telemetry-test", stream=stream))
    telemetry.of_request("r-1", "/ab_test/assign")
    telemetry.of_experiment("e")
    telemetry.logger.info("of a body")
    telemetry.of_request("r-2", "/models")
    telemetry.logger.info("of none")
    telemetry.of_request("r-3", "/ab_test/experiments/shop/reports/latest/executive.html")
    telemetry.logger.info("of a path")
    named = [
        (line["request_id"], line.get("experiment_name")) for line in map(json.loads, stream.getvalue().splitlines())
    ]
    assert named == [("r-1", "e"), ("r-2", None), ("r-3", "shop")]
