"""Nothing accepted is lost and nothing counts twice, whatever fails on the way."""

from collections.abc import Mapping
from dataclasses import asdict
from random import Random
from typing import Any

import pytest

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.lake.compaction import Compactor
from bakeoff_core.stores.objects import ObjectStore
from engine.duckdb_engine import duckdb_over
from engine.summary import Summary
from stats.means import Moments
from stats.proportions import Proportion
from tests.storms import GROUPS, KEY, Crash, Fate, Storm, Truth, Weather, ids_in_files, storm
from tests.support import NOON, experiment

EXPERIMENT: Experiment = experiment(
    metrics=[
        {"name": "click_rate", "kind": "conversion", "event_type": "click"},
        {"name": "visits", "kind": "mean", "event_type": "visit"},
    ]
)
STORMS = {
    "calm": Weather(),
    "kinesis refuses 30 %": Weather(refused=0.3),
    "kinesis takes records and never answers": Weather(refused=0.1, unanswered=0.1),
    "writes fail": Weather(failing=0.15),
    "delivery crashes before a side effect": Weather(crash_before=0.15),
    "delivery crashes after a side effect": Weather(crash_after=0.15),
    "batches are repeated, split and reordered": Weather(repeated=0.4, split=0.5, reordered=0.5),
    "all at once": Weather(
        refused=0.3,
        unanswered=0.05,
        failing=0.1,
        crash_before=0.05,
        crash_after=0.05,
        repeated=0.3,
        split=0.4,
        reordered=0.3,
    ),
}


def summary_of(objects: ObjectStore) -> Summary:
    with duckdb_over(objects, memory_mb=1_024) as engine:
        return engine.summarise(EXPERIMENT)


def settled(value: Any) -> Any:
    """The same without the last digits of floats, which depend on the order in which threads add."""
    if isinstance(value, float):
        return float(f"{value:.10g}")
    if isinstance(value, Mapping):
        return {key: settled(each) for key, each in value.items()}
    return [settled(each) for each in value] if isinstance(value, list | tuple) else value


def assert_counts(summary: Summary, truth: Truth) -> None:
    assert summary.crossovers == 0
    for group in GROUPS:
        found = summary.groups[group]
        clicks, visits = found.metrics["click_rate"], found.metrics["visits"]
        assert isinstance(clicks, Proportion)
        assert isinstance(visits, Moments)
        assert found.n == truth.units[group]
        assert clicks.successes == truth.converted[group]
        # Every event has a value of its own, and sums of integers are exact: one lost or doubled would show.
        assert visits.total == truth.visits[group]


def compact_in_the_storm(weathered: Storm, fate: Fate) -> None:
    """Compact, and start again after every crash, until a run comes through and has nothing left to do."""
    weathered.clock.advance(6 * 3_600)
    while True:
        try:
            outcome = Compactor(weathered.objects, weathered.clock).run()
        except (Crash, DependencyUnavailable):
            continue
        if outcome.finished and not outcome.written and not outcome.deleted:
            return
        weathered.clock.advance(2 * 3_600)


def weather_through(name: str, count: int, seed: int) -> None:
    weathered, fate = storm(STORMS[name], seed)
    truth = weathered.send(count)
    weathered.deliver()
    assert ids_in_files(weathered.objects) == truth.ids
    assert weathered.objects.list("quarantine/") == []
    assert weathered.tallies.tallies(KEY) == truth.tallies
    before = summary_of(weathered.objects)
    assert_counts(before, truth)
    compact_in_the_storm(weathered, fate)
    assert weathered.objects.list("events/") == []
    assert settled(asdict(summary_of(weathered.objects))) == settled(asdict(before))
    # A batch that comes once more when its hour was compacted long ago changes nothing either.
    weathered.deliver()
    assert weathered.tallies.tallies(KEY) == truth.tallies
    assert_counts(summary_of(weathered.objects), truth)


@pytest.mark.parametrize("name", STORMS)
def test_every_accepted_event_counts_exactly_once(name: str) -> None:
    weather_through(name, 5_000, seed=20_260_301)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [name for name in STORMS if name != "calm"])
def test_every_one_of_many_accepted_events_counts_exactly_once(name: str) -> None:
    weather_through(name, 200_000, seed=7)


def test_a_storm_is_a_storm() -> None:
    weathered, _fate = storm(STORMS["all at once"], 1)
    weathered.send(2_000)
    weathered.deliver()
    arrivals = sum(map(len, weathered.kinesis.shards))
    assert arrivals > 2_000
    assert len(weathered.objects.list("events/")) > 4
    assert weathered.queue.events
    assert Random(1).random() != Random(2).random()  # noqa: S311 - a simulation
    assert weathered.clock() == NOON
