"""HTML, Markdown and JSON of a report say the same numbers: parsed and compared, for all three reports."""

import json
from typing import Any

import pytest

from rendering.documents import to_html, to_json, to_markdown
from rendering.kinds import KINDS, Kind
from results import Results
from tests.unit.analyze.rendering.reading import Tables, html_tables, markdown_tables, numbers
from tests.unit.analyze.rendering.samples import full_results

OUTCOME = ("control", "treatment", "difference", "low", "high", "relative_difference", "p_value")


@pytest.fixture(scope="module")
def results() -> Results:
    return full_results()


@pytest.fixture(scope="module")
def read(results: Results) -> dict[Kind, tuple[Tables, Tables, dict[str, Any]]]:
    return {
        kind: (
            markdown_tables(to_markdown(results, kind)),
            html_tables(to_html(results, kind)),
            json.loads(to_json(results, kind)),
        )
        for kind in KINDS
    }


def said(cells: list[str], expected: list[Any]) -> None:
    """Check that cells say numbers, in order, as exactly as they are written."""
    found = [number for cell in cells for number in numbers(cell)]
    wanted = [value for value in expected if value is not None]
    assert len(found) == len(wanted), (cells, wanted)
    for (value, accuracy), right in zip(found, wanted, strict=True):
        assert value == pytest.approx(right, abs=accuracy), (cells, right)


@pytest.mark.parametrize("kind", KINDS)
def test_markdown_and_html_have_the_same_tables(kind: Kind, read: dict[Kind, Any]) -> None:
    markdown, html, _ = read[kind]
    assert markdown == html
    assert len(markdown) >= 5


@pytest.mark.parametrize("kind", ["executive", "dashboard"])
def test_the_outcomes_are_those_of_the_json(kind: Kind, read: dict[Kind, Any]) -> None:
    tables, _, document = read[kind]
    rows = tables["Outcomes"][1:]
    assert len(rows) == len(document["outcomes"]) == 6
    for row, outcome in zip(rows, document["outcomes"], strict=True):
        assert [row[0], row[1], row[2], row[9]] == [outcome[name] for name in ("metric", "role", "group", "movement")]
        low, high = outcome["interval"]
        said(row[3:9], [(outcome | {"low": low, "high": high})[name] for name in OUTCOME])


@pytest.mark.parametrize("kind", ["executive", "dashboard"])
def test_the_shorter_documents_repeat_the_technical_one(kind: Kind, read: dict[Kind, Any]) -> None:
    short, technical = read[kind][2], read["technical"][2]
    for outcome in short["outcomes"]:
        comparison = technical["comparisons"][outcome["group"]][outcome["metric"]]
        for name in ("control", "treatment", "difference", "relative_difference", "role", "direction"):
            assert outcome[name] == comparison[name]
        assert outcome["interval"] == comparison["always_valid"]["adjusted_interval"]
        assert outcome["p_value"] == comparison["always_valid"]["adjusted_p_value"]
    same = set(short) & set(technical) - {"groups", "models"}
    assert len(same) >= 7
    for name in same:
        assert short[name] == technical[name], name
    if kind == "executive":
        decision = technical["decision"]
        for name in ("verdict", "rule", "basis", "group", "expected_improvement", "relative_improvement", "interval"):
            assert short[name] == decision[name]
    else:
        for name, group in short["groups"].items():
            assert group == {field: technical["groups"][name][field] for field in group}
        for model, whole in zip(short["models"], technical["models"], strict=True):
            assert {field: model[field] for field in set(model) & set(whole) - {"drift"}} == {
                field: whole[field] for field in set(model) & set(whole) - {"drift"}
            }
            assert (model["drifted_variable"], model["drift"]) == ("age", "large")


@pytest.mark.parametrize("kind", KINDS)
def test_values_by_group_are_those_of_the_json(kind: Kind, read: dict[Kind, Any]) -> None:
    tables = read[kind][0]
    groups = read["technical"][2]["groups"]
    for row in tables["purchase_rate by group"][1:]:
        value = groups[row[0]]["metrics"]["purchase_rate"]
        said(row[1:], [value["n"], value["conversions"], value["rate"], *value["interval"]])


@pytest.mark.parametrize("kind", KINDS)
def test_the_course_of_the_effect_is_that_of_the_json(kind: Kind, read: dict[Kind, Any]) -> None:
    timeline = read["technical"][2]["timeline"]["short"]
    rows = read[kind][0]["purchase_rate: effect of short day by day"][1:]
    for row, point in zip(rows, timeline, strict=True):
        interval = point["interval"] or [None, None]
        values = [point[name] for name in ("control_n", "treatment_n", "control", "treatment", "difference")]
        said(row[1:], [*values, *interval, point["boundary"]])


def test_comparisons_are_those_of_the_json(read: dict[Kind, Any]) -> None:
    tables, _, document = read["technical"]
    for metric in ("purchase_rate", "revenue"):
        for row in tables[f"{metric} against control"][1:]:
            each = document["comparisons"][row[0]][metric]
            for cell, p in ((row[6], each["p_value"]), (row[7], each["adjusted_p_value"])):
                if cell.startswith("<"):
                    assert p < 0.0001
                else:
                    said([cell], [p])
            said(row[1:4], [each["difference"], *each["interval"], *(each["adjusted_interval"] or ())])
            said(row[4:6], [each["relative_difference"], *each["relative_interval"]])
            said([row[8]], each["always_valid"]["adjusted_interval"])
            said([row[9]], [each["always_valid"]["adjusted_p_value"]])


def test_the_rest_of_the_technical_report_is_that_of_the_json(read: dict[Kind, Any]) -> None:
    tables, _, document = read["technical"]
    counts = [row[1] for row in tables["What was left out or odd"][1:]]
    quality = document["data_quality"]
    said(
        counts[:4],
        [
            document["crossovers"],
            *(quality[name] for name in ("duplicate_events", "late_events", "events_before_exposure")),
        ],
    )
    for row, epoch in zip(tables["Epochs of the bandit"][1:], document["epochs"], strict=True):
        said(
            row[1:],
            [
                epoch["number"],
                *(epoch[what][name] for name in document["groups"] for what in ("weights", "exposures", "rewards")),
            ],
        )
    for row, entry in zip(tables["History of the configuration"][1:], document["history"], strict=True):
        assert [row[0], row[2], row[3]] == [str(entry["version"]), entry["action"], entry["actor"]]
    assert [row[0] for row in tables["Alerts, newest first"][1:]] == [each["kind"] for each in document["alerts"]]
    days = [each for model in document["models"] for each in model["daily"]]
    for row, day in zip(tables["Latency by day"][1:], days, strict=True):
        said(row[2:], [day["predictions"], day["p50_ms"], day["p95_ms"]])
    for row, day in zip(tables["Errors and fallbacks by day"][1:], days, strict=True):
        said(row[2:], [day["predictions"], day["errors"], day["fallbacks"]])
    segments = [row for title, rows in tables.items() if title.endswith("by segment") for row in rows[1:]]
    assert len(segments) == len([each for each in document["segments"]["effects"] if each["metric"] == "purchase_rate"])
    for row, effect in zip(segments, document["segments"]["effects"], strict=True):
        assert row[0] == f"{effect['segment']} = {effect['value']}"
        said(row[4:6], [effect["difference"], *effect["interval"]])
