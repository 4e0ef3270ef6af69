"""A table of somebody's own experiment as the engine's input: CSV or Parquet, one row a unit or one row an event."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from bakeoff_core.errors import FieldError, InvalidInput
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.lake.database import database
from engine.duckdb_engine import Tables
from engine.reading import Rows, needed, read_summary
from engine.relations import Relation, relations
from engine.statements import (
    DAILY,
    DAYS_OVER,
    SINCE_EXPOSURE,
    STAGES_TO_STATISTICS,
    TIMELINE,
    WAITING,
    Query,
    sql,
)
from engine.summary import DataQuality, GroupSummary, Summary

_MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null")
_MOST_GROUPS = 50
_NOT_IN_TABLES = frozenset({DAILY, WAITING, DAYS_OVER, SINCE_EXPOSURE, TIMELINE})
# Names of groups follow the same rule everywhere; a blank, say, becomes an underscore.
_NAME = "regexp_replace(trim({text}), '[^A-Za-z0-9._-]', '_', 'g')"


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what.

    Attributes:
        unit: The unit's id.
        group: Its group.
        time: When the row happened; None where the table does not say.
        metrics: By metric name: the column of its values; of a ratio, of its numerator.
        denominators: By the name of a ratio: the column of its denominator.
        covariates: By metric name: the column of its covariate.
        segments: Columns by whose values the results are also given.
    """

    unit: str
    group: str
    metrics: Mapping[str, str]
    time: str | None = None
    denominators: Mapping[str, str] = field(default_factory=dict)
    covariates: Mapping[str, str] = field(default_factory=dict)
    segments: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TableQuality:
    """What was odd about a table.

    Attributes:
        rows: Its rows.
        units: Different units.
        rows_are_events: Whether units have several rows, so that a row is an event.
        without_unit: Rows that name no unit, which do not count.
        without_group: Rows that name a unit and no group, likewise.
        missing_values: By column.
    """

    rows: int
    units: int
    rows_are_events: bool
    without_unit: int
    without_group: int
    missing_values: Mapping[str, int]


