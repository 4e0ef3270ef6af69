"""Athena's statements: parsed in its own dialect, and run in DuckDB's, where they come to the native numbers."""

import gzip
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bakeoff_core.events.model import Event
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.lake.files import EventFiles
from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.athena_engine import AthenaEngine
from engine.athena_queries import Row
from engine.duckdb_engine import DuckDBEngine
from engine.summary import Summary
from tests.support import NOON, SettableClock, experiment
from tests.unit.analyze.engine.generated_events import AS_OF, EXPERIMENT, event_lists, with_primary
from tests.unit.analyze.engine.plain_python import assert_same

# Shrinking a failure takes minutes: the first that is found will do.
_PHASES = (Phase.explicit, Phase.generate)

# A few only: parsing a statement for the first time takes longer than running it.
ASKED = [
    EXPERIMENT,
    with_primary("cut"),
    with_primary("per_click", analysis={"inference": "group_sequential", "planned_looks": 3}),
]

COLUMNS = {
    "event_id": "VARCHAR",
    "event_type": "VARCHAR",
    "user_id": "VARCHAR",
    "timestamp": "VARCHAR",
    "received_at": "VARCHAR",
    "event_value": "DOUBLE",
    "experiment_name": "VARCHAR",
    "group_name": "VARCHAR",
    "config_version": "BIGINT",
    "propensity": "DOUBLE",
    "metadata": "VARCHAR",
}


@cache
def in_duckdb(statement: str) -> str:
    """Parse a statement as Athena does, and write it for DuckDB."""
    return sqlglot.parse_one(statement, read="athena").sql("duckdb")


class TranspiledQueries:
    """Athena's place in DuckDB: tables as the template defines them, and statements transpiled."""

    def __init__(self, delivered: Sequence[Event], compacted: Sequence[Event] = ()) -> None:
        self._connection = duckdb.connect()
        self._lock = Lock()
        self.statements: list[str] = []
        self._connection.execute("SET TimeZone = 'UTC'")
        # What Athena's functions are called that sqlglot leaves as they are.
        self._connection.execute("CREATE MACRO with_timezone(moment, zone) AS timezone(zone, moment)")
        self._table("delivered_events", COLUMNS, delivered)
        typed = COLUMNS | {"timestamp": "TIMESTAMP", "received_at": "TIMESTAMP"}
        self._table("compacted_events", typed | {"arrivals": "BIGINT"}, compacted)

    def _table(self, name: str, columns: dict[str, str], events: Sequence[Event]) -> None:
        defined = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        self._connection.execute(f"CREATE TABLE {name} (dt VARCHAR, {defined})")
        for event in events:
            line = json.loads(event.to_line())
            line["metadata"] = json.dumps(line["metadata"])
            row = [f"{event.received_at:%Y-%m-%d}", *((line | {"arrivals": 1}).get(column) for column in columns)]
            self._connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608

    def rows(self, query: str) -> Iterator[Row]:
        with self._lock:
            self.statements.append(query)
            answer = self._connection.execute(in_duckdb(query)).fetchall()
        return iter([tuple(None if value is None else str(value) for value in row) for row in answer])

    def close(self) -> None:
        self._connection.close()


def by_athena(delivered: Sequence[Event], asked: Experiment = EXPERIMENT, compacted: Sequence[Event] = ()) -> Summary:
    with closing(TranspiledQueries(delivered, compacted)) as queries:
        return AthenaEngine(queries, SettableClock(AS_OF)).summarise(asked)


def over_files(arrivals: Sequence[Event], folder: str) -> DuckDBEngine:
    store = InMemoryObjectStore()
    body = gzip.compress(b"".join(event.to_line() + b"\n" for event in arrivals))
    store.put("events/dt=2026-03-01/hour=13/s-1.ndjson.gz", body, "application/gzip")
    return DuckDBEngine(EventFiles(store, Path(folder)))


def by_duckdb(arrivals: Sequence[Event], asked: Experiment = EXPERIMENT) -> Summary:
    with tempfile.TemporaryDirectory() as folder:
        return over_files(arrivals, folder).summarise(asked, AS_OF)


