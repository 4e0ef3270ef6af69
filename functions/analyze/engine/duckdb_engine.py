"""DuckDB as the engine: the event objects are fetched and summed up within the function."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from bakeoff_core.events.model import EXPOSURE_TYPES, PREDICTION
from bakeoff_core.experiments.metrics import Metric
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.lake.database import Format, define_tie_break, show_lines
from bakeoff_core.lake.files import EventFiles, Fetched
from bakeoff_core.stores.objects import ObjectStore
from engine.summary import DataQuality, Day, GroupSummary, Propensities, Statistics, Summary
from stats.inverse_propensity import PropensityMoments
from stats.means import Moments
from stats.proportions import Proportion
from stats.thompson import ArmCounts

_SQL = Path(__file__).parent / "sql"
_MEMORY_MB_PER_VCPU = 1_769  # Lambda's own measure
_SMALLEST_MEMORY_MB = 256


class DuckDBEngine:
    """Sums up events with an in-process DuckDB, in bounded memory.

    Args:
        files: The event objects.
        memory_limit_mb: What DuckDB may use before it spills to disk; 128 MB is too little for it.
        threads: How many threads it uses.
    """

    def __init__(self, files: EventFiles, *, memory_limit_mb: int = 512, threads: int = 2) -> None:
        self._files = files
        self._memory_limit_mb = memory_limit_mb
        self._threads = threads

    def summarise(self, experiment: Experiment, as_of: datetime | None = None) -> Summary:
        """Reduce an experiment's events from before a moment, if one is given, to sufficient statistics."""
        fetched = self._files.since(experiment.start_time)
        with self._connection() as connection:
            pass_ = _Pass(connection, experiment)
            pass_.load(fetched, as_of)
            pass_.find_units()
            return pass_.summary()

    def count_arms(self, experiment: Experiment, at: datetime) -> dict[str, ArmCounts]:
        """Count the units of a bandit's groups, and those that were rewarded, as of a moment."""
        bandit, reward = experiment.bandit, experiment.reward
        if bandit is None or reward is None:
            raise TypeError(f"{experiment.name} is no bandit")
        fetched = self._files.since(experiment.start_time)
        with self._connection() as connection:
            pass_ = _Pass(connection, experiment)
            pass_.load(fetched, at)
            pass_.find_units()
            return pass_.arm_counts(reward, timedelta(hours=bandit.attribution_window_hours), at)

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with TemporaryDirectory() as spill:
            config: dict[str, str | bool | int | float | list[str]] = {
                "memory_limit": f"{self._memory_limit_mb}MB",
                "threads": self._threads,
                "temp_directory": spill,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "preserve_insertion_order": False,
            }
            with duckdb.connect(config=config) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                yield connection


