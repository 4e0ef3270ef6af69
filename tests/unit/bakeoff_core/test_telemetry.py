"""Metrics in CloudWatch's embedded format, and logs that name what they are about."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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


def metrics(line: dict[str, Any]) -> dict[str, list[float]]:
    [directive] = line["_aws"]["CloudWatchMetrics"]
    return {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}


def test_gathered_metrics_of_the_same_dimensions_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with telemetry.gathered_metrics():
        telemetry.count("model_request_total", model_name="m")
        telemetry.count("assignment_total", experiment="e")
        telemetry.seconds("prediction_latency_seconds", 0.5, model_name="m")
        telemetry.count("model_request_total", 2, model_name="m")
        assert capsys.readouterr().out == ""
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert metrics(first) == {"model_request_total": [1.0, 2.0], "prediction_latency_seconds": [0.5]}
    assert first["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [
        {"Name": "model_request_total", "Unit": "Count"},
        {"Name": "prediction_latency_seconds", "Unit": "Seconds"},
    ]
    assert metrics(second) == {"assignment_total": [1.0]}
    telemetry.count("assignment_total", experiment="e")
    assert metrics(written(capsys)) == {"assignment_total": [1.0]}


def test_gathered_metrics_are_written_whatever_happens(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        telemetry.count("assignment_total", experiment="e")
        raise RuntimeError

    with pytest.raises(RuntimeError), telemetry.gathered_metrics():
        fail()
    assert metrics(written(capsys)) == {"assignment_total": [1.0]}


def test_no_line_holds_more_than_cloudwatch_reads(capsys: pytest.CaptureFixture[str]) -> None:
    with telemetry.gathered_metrics():
        for number in range(250):
            telemetry.count("assignment_total", number)
        for number in range(150):
            telemetry.count(f"metric_{number}")
    lines = [metrics(json.loads(line)) for line in capsys.readouterr().out.splitlines()]
    assert [number for line in lines for number in line.get("assignment_total", [])] == list(range(250))
    assert sum(len(line.keys() - {"assignment_total"}) for line in lines) == 150
    assert max(map(len, lines)) <= 100
    assert max(len(values) for line in lines for values in line.values()) <= 100


def test_threads_gather_together_and_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def serve(number: int) -> None:
        with telemetry.gathered_metrics():
            for _ in range(50):
                telemetry.count("model_request_total", model_name=str(number % 3))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(serve, range(40)))
    lines = [metrics(json.loads(line)) for line in capsys.readouterr().out.splitlines()]
    assert sum(sum(line["model_request_total"]) for line in lines) == 2_000


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


class Context:
    function_name = "predict"
    memory_limit_in_mb = 1_769
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:predict"
    aws_request_id = "1"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable[[], list[dict[str, Any]]]:
    stream = StringIO()
    monkeypatch.setattr(telemetry, "logger", Logger(service=request.node.name, stream=stream))
    monkeypatch.setattr("aws_lambda_powertools.logging.logger.is_cold_start", True)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def handle(_event: object, _context: object) -> str:
    telemetry.logger.info("handled")
    return "answer"


def invoke(handler: Any, request_id: str, **changes: Any) -> None:
    assert handler({}, type("Changed", (Context,), {"aws_request_id": request_id, **changes})()) == "answer"


def test_log_lines_name_their_invocation_as_powertools_does(lines: Callable[[], list[dict[str, Any]]]) -> None:
    theirs, ours = telemetry.logger.inject_lambda_context(handle), telemetry.naming_invocations(handle)
    for handler in (theirs, ours, theirs, ours):
        invoke(handler, "2")
    named = ("function_name", "function_memory_size", "function_arn", "function_request_id")
    first, *others = ([line[key] for key in named] for line in lines())
    assert first == ["predict", 1_769, Context.invoked_function_arn, "2"]
    assert others == [first] * 3


def test_only_the_first_invocation_is_a_cold_start(lines: Callable[[], list[dict[str, Any]]]) -> None:
    handler = telemetry.naming_invocations(handle)
    for request_id in ("1", "2", "3"):
        invoke(handler, request_id)
    assert [(line["cold_start"], line["function_request_id"]) for line in lines()] == [
        (True, "1"),
        (False, "2"),
        (False, "3"),
    ]


def test_a_function_that_is_called_by_another_name_is_named_so(lines: Callable[[], list[dict[str, Any]]]) -> None:
    handler = telemetry.naming_invocations(handle)
    for alias in ("live", "live", "canary"):
        invoke(handler, "1", invoked_function_arn=f"{Context.invoked_function_arn}:{alias}")
    assert [line["function_arn"].rpartition(":")[2] for line in lines()] == ["live", "live", "canary"]


def test_events_are_logged_for_who_asks_for_them(
    lines: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    handler = telemetry.naming_invocations(handle)
    for _ in range(3):
        invoke(handler, "1")
    assert [line["message"] for line in lines()] == [{}, "handled"] * 3