@settings(max_examples=12, deadline=None, derandomize=True, phases=_PHASES)
@given(event_lists(), st.sampled_from(ASKED))
def test_both_engines_come_to_the_same(arrivals: list[Event], asked: Experiment) -> None:
    assert_same(by_athena(arrivals, asked), by_duckdb(arrivals, asked))


def event(number: int, user: str, event_type: str, **fields: Any) -> Event:
    at = NOON + timedelta(hours=2, minutes=number)
    return Event(event_id=f"e{number}", event_type=event_type, user_id=user, timestamp=at, received_at=at, **fields)


def exposure(number: int, user: str, group: str, **fields: Any) -> Event:
    named = {"experiment_name": "checkout_button", "group_name": group}
    return event(number, user, "exposure", **named, **fields)


STORY = [
    exposure(1, "a", "control"),
    exposure(2, "b", "treatment"),
    exposure(3, "c", "treatment"),
    event(4, "a", "click"),
    event(5, "b", "revenue", event_value=12.5),
    event(6, "c", "revenue", event_value=7.5, metadata={"revenue": 3}),
]


def test_a_line_in_both_tables_counts_once() -> None:
    summary = by_athena(STORY[2:], compacted=STORY[:4])
    assert_same(summary, by_duckdb(STORY))
    assert summary.quality.duplicate_events == 0


def test_what_comes_later_does_not_count() -> None:
    later = [event(100 * 60, "b", "click"), exposure(101 * 60, "d", "control")]
    assert_same(by_athena([*STORY, *later]), by_duckdb([*STORY, *later]))
    assert by_athena([*STORY, *later]) == by_athena(STORY)


def test_a_bandit_is_weighted_and_its_arms_are_counted() -> None:
    weights = {"control": 0.2, "treatment": 0.8}
    bandit = experiment(assignment_algorithm="bandit", bandit={"attribution_window_hours": 1}, start_time=NOON)
    arrivals = [
        exposure(1, "a", "control", propensity=0.2, metadata={"weights": weights}),
        exposure(2, "b", "treatment", propensity=0.8, metadata={"weights": weights}),
        exposure(3, "c", "treatment", metadata={"weights": "odd"}),
        event(4, "b", "click"),
        event(70, "c", "click"),
    ]
    assert_same(by_athena(arrivals, bandit), by_duckdb(arrivals, bandit))
    with tempfile.TemporaryDirectory() as folder, closing(TranspiledQueries(arrivals)) as queries:
        athena = AthenaEngine(queries, SettableClock(AS_OF))
        arms = athena.count_arms(bandit, AS_OF)
        assert arms == over_files(arrivals, folder).count_arms(bandit, AS_OF)
        assert arms["treatment"].rewards == 1
        with pytest.raises(TypeError, match="is no bandit"):
            athena.count_arms(experiment(), AS_OF)


def test_an_experiment_without_start_or_metrics_has_units() -> None:
    summary = by_athena(STORY, experiment(metrics=[]))
    assert {name: group.n for name, group in summary.groups.items()} == {"control": 1, "treatment": 2}


def test_names_are_data_and_never_sql() -> None:
    name = "'); DROP TABLE delivered_events; --"
    asked = experiment(metrics=["click_rate", {"name": "odd", "kind": "mean", "field": name}])
    summary = by_athena([*STORY, event(9, "a", "visit", metadata={name: 4})], asked)
    assert_same(summary, by_duckdb([*STORY, event(9, "a", "visit", metadata={name: 4})], asked))


def test_only_days_that_can_matter_are_read() -> None:
    asked = experiment(
        start_time=NOON,
        metrics=[{"name": "spent", "kind": "mean", "event_type": "revenue", "covariate": {"days": 7}}],
    )
    with closing(TranspiledQueries(STORY)) as queries:
        AthenaEngine(queries, SettableClock(AS_OF)).summarise(asked)
        found = {day for statement in queries.statements for day in re.findall(r"dt >= '(\S+)'", statement)}
    assert found == {"2026-02-22"}