@contextmanager
def duckdb_over(objects: ObjectStore, *, memory_mb: int) -> Iterator[DuckDBEngine]:
    """Open an engine on the events of a bucket, for one invocation.

    Args:
        objects: The store of the event bucket.
        memory_mb: The function's memory, of which DuckDB gets half, and whose size decides on its vCPUs.
    """
    with TemporaryDirectory() as folder:
        files = EventFiles(objects, Path(folder))
        threads = max(1, memory_mb // _MEMORY_MB_PER_VCPU)
        yield DuckDBEngine(files, memory_limit_mb=max(_SMALLEST_MEMORY_MB, memory_mb // 2), threads=threads)


class _Pass:
    """One experiment's way through the tables of one connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, experiment: Experiment) -> None:
        self._connection = connection
        self._experiment = experiment
        self._unreadable_objects: tuple[str, ...] = ()
        self._unreadable_lines = 0
        self._duplicates = 0
        self._fields = list(dict.fromkeys(m.field for m in experiment.metrics if m.field is not None))

    def load(self, fetched: Fetched, as_of: datetime | None) -> None:
        """Fill the table of events, each once."""
        self._unreadable_objects = fetched.unreadable
        define_tie_break(self._connection)
        self._run("create_events")
        sources: tuple[tuple[Format, tuple[Path, ...]], ...] = (
            ("delivered", fetched.delivered),
            ("compacted", fetched.compacted),
        )
        for form, files in sources:
            if files:
                show_lines(self._connection, form, files)
                self._run(
                    "load_events",
                    experiment=self._experiment.name,
                    pointers=[_pointer(field) for field in self._fields],
                )
        self._unreadable_lines = self._rows("delete_unreadable")[0][0]
        compacted_away = self._rows("repeated_arrivals")[0][0]
        self._duplicates = compacted_away + self._rows("delete_duplicates")[0][0]
        if as_of is not None:
            self._run("delete_later", as_of=_utc(as_of))

    def find_units(self) -> None:
        """Fill the tables of units and of what they did."""
        experiment = self._experiment
        self._relation(
            "groups", "position INTEGER, group_name VARCHAR", list(enumerate(g.name for g in experiment.groups))
        )
        self._relation("own_types", "event_type VARCHAR", [(name,) for name in sorted({*EXPOSURE_TYPES, PREDICTION})])
        self._relation(
            "metrics",
            "position INTEGER, kind VARCHAR, event_type VARCHAR, field VARCHAR, field_index INTEGER",
            [(position, *self._metric_row(metric)) for position, metric in enumerate(experiment.metrics)],
        )
        self._run(
            "create_exposures",
            experiment=experiment.name,
            config_version=experiment.config_version,
            exposure_types=sorted(EXPOSURE_TYPES),
            start=_utc(experiment.start_time),
            end=_utc(experiment.end_time),
        )
        self._run("create_units")
        self._run("create_contributions")

    def summary(self) -> Summary:
        """Read the sufficient statistics."""
        (
            before_exposure,
            of_unexposed_users,
            unknown_group,
            outside_window,
            forced_units,
            unusable_values,
        ) = self._rows("data_quality", experiment=self._experiment.name)[0]
        crossovers, first, last = self._rows("observed_window")[0]
        counts = dict(self._rows("group_sizes"))
        statistics, daily = self._statistics(counts), self._daily()
        return Summary(
            groups={
                group.name: GroupSummary(counts[group.name], statistics[group.name], daily[group.name])
                for group in self._experiment.groups
            },
            crossovers=crossovers,
            quality=DataQuality(
                duplicate_events=self._duplicates,
                events_before_exposure=before_exposure,
                events_of_unexposed_users=of_unexposed_users,
                unknown_group_exposures=unknown_group,
                exposures_outside_window=outside_window,
                forced_units=forced_units,
                unusable_values=unusable_values,
                unreadable_lines=self._unreadable_lines,
                unreadable_objects=self._unreadable_objects,
            ),
            first_exposure=_aware(first),
            last_exposure=_aware(last),
            propensities=self._propensities() if self._experiment.bandit else {},
        )

    def arm_counts(self, reward: Metric, window: timedelta, at: datetime) -> dict[str, ArmCounts]:
        """Count units by group; of those whose window is over, the ones that were rewarded within it."""
        rows = self._rows(
            "arm_counts",
            event_type=reward.event_type,
            window_microseconds=window // timedelta(microseconds=1),
            at=_utc(at),
        )
        return {group: ArmCounts(*counts) for group, *counts in rows}

    def _propensities(self) -> dict[str, Propensities]:
        self._relation("shares", "group_name VARCHAR, share DOUBLE", list(self._experiment.shares.items()))
        self._run("create_propensities")
        sums = {(group, position): PropensityMoments(*each) for group, position, *each in self._rows("propensity_sums")}
        return {
            group: Propensities(
                {
                    metric.name: sums.get((group, position), PropensityMoments.of(()))
                    for position, metric in enumerate(self._experiment.metrics)
                },
                expected,
            )
            for group, expected in self._rows("expected_sizes")
        }

    def _statistics(self, counts: dict[str, int]) -> dict[str, dict[str, Statistics]]:
        found = {(group, position): (total, m2) for group, position, total, m2 in self._rows("metric_statistics")}
        return {
            group: {
                metric.name: _statistics(metric, n, *found.get((group, position), (0.0, 0.0)))
                for position, metric in enumerate(self._experiment.metrics)
            }
            for group, n in counts.items()
        }

    def _daily(self) -> dict[str, tuple[Day, ...]]:
        primary = self._experiment.primary_metric
        position = None if primary is None else self._experiment.metrics.index(primary)
        days: dict[str, list[Day]] = {group.name: [] for group in self._experiment.groups}
        day: date
        for group, day, users, value in self._rows("daily", metric=position):
            days[group].append(Day(day, users, value))
        return {group: tuple(series) for group, series in days.items()}

    def _metric_row(self, metric: Metric) -> tuple[str, str | None, str | None, int | None]:
        # DuckDB counts list elements from 1.
        index = None if metric.field is None else self._fields.index(metric.field) + 1
        return metric.kind, metric.event_type, metric.field, index

    def _relation(self, name: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
        self._connection.execute(f"CREATE TEMP TABLE {name} ({columns})")
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self._connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)  # noqa: S608 - names from above

    def _run(self, statement: str, **parameters: object) -> None:
        self._connection.execute(_sql(statement), parameters)

    def _rows(self, query: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(_sql(query), parameters).fetchall()


@cache
def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text()


def _statistics(metric: Metric, n: int, total: float, m2: float) -> Statistics:
    return Proportion(int(total), n) if metric.kind == "conversion" else Moments(n, total, m2)


def _pointer(field: str) -> str:
    """Write a field's name as a JSON pointer (RFC 6901), in which every character may occur."""
    return "/" + field.replace("~", "~0").replace("/", "~1")


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


def _aware(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
