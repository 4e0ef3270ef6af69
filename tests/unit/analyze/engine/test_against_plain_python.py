"""The engine's SQL against the same rules in plain Python, on generated events."""

import gzip
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from bakeoff_core.events.model import Event
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.lake.files import EventFiles
from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.duckdb_engine import DuckDBEngine
from engine.reading import statistics_of
from engine.summary import MOST_VALUES, OTHER_VALUES, Summary
from tests.support import NOON
from tests.unit.analyze.engine.generated_events import AS_OF, EXPERIMENT, event_lists, primaries, with_primary
from tests.unit.analyze.engine.plain_python import assert_same, summarise

# Shrinking a failure takes minutes: the first that is found will do.
_PHASES = (Phase.explicit, Phase.generate)


def by_engine(arrivals: list[Event], asked: Experiment = EXPERIMENT, as_of: datetime = AS_OF) -> Summary:
    store = InMemoryObjectStore()
    for half, lines in enumerate((arrivals[::2], arrivals[1::2])):
        body = gzip.compress(b"".join(event.to_line() + b"\n" for event in lines))
        store.put(f"events/dt=2026-03-01/hour=13/s-{half}.ndjson.gz", body, "application/gzip")
    with tempfile.TemporaryDirectory() as folder:
        return DuckDBEngine(EventFiles(store, Path(folder))).summarise(asked, as_of)


@settings(max_examples=60, deadline=None, derandomize=True, phases=_PHASES)
@given(event_lists())
def test_the_engine_counts_as_the_rules_say(arrivals: list[Event]) -> None:
    assert_same(by_engine(arrivals), summarise(EXPERIMENT, arrivals, AS_OF))


@settings(max_examples=15, deadline=None, derandomize=True, phases=_PHASES)
@given(event_lists())
def test_days_are_those_of_the_units_whose_hours_are_over(arrivals: list[Event]) -> None:
    asked = with_primary("capped")
    assert_same(by_engine(arrivals, asked), summarise(asked, arrivals, AS_OF))


@settings(max_examples=15, deadline=None, derandomize=True, phases=_PHASES)
@given(event_lists(), primaries())
def test_every_metric_stood_at_the_end_of_each_day_or_look_as_it_would_have_then(
    arrivals: list[Event], asked: Experiment
) -> None:
    assert_same(by_engine(arrivals, asked), summarise(asked, arrivals, AS_OF))


@pytest.mark.parametrize("name", ["revenue", "cut", "clicks", "per_click", "clicks_per_visitor", "soon"])
@pytest.mark.parametrize("hours", [56.5, 66])
def test_many_events_of_few_users_change_their_values_day_after_day(name: str, hours: float) -> None:
    draw, as_of = Random(7), NOON + timedelta(hours=hours)  # noqa: S311 - test data

    def event(number: int, user: int, hour: float, event_type: str, **fields: Any) -> Event:
        at = NOON + timedelta(hours=hour)
        return Event(
            event_id=f"e{number}", event_type=event_type, user_id=f"u{user}", timestamp=at, received_at=at, **fields
        )

    arrivals = [
        event(user, user, draw.uniform(2, 40), "exposure", experiment_name="checkout_button", group_name=group)
        for user, group in enumerate(["control", "treatment"] * 6)
    ]
    arrivals += [
        event(number, draw.randrange(12), draw.uniform(0, 80), kind, event_value=draw.choice([None, -2.5, 3, 7.25]))
        for number, kind in enumerate(["click", "revenue", "visit"] * 150, start=100)
    ]
    for asked in (
        with_primary(name),
        with_primary(name, analysis={"inference": "group_sequential", "planned_looks": 5}),
    ):
        summary = by_engine(arrivals, asked, as_of)
        assert_same(summary, summarise(asked, arrivals, as_of))
        timeline = summary.groups["control"].timeline
        last = max(timeline)
        # In the end it stands where the metric does.
        primary = asked.primary_metric
        assert primary is not None
        assert last == as_of or primary.hours[1] is not None
        assert_same(statistics_of(primary, timeline[last]), summary.groups["control"].metrics[name])


def test_of_many_values_of_a_segment_the_largest_keep_their_names() -> None:
    arrivals = [
        Event(
            event_id=f"e{value}-{unit}",
            event_type="exposure",
            user_id=f"u{value}-{unit}",
            timestamp=NOON + timedelta(hours=3, minutes=value),
            received_at=NOON,
            experiment_name="checkout_button",
            group_name="control" if unit % 2 else "treatment",
            metadata={"context": {"country": f"c{value:02}"}},
        )
        for value in range(MOST_VALUES + 3)
        for unit in range(2 + (value >= 3))
    ]
    summary = by_engine(arrivals)
    assert_same(summary, summarise(EXPERIMENT, arrivals, AS_OF))
    assert sorted(summary.groups["control"].segments["country"]) == sorted(
        [OTHER_VALUES, *(f"c{value:02}" for value in range(3, MOST_VALUES + 3))]
    )
