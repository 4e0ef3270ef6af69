"""Alarms watch all that there is, on metrics that the code emits, and say what to do."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.cloudformation import PROJECT, Stack, referred, stack

OPERATIONS = (PROJECT / "docs" / "operations.md").read_text()
NAMESPACE = "Bakeoff/stack-name"
EMITTERS = {"count", "seconds", "size"}
# Metrics whose names are data: they go to count() from a table of names beside it.
_BY_NAME = re.compile(r"[a-z_]+_(total|bytes)")


@pytest.fixture(scope="module")
def made() -> Stack:
    return stack()


def watched(of: Stack, alarm: str) -> Iterator[dict[str, Any]]:
    """The metrics that an alarm looks at, with their dimensions by name."""
    properties = of.properties(alarm)
    metrics = [each["MetricStat"]["Metric"] for each in properties.get("Metrics", []) if "MetricStat" in each]
    for metric in metrics or [properties]:
        dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        yield {"namespace": metric["Namespace"], "name": metric["MetricName"], "dimensions": dimensions}


@cache
def emitted() -> dict[str, set[str]]:
    """The names of the metrics in the code, with what they are broken down by."""
    found: dict[str, set[str]] = {}
    for folder in ("functions", "layers"):
        for file in (PROJECT / folder).rglob("*.py"):
            text = file.read_text()
            if "bakeoff_core.telemetry import" in text:
                for name, dimensions in _emitted_in(ast.parse(text)):
                    found.setdefault(name, set()).update(dimensions)
    return found


def _emitted_in(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EMITTERS and node.args:
            first = node.args[0]
            assert not isinstance(first, ast.JoinedStr), f"line {node.lineno}: name metrics where they can be found"
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, {each.arg for each in node.keywords if each.arg and each.arg != "value"}
        if isinstance(node, ast.Tuple) and node.elts:
            first = node.elts[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and _BY_NAME.fullmatch(first.value):
                yield first.value, set()


def alarms() -> list[str]:
    return sorted(stack().of_type("AWS::CloudWatch::Alarm"))


def documented_metrics() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `([a-z_]+)` \|([^|]*)\|", OPERATIONS, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", dimensions)) for name, dimensions in rows}


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm() -> None:
    assert sorted(re.findall(r"^### (\w+Alarm)$", OPERATIONS, re.MULTILINE)) == alarms()


def test_a_runbook_says_more_than_the_alarm() -> None:
    sections = re.split(r"^### (\w+Alarm)$", OPERATIONS, flags=re.MULTILINE)
    for name, text in zip(sections[1::2], sections[2::2], strict=True):
        assert len(text.split()) > 25, name


@pytest.mark.parametrize("alarm", alarms())
def test_an_alarm_tells_the_operators_when_it_begins_and_when_it_ends(made: Stack, alarm: str) -> None:
    properties = made.properties(alarm)
    assert properties["AlarmActions"] == properties["OKActions"] == [{"Ref": "OperationsTopic"}]
    assert properties["AlarmDescription"].endswith(".")
    # A schedule that does nothing has no data either.
    assert properties["TreatMissingData"] == ("breaching" if alarm.startswith("Silent") else "notBreaching")


def test_alarms_watch_metrics_that_the_code_emits(made: Stack) -> None:
    services = {
        function["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for function in made.of_type("AWS::Lambda::Function").values()
    }
    own = [metric for alarm in alarms() for metric in watched(made, alarm) if metric["namespace"].startswith("Bakeoff")]
    assert own
    for metric in own:
        assert metric["namespace"] == NAMESPACE
        assert metric["name"] in emitted(), metric
        assert metric["dimensions"].keys() == {"service"}
        assert metric["dimensions"]["service"] in services


@pytest.mark.parametrize(
    ("metric", "but"),
    [
        ("Errors", set()),
        ("Throttles", {"AnalyzeFunction", "CompactFunction", "DispatchFunction", "NotifyFunction", "RefreshFunction"}),
    ],
)
def test_every_function_is_watched(made: Stack, metric: str, but: set[str]) -> None:
    seen = {
        each["dimensions"]["FunctionName"]["Ref"]
        for alarm in alarms()
        for each in watched(made, alarm)
        if each["name"] == metric and "ExecutedVersion" not in each["dimensions"]
    }
    # What a queue or a schedule calls is called again when it was throttled, and QueueAge tells when that takes long.
    assert seen == set(made.of_type("AWS::Lambda::Function")) - but


def test_every_new_version_can_send_its_deployment_back(made: Stack) -> None:
    versions = {
        (each["dimensions"]["FunctionName"]["Ref"], next(iter(referred(each["dimensions"]["ExecutedVersion"]))))
        for alarm in ("NewVersionErrorsAlarm", "NewBackgroundVersionErrorsAlarm")
        for each in watched(made, alarm)
    }
    assert {function for function, _ in versions} == set(made.of_type("AWS::Lambda::Function"))
    assert {version for _, version in versions} == set(made.of_type("AWS::Lambda::Version"))
    for alarm in ("NewVersionErrorsAlarm", "NewBackgroundVersionErrorsAlarm"):
        for each in watched(made, alarm):
            function = each["dimensions"]["FunctionName"]["Ref"]
            assert each["dimensions"]["Resource"] == {"Fn::Sub": f"${{{function}}}:live"}


def test_every_queue_is_watched_for_its_age_or_for_holding_anything(made: Stack) -> None:
    seen = {
        metric: {
            next(iter(referred(each["dimensions"]["QueueName"])))
            for alarm in alarms()
            for each in watched(made, alarm)
            if each["name"] == metric
        }
        for metric in ("ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible")
    }
    fed = {
        source
        for mapping in made.of_type("AWS::Lambda::EventSourceMapping").values()
        for source in referred(mapping["Properties"]["EventSourceArn"])
    }
    queues = set(made.of_type("AWS::SQS::Queue"))
    assert seen["ApproximateAgeOfOldestMessage"] == queues & fed
    assert seen["ApproximateNumberOfMessagesVisible"] == queues - fed


def test_no_alarm_watches_more_metrics_than_cloudwatch_takes(made: Stack) -> None:
    for alarm in alarms():
        assert len(list(watched(made, alarm))) <= 10, alarm


def test_the_dashboard_shows_every_alarm_function_and_queue(made: Stack) -> None:
    body = made.properties("Dashboard")["DashboardBody"]
    text = body["Fn::Sub"]
    document = json.loads(text)
    [shown] = [widget["properties"]["alarms"] for widget in document["widgets"] if widget["type"] == "alarm"]
    assert {each.removeprefix("${").removesuffix(".Arn}") for each in shown} == set(alarms())
    for kind in ("AWS::Lambda::Function", "AWS::SQS::Queue"):
        assert set(made.of_type(kind)) <= referred(body), kind


def test_the_dashboard_shows_metrics_that_the_code_emits(made: Stack) -> None:
    document = json.loads(made.properties("Dashboard")["DashboardBody"]["Fn::Sub"])
    lines = [line for widget in document["widgets"] for line in widget["properties"].get("metrics", [])]
    names = {line[1] for line in lines if isinstance(line[0], str) and line[0].startswith("Bakeoff")}
    searches = [line[0]["expression"] for line in lines if isinstance(line[0], dict)]
    for search in searches:
        found = re.search(r"\{Bakeoff/stack-name,([\w,]+)\} MetricName=\"(\w+)\"", search)
        assert found, search
        assert set(found[1].split(",")) == emitted()[found[2]] | {"service"}, search
        names.add(found[2])
    assert names <= emitted().keys()


def test_the_documentation_lists_the_metrics_that_the_code_emits() -> None:
    assert documented_metrics() == emitted()


def test_metrics_have_the_names_of_their_specification() -> None:
    assert {
        "model_request_total",
        "model_request_duration_seconds",
        "model_request_errors",
        "prediction_latency_seconds",
        "model_memory_usage_bytes",
        "model_load_time_seconds",
        "assignment_total",
        "exposure_total",
        "event_accepted_total",
        "event_rejected_total",
        "prediction_cache_hits",
        "prediction_cache_misses",
        "circuit_open_total",
        "stale_configuration_total",
        "fallback_queue_total",
    } <= emitted().keys()
