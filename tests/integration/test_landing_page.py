"""A real test, replayed by its own clock with duplicates and disorder, through delivery and analysis to its figures.

Of the published rows, 3,893 name a group and show the page of the other one. The published figures leave those
visits out; here they are sent as events of an experiment of their own, which are kept and count for nothing else.
Taken as what they also are, exposures to both groups, they make each of their users a crossover.
"""

import base64
import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from analysis import analyse
from bakeoff_core.events.model import Event
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.lake.compaction import Compactor
from bakeoff_core.stores.arms import ArmsKey
from bakeoff_core.stores.objects import InMemoryObjectStore
from bakeoff_core.stores.tallies import InMemoryTallyStore
from deliver import deliver
from delivery import Deliverer
from engine.duckdb_engine import duckdb_over
from failed_batches import FailedBatches
from results import Results
from tests.support import SettableClock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

START, END = datetime(2017, 1, 2, tzinfo=UTC), datetime(2017, 1, 25, tzinfo=UTC)
PAGE_OF = {"control": "old_page", "treatment": "new_page"}
GROUP_OF = {page: group for group, page in PAGE_OF.items()}
MISMATCHES = 3_893
RECORDS_A_BATCH = 2_000

EXPERIMENT = Experiment.model_validate(
    {
        "name": "landing_page",
        "status": "completed",
        "start_time": START,
        "end_time": END,
        "groups": [{"name": "control", "weight": 0.5}, {"name": "treatment", "weight": 0.5}],
        "metrics": [{"name": "conversion", "kind": "conversion", "event_type": "converted", "role": "primary"}],
        "created_at": START,
        "updated_at": START,
    }
)


def events_of(number: int, row: dict[str, str], *, as_crossovers: bool) -> Iterator[Event]:
    at = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
    fits = PAGE_OF[row["group"]] == row["landing_page"]
    experiment = "landing_page" if fits or as_crossovers else "landing_page_mismatches"

    def event(event_type: str, name: str, **fields: Any) -> Event:
        return Event(
            event_id=f"{number}-{name}",
            event_type=event_type,
            user_id=row["user_id"],
            timestamp=at,
            received_at=at,
            experiment_name=experiment,
            **fields,
        )

    yield event("assignment", "group", group_name=row["group"])
    if as_crossovers and not fits:
        yield event("assignment", "page", group_name=GROUP_OF[row["landing_page"]])
    if row["converted"] == "1":
        yield event("converted", "converted")


def replay(rows: list[dict[str, str]], objects: InMemoryObjectStore, tallies: InMemoryTallyStore, **how: bool) -> None:
    """Deliver the events in the order of their times, roughly, and every tenth of them again."""
    random = Random(20170102)  # noqa: S311 - a simulation
    events = [event for number, row in enumerate(rows) for event in events_of(number, row, **how)]
    events += random.sample(events, len(events) // 10)
    arrivals = sorted((event.timestamp + timedelta(hours=random.expovariate(0.5)), n) for n, event in enumerate(events))
    deliverer = Deliverer(objects, tallies, SettableClock(END))
    for start in range(0, len(arrivals), RECORDS_A_BATCH):
        records = [
            {
                "eventID": f"shardId-000000000000:{start + index:020}",
                "kinesis": {
                    "sequenceNumber": f"{start + index:020}",
                    "approximateArrivalTimestamp": arrived.timestamp(),
                    "data": base64.b64encode(events[n].to_line()).decode(),
                },
            }
            for index, (arrived, n) in enumerate(arrivals[start : start + RECORDS_A_BATCH])
        ]
        assert deliver({"Records": records}, deliverer, FailedBatches(None)) == {"batchItemFailures": []}


def results_of(objects: InMemoryObjectStore) -> Results:
    with duckdb_over(objects, memory_mb=1_024) as engine:
        return analyse(EXPERIMENT, engine.summarise(EXPERIMENT), END)


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> list[dict[str, str]]:
    with gzip.open(shared_data / "ab_data.csv.gz", "rt") as file:
        return list(csv.DictReader(file))


def test_mismatching_visits_left_out_give_the_published_figures(rows: list[dict[str, str]]) -> None:
    objects, tallies = InMemoryObjectStore(), InMemoryTallyStore()
    replay(rows, objects, tallies, as_crossovers=False)
    results = results_of(objects)
    conversions = {
        name: (group.metrics["conversion"].model_dump()["conversions"], group.n)
        for name, group in results.groups.items()
    }
    assert conversions == {"control": (17_489, 145_274), "treatment": (17_264, 145_310)}
    comparison = results.comparisons["treatment"]["conversion"]
    assert comparison.p_value is not None
    assert round(comparison.p_value, 6) == 0.189883
    assert results.sample_ratio.p_value is not None
    assert round(results.sample_ratio.p_value, 3) == 0.947
    assert (results.crossovers, results.sample_ratio.alarm) == (0, False)
    assert results.data_quality.duplicate_events > 30_000
    # The mismatching visits are there, every one, under the name they were sent with.
    kept = tallies.tallies(ArmsKey("landing_page_mismatches", 0))
    assert sum(tally.exposures for tally in kept.values()) == MISMATCHES
    assert (
        sum(tally.exposures for tally in tallies.tallies(ArmsKey("landing_page", 0)).values()) == len(rows) - MISMATCHES
    )
    assert tallies.tallies(ArmsKey("landing_page", 0)).keys() == PAGE_OF.keys()

    Compactor(objects, SettableClock(END + timedelta(days=2))).run()
    objects.delete(objects.list("events/"))
    assert results_of(objects) == results


def test_mismatching_visits_taken_as_both_groups_are_crossovers(rows: list[dict[str, str]]) -> None:
    objects = InMemoryObjectStore()
    replay(rows, objects, InMemoryTallyStore(), as_crossovers=True)
    results = results_of(objects)
    mismatched = {row["user_id"] for row in rows if PAGE_OF[row["group"]] != row["landing_page"]}
    others = {row["user_id"]: row for row in rows if row["user_id"] not in mismatched}
    assert results.crossovers == len(mismatched) == MISMATCHES
    for name, group in results.groups.items():
        assert group.n == sum(row["group"] == name for row in others.values())
    # More than one in a hundred: such a test decides nothing.
    assert results.decision.verdict == "invalid"
