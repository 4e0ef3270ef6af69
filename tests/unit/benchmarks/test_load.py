"""What loads come to: figures that are read as Locust writes them, and a sentence on who worked for them."""

from pathlib import Path

import pytest

from benchmarks.load.outcome import bottleneck, grouped, read_failures, read_stats
from benchmarks.load.scenarios import SCENARIOS

STATS = """\
Type,Name,Request Count,Failure Count,Median Response Time,Requests/s,50%,95%,99%
POST,/predict,90,0,20,45.5,20,40,55
POST,/ab_test/assign,10,2,30,4.5,30,60,80
,Aggregated,100,2,21,50.0,21,45,70
"""


def test_the_scenarios_are_four_of_growing_size() -> None:
    assert {name: (each.requests, each.users) for name, each in SCENARIOS.items()} == {
        "low": (100, 10),
        "medium": (1_000, 50),
        "high": (10_000, 100),
        "stress": (50_000, 200),
    }


def test_the_line_for_all_routes_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "stats.csv"
    file.write_text(STATS)
    lines = read_stats(file)
    assert [(line.route, line.requests, line.failures) for line in lines] == [
        ("all", 100, 2),
        ("/ab_test/assign", 10, 2),
        ("/predict", 90, 0),
    ]
    every = lines[0]
    assert (every.per_second, every.p50, every.p95, every.p99, every.failed_share) == (50.0, 21, 45, 70, 0.02)


def test_a_run_that_asked_nothing_is_none(tmp_path: Path) -> None:
    file = tmp_path / "stats.csv"
    file.write_text(STATS.splitlines()[0])
    with pytest.raises(ValueError, match="no line for all requests"):
        read_stats(file)


def test_failures_are_told_by_their_number(tmp_path: Path) -> None:
    file = tmp_path / "failures.csv"
    file.write_text("Method,Name,Error,Occurrences\nPOST,/a,503,2\nPOST,/b,reset,11\n")
    assert read_failures(file) == ["11 times /b: reset", "2 times /a: 503"]


def test_who_took_the_time_is_named_by_share() -> None:
    spent = grouped([("moto", 1.0), ("PredictFunction", 4.0), ("PredictFunction", 4.0), ("gateway", 0.9), ("x", 0.1)])
    assert bottleneck(spent, elapsed=5.5, cores=2) == (
        "91% of 2 processors were busy, so the processors are the limit: PredictFunction 80%, moto 10%, gateway 9%"
    )


def test_idle_processors_mean_that_something_waits() -> None:
    assert bottleneck({"moto": 1.0}, elapsed=5, cores=2) == (
        "10% of 2 processors were busy, so something waits: moto 100%"
    )
    assert bottleneck({}, elapsed=5, cores=2) == "nothing was measured"
