"""The engine's SQL against the same rules in plain Python, on generated events."""

import gzip
import tempfile
from collections import defaultdict
from datetime import datetime, timedelta
from math import fsum
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff_core.events.model import EXPOSURE_TYPES, Event
from bakeoff_core.lake.files import EventFiles
from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.duckdb_engine import DuckDBEngine
from engine.summary import Summary
from stats.means import Moments
from stats.proportions import Proportion
from tests.support import NOON, experiment

GROUPS = ("control", "treatment")
START, END = NOON + timedelta(minutes=2), NOON + timedelta(minutes=12)
EXPERIMENT = experiment(start_time=START, end_time=END, config_version=2)


@st.composite
def events(draw: st.DrawFn) -> Event:
    moment: datetime = NOON + timedelta(minutes=draw(st.integers(0, 15)))
    event_type = draw(st.sampled_from(["exposure", "exposure", "assignment", "click", "revenue", "visit"]))
    exposed = event_type in EXPOSURE_TYPES
    return Event(
        event_id=f"e{draw(st.integers(0, 40))}",
        event_type=event_type,
        user_id=f"u{draw(st.integers(0, 3))}",
        timestamp=moment,
        # Of arrivals with one id the first counts; equal times would leave open which that is.
        received_at=moment + timedelta(microseconds=draw(st.integers(0, 10**9))),
        event_value=draw(st.none() | st.integers(-5, 50).map(float)),
        experiment_name=draw(st.sampled_from(["checkout_button", "another"]))
        if exposed or draw(st.booleans())
        else None,
        group_name=draw(st.sampled_from([*GROUPS, *GROUPS, "no_such_group"])) if exposed else None,
        config_version=draw(st.sampled_from([None, 1, 2, 2, 2])) if exposed else None,
        metadata=draw(st.sampled_from([{}, {"revenue": 2}, {"revenue": "3"}])),
    )


def by_hand(arrivals: list[Event]) -> tuple[dict[str, int], dict[str, int], dict[str, list[float]], int]:
    """Units, conversions and revenue per group, and crossovers, as the rules have it."""
    own = [event for event in arrivals if event.experiment_name in {None, "checkout_button"}]
    once = {event.event_id: event for event in sorted(own, key=lambda event: event.received_at, reverse=True)}
    exposures = defaultdict(list)
    for event in once.values():
        counts = event.event_type in EXPOSURE_TYPES and event.experiment_name == "checkout_button"
        if (
            counts
            and event.config_version in {None, 2}
            and event.group_name in GROUPS
            and START <= event.timestamp < END
        ):
            exposures[event.user_id].append(event)
    units, clicked = dict.fromkeys(GROUPS, 0), dict.fromkeys(GROUPS, 0)
    revenue: dict[str, list[float]] = {group: [] for group in GROUPS}
    crossovers = 0
    for user, seen in exposures.items():
        groups = {event.group_name for event in seen}
        if len(groups) > 1:
            crossovers += 1
            continue
        group = str(groups.pop())
        first = min(event.timestamp for event in seen)
        done = [event for event in once.values() if event.user_id == user and event.timestamp >= first]
        units[group] += 1
        clicked[group] += any(event.event_type == "click" for event in done)
        revenue[group].append(fsum(map(revenue_of, done)))
    return units, clicked, revenue, crossovers


def revenue_of(event: Event) -> float:
    if event.event_type in EXPOSURE_TYPES:
        return 0.0
    if event.event_type == "revenue" and event.event_value is not None:
        return event.event_value
    return 2.0 if event.metadata.get("revenue") == 2 else 0.0


def by_engine(arrivals: list[Event]) -> Summary:
    store = InMemoryObjectStore()
    for half, lines in enumerate((arrivals[::2], arrivals[1::2])):
        body = gzip.compress(b"".join(event.to_line() + b"\n" for event in lines))
        store.put(f"events/dt=2026-03-01/hour=13/s-{half}.ndjson.gz", body, "application/gzip")
    with tempfile.TemporaryDirectory() as folder:
        return DuckDBEngine(EventFiles(store, Path(folder))).summarise(EXPERIMENT)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(events(), min_size=12, max_size=40, unique_by=lambda event: (event.event_id, event.received_at)))
def test_the_engine_counts_as_the_rules_say(arrivals: list[Event]) -> None:
    units, clicked, revenue, crossovers = by_hand(arrivals)
    summary = by_engine(arrivals)
    assert summary.crossovers == crossovers
    for group in GROUPS:
        found = summary.groups[group]
        assert found.n == units[group]
        assert found.metrics["click_rate"] == Proportion(clicked[group], units[group])
        moments = found.metrics["revenue"]
        assert isinstance(moments, Moments)
        expected = Moments.of(revenue[group])
        assert moments.n == expected.n
        assert moments.total == pytest.approx(expected.total)
        assert moments.m2 == pytest.approx(expected.m2, abs=1e-9)
        assert sum(day.users for day in found.daily) == units[group]
        assert sum(day.value for day in found.daily) == clicked[group]
