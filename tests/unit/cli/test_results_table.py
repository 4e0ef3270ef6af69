from io import StringIO
from typing import Any

from rich.console import Console

from bakeoff.results_table import results_table

RESULTS: dict[str, Any] = {
    "experiment": "checkout",
    "metrics": [{"name": "click_rate", "kind": "conversion"}, {"name": "revenue", "kind": "mean"}],
    "groups": {
        "control": {
            "n": 1_000,
            "metrics": {
                "click_rate": {"kind": "conversion", "conversions": 100, "rate": 0.1},
                "revenue": {"kind": "mean", "sum": 1_234.5, "mean": 1.2345},
            },
        },
        "treatment": {
            "n": 0,
            "metrics": {
                "click_rate": {"kind": "conversion", "conversions": 0, "rate": None},
                "revenue": {"kind": "mean", "sum": 0.0, "mean": None},
            },
        },
    },
    "comparisons": {
        "treatment": {
            "click_rate": {"relative_difference": 0.5, "relative_interval": [-0.25, 1.25], "p_value": 0.04321},
            "revenue": {"relative_difference": None, "relative_interval": None, "p_value": None},
        }
    },
    "decision": {"verdict": "continue_testing", "group": None, "explanation": "Too early."},
}


def rows(results: dict[str, Any]) -> list[list[str]]:
    output = StringIO()
    Console(file=output, width=120).print(results_table(results))
    lines = output.getvalue().splitlines()
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]


def test_a_row_says_what_a_group_did_and_how_it_compares() -> None:
    assert rows(RESULTS) == [
        ["control", "1,000", "100", "10.000%", "", "", ""],
        ["treatment", "0", "0", "-", "+50.0%", "-25.0% to +125.0%", "0.0432"],
        ["control", "1,000", "1,234.50", "1.2345", "", "", ""],
        ["treatment", "0", "0.00", "-", "-", "-", "-"],
    ]


def test_the_decision_stands_below() -> None:
    output = StringIO()
    Console(file=output, width=120).print(results_table(RESULTS))
    assert "continue_testing: Too early." in output.getvalue()
