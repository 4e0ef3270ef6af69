"""A real test, from its published file through events, engine and analysis to its published figures."""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analysis import analyse
from bakeoff_core.events.model import Event
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.duckdb_engine import duckdb_over
from results import Results
from stats.proportions import Proportion, unpooled_interval

START = datetime(2026, 1, 5, tzinfo=UTC)
PLAYED = START + timedelta(days=7)
OUTLIER_ROUNDS = 49_854

EXPERIMENT = Experiment.model_validate(
    {
        "name": "cookie_cats",
        "description": "The first gate of a mobile game, moved from level 30 to level 40.",
        "status": "completed",
        "start_time": START,
        "end_time": PLAYED,
        "analysis": {"inference": "fixed_horizon"},
        "groups": [{"name": "gate_30", "weight": 0.5}, {"name": "gate_40", "weight": 0.5}],
        "metrics": [
            {"name": "retention_7", "kind": "conversion", "event_type": "retention_7", "role": "primary"},
            {"name": "retention_1", "kind": "conversion", "event_type": "retention_1"},
            {"name": "sum_gamerounds", "kind": "mean", "event_type": "gamerounds"},
        ],
        "created_at": START,
        "updated_at": PLAYED,
        "ended_at": PLAYED,
    }
)


def events_of(row: dict[str, str]) -> Iterator[Event]:
    def event(event_type: str, at: datetime = PLAYED, **fields: Any) -> Event:
        event_id = f"{row['userid']}-{event_type}"
        return Event(
            event_id=event_id, event_type=event_type, user_id=row["userid"], timestamp=at, received_at=PLAYED, **fields
        )

    yield event("assignment", START, experiment_name="cookie_cats", group_name=row["version"])
    yield event("gamerounds", event_value=float(row["sum_gamerounds"]))
    for retention in ("retention_1", "retention_7"):
        if row[retention] == "TRUE":
            yield event(retention)


def results_of(rows: list[dict[str, str]]) -> Results:
    store = InMemoryObjectStore()
    lines = [event.to_line() for row in rows for event in events_of(row)]
    for index in range(0, len(lines), 50_000):
        body = gzip.compress(b"\n".join(lines[index : index + 50_000]), compresslevel=1)
        store.put(f"events/dt=2026-01-12/hour=00/shard-{index:06}-0.ndjson.gz", body, "application/gzip")
    with duckdb_over(store, memory_mb=1_024) as engine:
        return analyse(EXPERIMENT, engine.summarise(EXPERIMENT), PLAYED)


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> list[dict[str, str]]:
    with gzip.open(shared_data / "cookie_cats.csv.gz", "rt") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def document(rows: list[dict[str, str]]) -> dict[str, Any]:
    return results_of(rows).to_json()


def test_users_and_sample_ratio(document: dict[str, Any]) -> None:
    assert {name: group["n"] for name, group in document["groups"].items()} == {"gate_30": 44_700, "gate_40": 45_489}
    ratio = document["sample_ratio"]
    assert (round(ratio["statistic"], 3), round(ratio["p_value"], 5), ratio["alarm"]) == (6.902, 0.00861, False)
    assert document["crossovers"] == 0
    quality = dict(document["data_quality"])
    assert quality.pop("unreadable_objects") == []
    assert quality.pop("late_events") == 90_189  # every assignment was written down a week later
    assert set(quality.values()) == {0}


@pytest.mark.parametrize(
    ("metric", "percent", "p_value", "digits"),
    [("retention_1", (44.819, 44.228), 0.0744097, 7), ("retention_7", (19.020, 18.200), 0.00155425, 8)],
)
def test_retention(
    document: dict[str, Any], metric: str, percent: tuple[float, float], p_value: float, digits: int
) -> None:
    comparison = document["comparisons"]["gate_40"][metric]
    rates = tuple(round(100 * comparison[arm], 3) for arm in ("control", "treatment"))
    assert rates == percent
    assert round(comparison["p_value"], digits) == p_value
    assert comparison["method"] == "two-proportion z, pooled; Newcombe interval"


def test_unpooled_interval_of_7_day_retention(document: dict[str, Any]) -> None:
    control, treatment = (
        Proportion(group["metrics"]["retention_7"]["conversions"], group["n"]) for group in document["groups"].values()
    )
    lower, upper = unpooled_interval(control, treatment)
    assert (round(100 * lower, 4), round(100 * upper, 4)) == (-1.3282, -0.3121)


def test_the_moved_gate_is_rejected(document: dict[str, Any]) -> None:
    decision = document["decision"]
    assert (decision["verdict"], decision["basis"], decision["group"]) == ("reject", "planned_horizon", "gate_40")
    assert round(100 * decision["expected_improvement"], 2) == -0.82


def test_game_rounds(document: dict[str, Any]) -> None:
    comparison = document["comparisons"]["gate_40"]["sum_gamerounds"]
    assert (round(comparison["control"], 3), round(comparison["treatment"], 3)) == (52.456, 51.299)
    assert round(comparison["p_value"], 4) == 0.3759


def test_game_rounds_without_the_one_outlier(rows: list[dict[str, str]]) -> None:
    others = [row for row in rows if int(row["sum_gamerounds"]) != OUTLIER_ROUNDS]
    assert len(others) == len(rows) - 1
    comparison = results_of(others).comparisons["gate_40"]["sum_gamerounds"]
    assert comparison.control is not None
    assert comparison.treatment is not None
    assert comparison.p_value is not None
    assert (round(comparison.control, 3), round(comparison.treatment, 3)) == (51.342, 51.299)
    assert round(comparison.p_value, 3) == 0.949
