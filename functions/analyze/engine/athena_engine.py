"""Amazon Athena as the engine: it reads the same files by the same SQL, for more events than one function can hold."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Protocol

from bakeoff_core.clock import Clock
from bakeoff_core.experiments.model import Experiment
from engine.athena_queries import Row
from engine.reading import needed, read_quality, read_summary
from engine.relations import Relation, Scalar, fields_of, looks_back, microseconds, relations, reward_relation
from engine.statements import (
    ARM_COUNTS,
    DATA_QUALITY,
    STAGES_OF_BANDITS,
    STAGES_OF_TIMELINES,
    STAGES_TO_STATISTICS,
    STAGES_TO_UNITS,
    STAGES_TO_VALUES,
    Column,
    sql,
)
from engine.summary import Summary
from stats.thompson import ArmCounts

_STAGES = (*STAGES_TO_UNITS, *STAGES_TO_VALUES, *STAGES_TO_STATISTICS, *STAGES_OF_TIMELINES, *STAGES_OF_BANDITS)
_QUERIES_AT_ONCE = 5
_SKEW = timedelta(hours=1)  # by how much a sender's clock may run ahead of the arrival time in the key
_FIRST_DAY = "0001-01-01"

_READ: dict[Column, Callable[[str], Any]] = {"text": str, "integer": int, "number": float}
_LAKE_QUALITY: tuple[Column, ...] = ("integer", "integer")


class Queries(Protocol):
    """Runs SELECT statements."""

    def rows(self, query: str) -> Iterator[Row]:
        """Run one and read its rows, every value as text."""
        ...


class AthenaEngine:
    """Sums up events by Athena.

    Every query is one statement on its own: Athena has no tables for what is found on the way, and reads the
    events again for each. They run at the same time.

    Args:
        queries: Runs them, in the database of the event tables.
        clock: The time, as of which data are looked at when nothing else is said.
    """

    def __init__(self, queries: Queries, clock: Clock) -> None:
        self._queries = queries
        self._clock = clock

    def summarise(self, experiment: Experiment, as_of: datetime | None = None) -> Summary:
        """Reduce an experiment's events from before a moment, or from before now, to sufficient statistics."""
        known = self._relations(experiment, as_of or self._clock())
        asked = [*needed(experiment), DATA_QUALITY]
        statements = [(statement(experiment, known, query.sql), query.columns) for query in asked]
        lake = (statement(experiment, known, sql("athena/lake_quality")), _LAKE_QUALITY)
        *answers, lake_quality = self._ask([*statements, lake])
        duplicates, unreadable_lines = lake_quality[0]
        by_query = dict(zip(asked, answers, strict=True))
        quality = read_quality(by_query.pop(DATA_QUALITY)[0], duplicates=duplicates, unreadable_lines=unreadable_lines)
        return read_summary(experiment, by_query, quality)

    def count_arms(self, experiment: Experiment, at: datetime) -> dict[str, ArmCounts]:
        """Count the units of a bandit's groups, and those that were rewarded, as of a moment."""
        bandit, reward = experiment.bandit, experiment.reward
        if bandit is None or reward is None:
            raise TypeError(f"{experiment.name} is no bandit")
        window = timedelta(hours=bandit.attribution_window_hours)
        known = [*self._relations(experiment, at), reward_relation(reward.event_type, window)]
        (rows,) = self._ask([(statement(experiment, known, ARM_COUNTS.sql), ARM_COUNTS.columns)])
        return {group: ArmCounts(*counts) for group, *counts in rows}

    def _relations(self, experiment: Experiment, as_of: datetime) -> list[Relation]:
        moment = microseconds(as_of)
        assert moment is not None  # noqa: S101 - there is a moment
        return relations(experiment, moment)

    def _ask(self, statements: Sequence[tuple[str, tuple[Column, ...]]]) -> list[list[tuple[Any, ...]]]:
        with ThreadPoolExecutor(_QUERIES_AT_ONCE) as pool:
            return list(
                pool.map(lambda each: [_typed(row, each[1]) for row in self._queries.rows(each[0])], statements)
            )


def statement(experiment: Experiment, known: Iterable[Relation], query: str) -> str:
    """Write a query as one statement that begins with the events.

    Args:
        experiment: Whose events they are.
        known: What the experiment asks of them.
        query: Its text, over the stages.
    """
    parts = [
        *(_with(relation.name, _constants(relation)) for relation in known),
        _with("arrivals", _arrivals(experiment)),
        _with("events", _events(experiment)),
        _with("exposure_events", sql("athena/exposure_events")),
        *(_with(stage, sql(f"stages/{stage}")) for stage in _STAGES),
    ]
    return f"WITH {', '.join(parts)}\nSELECT * FROM (\n{query}) AS answer"


def _with(name: str, select: str) -> str:
    return f"{name} AS (\n{select})"


def _constants(relation: Relation) -> str:
    columns = relation.columns
    if not relation.rows:
        nothing = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns)
        return f"SELECT {nothing} WHERE 1 = 0\n"
    rows = ", ".join(
        f"({', '.join(_literal(value, kind) for value, (_, kind) in zip(row, columns, strict=True))})"
        for row in relation.rows
    )
    names = ", ".join(name for name, _ in columns)
    return f"SELECT * FROM (VALUES {rows}) AS constants ({names})\n"  # noqa: S608 - values are literals, escaped


def _arrivals(experiment: Experiment) -> str:
    start = experiment.start_time
    first = _FIRST_DAY if start is None else f"{start - looks_back(experiment) - _SKEW:%Y-%m-%d}"
    return sql("athena/arrivals").format(first_day=_text(first), experiment=_text(experiment.name))


def _events(experiment: Experiment) -> str:
    segments = experiment.analysis.segments
    return sql("athena/events").format(
        weights=_array(
            "DOUBLE", (sql("athena/weight").format(path=_path("weights", group.name)) for group in experiment.groups)
        ),
        segment_values=_array(
            "VARCHAR",
            (
                sql("athena/segment").format(context_path=_path("context", segment), path=_path(segment))
                for segment in segments
            ),
        ),
        field_values=_array(
            "DOUBLE", (sql("athena/number").format(path=_path(field)) for field in fields_of(experiment))
        ),
    )


def _array(kind: str, elements: Iterable[str]) -> str:
    return f"CAST(ARRAY[{', '.join(element.strip() for element in elements)}] AS ARRAY({kind}))"


def _path(*names: str) -> str:
    """Write the place of a value in a JSON object as a literal that holds a JSONPath."""
    quoted = (name.replace("\\", "\\\\").replace('"', '\\"') for name in names)
    return _text("$" + "".join(f'["{name}"]' for name in quoted))


def _literal(value: Scalar, kind: str) -> str:
    if value is None:
        return f"CAST(NULL AS {kind})"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return f"CAST({_text(str(value))} AS {kind})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _typed(row: Row, columns: tuple[Column, ...]) -> tuple[Any, ...]:
    return tuple(None if value is None else _READ[kind](value) for value, kind in zip(row, columns, strict=True))