class Table:
    """A file, read into a database of its own.

    Args:
        connection: The database.
        path: A CSV or Parquet file, CSV also compressed with gzip or zstd.
        columns: Which columns hold what.

    Raises:
        InvalidInput: The file cannot be read, or columns are not in it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, columns: Columns) -> None:
        self._connection = connection
        self._tables = Tables(connection)
        self._columns = columns
        self._read(path)
        counts = self._run("row_counts")[0]
        self._rows, self._units, self._used, self._without_unit, self._without_group, without_time = counts
        if columns.time is not None and without_time:
            raise InvalidInput.of(columns.time, f"{without_time:,} rows have no time, or one that cannot be read")

    @property
    def groups(self) -> list[str]:
        """The groups that occur, those with the most rows first.

        Raises:
            InvalidInput: There are fewer than two, or so many that the column must hold something else.
        """
        found = [name for name, _ in self._run("group_values")]
        column = self._columns.group
        if len(found) > _MOST_GROUPS:
            raise InvalidInput.of(column, f"has {len(found):,} different values, too many to be the groups of a test")
        if len(found) < 2:  # noqa: PLR2004 - a comparison is of two
            only = f"has only the group {found[0]}" if found else "names no group"
            raise InvalidInput.of(column, f"{only}; a comparison needs two")
        return found

    def summarise(self, experiment: Experiment) -> tuple[Summary, TableQuality]:
        """Reduce the table to sufficient statistics.

        Args:
            experiment: With a group for each that occurs, and with the metrics that the columns name.

        Raises:
            InvalidInput: A column holds values that are no numbers.
        """
        for relation in (*relations(experiment, 0), self._table_columns(experiment)):
            self._tables.relation(relation)
        self._run("cells")
        self._check_values()
        rows_are_events = self._units < self._used
        self._run("units")
        self._run("unit_values", rows_are_events=rows_are_events)
        self._tables.keep(STAGES_TO_STATISTICS)
        answers: dict[Query, Rows] = {
            query: self._tables.ask(query) for query in needed(experiment) if query not in _NOT_IN_TABLES
        }
        if self._columns.time is not None:
            answers[DAILY] = self._run("daily")
        summary = read_summary(experiment, answers, DataQuality())
        quality = TableQuality(
            rows=self._rows,
            units=self._units,
            rows_are_events=rows_are_events,
            without_unit=self._without_unit,
            without_group=self._without_group,
            missing_values=dict(self._run("missing_values")),
        )
        return summary if self._columns.time is not None else _timeless(summary), quality

    def _read(self, path: Path) -> None:
        source = self._source(path)
        known = [name for name, *_ in self._connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]  # noqa: S608
        columns = self._columns
        wanted = [
            columns.unit,
            columns.group,
            *([columns.time] if columns.time else []),
            *self._values(),
            *columns.segments,
        ]
        missing = [name for name in dict.fromkeys(wanted) if name not in known]
        if missing:
            there = ", ".join(known)
            raise InvalidInput(
                [FieldError(name, f"is no column of {path.name}, which has {there}") for name in missing]
            )
        time = "CAST(NULL AS BIGINT)" if columns.time is None else _microseconds(columns.time)
        self._connection.execute(
            "CREATE TABLE table_rows AS "  # noqa: S608 - columns are quoted
            f"SELECT {_text(columns.unit)} AS unit, "
            f"nullif({_NAME.format(text=_text(columns.group))}, '') AS group_name, "
            f"{time} AS happened_at, "
            f"CAST([{', '.join(map(_text, columns.segments))}] AS VARCHAR[]) AS segment_values, "
            f"CAST([{', '.join(map(_text, self._values()))}] AS VARCHAR[]) AS texts FROM {source}"
        )

    def _source(self, path: Path) -> str:
        if not path.is_file():
            raise InvalidInput.of("", f"{path}: there is no such file")
        name = path.name.lower()
        file = "'" + str(path).replace("'", "''") + "'"
        if name.endswith(".parquet"):
            source = f"read_parquet({file})"
        else:
            missing = ", ".join(f"'{word}'" for word in _MISSING)
            source = f"read_csv({file}, header = true, all_varchar = true, nullstr = [{missing}])"
        try:
            self._connection.execute(f"SELECT * FROM {source} LIMIT 0")  # noqa: S608 - a file's name, quoted
        except duckdb.Error as error:
            kind, reason = "Parquet" if name.endswith(".parquet") else "CSV", str(error).splitlines()[0]
            raise InvalidInput.of("", f"{path.name}: cannot be read as {kind} ({reason})") from error
        return source

    def _values(self) -> list[str]:
        columns = self._columns
        names = (*columns.metrics.values(), *columns.denominators.values(), *columns.covariates.values())
        return list(dict.fromkeys(names))

    def _table_columns(self, experiment: Experiment) -> Relation:
        columns, values = self._columns, self._values()
        rows: list[tuple[Any, ...]] = []
        for position, metric in enumerate(experiment.metrics):
            for part, column in (
                ("y", columns.metrics[metric.name]),
                ("x", columns.denominators.get(metric.name) or columns.covariates.get(metric.name)),
            ):
                if column is not None:
                    once = metric.is_share and part == "y"
                    first = all(row[3] != column for row in rows)
                    rows.append((position, part, once, column, values.index(column) + 1, first))
        kinds = (
            ("position", "INTEGER"),
            ("part", "VARCHAR"),
            ("once", "BOOLEAN"),
            ("column_name", "VARCHAR"),
            ("text_index", "INTEGER"),
            ("first_use", "BOOLEAN"),
        )
        return Relation("table_columns", kinds, tuple(rows))

    def _check_values(self) -> None:
        bad = self._run("bad_values")
        reasons = (
            FieldError(column, f"{cells:,} values are no numbers, such as {example!r}")
            for column, cells, example in bad
        )
        if bad:
            raise InvalidInput(list(reasons))

    def _run(self, name: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql(f"tables/{name}"), parameters).fetchall()


@contextmanager
def open_table(path: Path, columns: Columns, *, memory_limit_mb: int = 2_048, threads: int = 2) -> Iterator[Table]:
    """Read a table.

    Args:
        path: The file.
        columns: Which columns hold what.
        memory_limit_mb: What DuckDB may use before it spills to disk.
        threads: How many threads it uses.
    """
    with database(memory_limit_mb=memory_limit_mb, threads=threads, tables_in="memory") as connection:
        yield Table(connection, path, columns)


def _timeless(summary: Summary) -> Summary:
    """Leave out what follows from times, which the table does not have."""
    groups: dict[str, GroupSummary] = {
        name: replace(group, daily=(), cohorts={metric: {} for metric in group.cohorts})
        for name, group in summary.groups.items()
    }
    return replace(summary, groups=groups, first_exposure=None, last_exposure=None, last_seen=None)


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(column: str) -> str:
    missing = ", ".join(f"'{word}'" for word in _MISSING)
    text = f"CAST({_quoted(column)} AS VARCHAR)"
    return f"CASE WHEN {text} NOT IN ({missing}) THEN {text} END"


def _microseconds(column: str) -> str:
    moment = f"TRY_CAST({_text(column)} AS TIMESTAMPTZ)"
    return f"CASE WHEN isfinite({moment}) THEN epoch_us({moment}) END"
