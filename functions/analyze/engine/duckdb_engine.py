"""DuckDB as the engine: the event objects are fetched and summed up within the function."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from bakeoff_core.events.types import EXPOSURE_TYPES
from bakeoff_core.experiments.metrics import Metric
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.lake.database import Format, database, show_lines
from bakeoff_core.lake.files import EventFiles, Fetched
from bakeoff_core.stores.objects import ObjectStore
from engine.predictions import FindReference, ModelUse, count_predictions, load_predictions
from engine.reading import needed, read_quality, read_summary
from engine.relations import Relation, fields_of, known_types, looks_back, microseconds, relations, reward_relation
from engine.statements import (
    ARM_COUNTS,
    CHEAP_STAGES,
    DATA_QUALITY,
    STAGES_OF_BANDITS,
    STAGES_OF_TIMELINES,
    STAGES_TO_STATISTICS,
    STAGES_TO_UNITS,
    STAGES_TO_VALUES,
    Query,
    sql,
)
from engine.summary import Summary
from stats.thompson import ArmCounts

_MEMORY_MB_PER_VCPU = 1_769  # Lambda's own measure
_SMALLEST_MEMORY_MB = 256
_IDS_AT_ONCE = 8_000_000
_MEMORY_PER_BYTE = 4  # of a compressed file of events, once they are in tables
_ENUMERATED = {"event_type": "EVENT_TYPE", "group_name": "GROUP_NAME", "part": "PART"}


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
        self._looked_at: tuple[Experiment, datetime | None, Fetched] | None = None

    def summarise(self, experiment: Experiment, as_of: datetime | None = None) -> Summary:
        """Reduce an experiment's events from before a moment, if one is given, to sufficient statistics."""
        with self._units_of(experiment, as_of) as pass_:
            return pass_.summary()

    def count_arms(self, experiment: Experiment, at: datetime) -> dict[str, ArmCounts]:
        """Count the units of a bandit's groups, and those that were rewarded, as of a moment."""
        bandit, reward = experiment.bandit, experiment.reward
        if bandit is None or reward is None:
            raise TypeError(f"{experiment.name} is no bandit")
        with self._units_of(experiment, at) as pass_:
            return pass_.arm_counts(reward, timedelta(hours=bandit.attribution_window_hours))

    def predictions(self, experiment: Experiment, find: FindReference, as_of: datetime | None = None) -> list[ModelUse]:
        """Reduce an experiment's prediction events, those from before a moment if one is given, to counts.

        After a summary of the same experiment they are of the same objects, unless that looked back further.
        """
        fetched = self._objects_of(experiment)
        with self._database(fetched) as connection:
            self._load(
                fetched,
                experiment.start_time,
                lambda readable: load_predictions(connection, readable, experiment, as_of),
            )
            return count_predictions(connection, find)

    def _database(self, fetched: Fetched) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open a database for the events of files, with tables in memory only where they will fit."""
        size = sum(file.stat().st_size for file in (*fetched.delivered, *fetched.compacted))
        fits = size * _MEMORY_PER_BYTE < self._memory_limit_mb * 2**20
        return database(
            memory_limit_mb=self._memory_limit_mb, threads=self._threads, tables_in="memory" if fits else "file"
        )

    def _load(self, fetched: Fetched, start: datetime | None, load: Callable[[Fetched], bool]) -> Fetched:
        """Load the events of files, once again without the damaged ones where not all could be read; say which."""
        try:
            whole = load(fetched)
        except duckdb.IOException:
            whole = False
        if not whole and self._files.verify():
            fetched = self._files.since(start)
            load(fetched)
        return fetched

    def _objects_of(self, experiment: Experiment) -> Fetched:
        if self._looked_at is not None:
            looked_at, start, fetched = self._looked_at
            if looked_at is experiment and start == experiment.start_time:
                return fetched
        return self._files.since(experiment.start_time)

    @contextmanager
    def _units_of(self, experiment: Experiment, as_of: datetime | None) -> Iterator["_Pass"]:
        start = None if experiment.start_time is None else experiment.start_time - looks_back(experiment)
        fetched = self._files.since(start)
        with self._database(fetched) as connection:
            pass_ = _Pass(connection, experiment)
            self._looked_at = (experiment, start, self._load(fetched, start, pass_.load))
            pass_.choose(as_of)
            pass_.keep(STAGES_TO_UNITS)
            yield pass_


@contextmanager
def duckdb_over(objects: ObjectStore, *, memory_mb: int) -> Iterator[DuckDBEngine]:
    """Open an engine on the events of a bucket, for one invocation.

    Args:
        objects: The store of the event bucket.
        memory_mb: The function's memory, of which DuckDB gets half, and whose size decides on its vCPUs.
    """
    with TemporaryDirectory() as folder:
        files = EventFiles(objects, Path(folder), verified=False)
        threads = max(1, memory_mb // _MEMORY_MB_PER_VCPU)
        yield DuckDBEngine(files, memory_limit_mb=max(_SMALLEST_MEMORY_MB, memory_mb // 2), threads=threads)


class Tables:
    """The tables of one connection.

    Args:
        connection: The database.
        kinds: By column name: types of columns that differ from those which the relations name.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, str] | None = None) -> None:
        self._connection = connection
        self._kinds = kinds or {}

    def relation(self, relation: Relation) -> None:
        """Fill a table of constants."""
        columns = ", ".join(f"{name} {self._kinds.get(name, kind)}" for name, kind in relation.columns)
        self._connection.execute(f"CREATE TABLE {relation.name} ({columns})")
        if relation.rows:
            marks = f"({', '.join('?' * len(relation.columns))})"
            statement = f"INSERT INTO {relation.name} VALUES {', '.join([marks] * len(relation.rows))}"  # noqa: S608 - a name of the code's own
            self._connection.execute(statement, list(chain.from_iterable(relation.rows)))

    def keep(self, stages: Sequence[str]) -> None:
        """Work stages out, and keep those in tables that are dear to repeat."""
        for stage in stages:
            kind = "VIEW" if stage in CHEAP_STAGES else "TABLE"
            self._connection.execute(f"CREATE {kind} {stage} AS {sql(f'stages/{stage}')}")

    def ask(self, query: Query) -> list[tuple[Any, ...]]:
        """Run a query."""
        return self._connection.execute(query.sql).fetchall()

    def run(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement of DuckDB's own."""
        return self._connection.execute(sql(f"duckdb/{statement}"), parameters).fetchall()


class _Pass(Tables):
    """One experiment's way through the tables."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, experiment: Experiment) -> None:
        super().__init__(connection, _ENUMERATED)
        self._experiment = experiment
        self._unreadable_objects: tuple[str, ...] = ()
        self._unreadable_lines = 0
        self._duplicates = 0
        for name, values in self._variables().items():
            connection.execute(f"SET VARIABLE {name} = $values", {"values": values})
        connection.execute(sql("duckdb/define"))

    def load(self, fetched: Fetched) -> bool:
        """Fill the table of lines anew, and say whether every line is an event."""
        self._unreadable_objects = fetched.unreadable
        self.run("create_arrived")
        sources: tuple[tuple[Format, tuple[Path, ...]], ...] = (
            ("delivered", fetched.delivered),
            ("compacted", fetched.compacted),
        )
        for form, files in sources:
            if files:
                show_lines(self._connection, form, files)
                self.run("load_events")
        self._unreadable_lines = self.run("delete_unreadable")[0][0]
        return self._unreadable_lines == 0

    def choose(self, as_of: datetime | None) -> None:
        """Leave each event once, and fill the tables of what the experiment asks of them."""
        self.run("events")
        self.run("exposure_events")
        compacted_away = self.run("repeated_arrivals")[0][0]
        self._duplicates = compacted_away + self._delete_duplicates()
        moment = microseconds(as_of)
        if moment is None:
            moment = self.run("after_the_last_event")[0][0]
        else:
            self.run("delete_later", as_of=moment)
        for relation in relations(self._experiment, moment):
            self.relation(relation)

    def summary(self) -> Summary:
        """Read the sufficient statistics."""
        experiment = self._experiment
        bandits = STAGES_OF_BANDITS if experiment.bandit else ()
        self.keep((*STAGES_TO_VALUES, *STAGES_TO_STATISTICS, *STAGES_OF_TIMELINES, *bandits))
        answers = {query: self.ask(query) for query in needed(experiment)}
        quality = read_quality(
            self.ask(DATA_QUALITY)[0],
            duplicates=self._duplicates,
            unreadable_lines=self._unreadable_lines,
            unreadable_objects=self._unreadable_objects,
        )
        return read_summary(experiment, answers, quality)

    def arm_counts(self, reward: Metric, window: timedelta) -> dict[str, ArmCounts]:
        """Count units by group; of those whose window is over, the ones that were rewarded within it."""
        self.relation(reward_relation(reward.event_type, window))
        return {group: ArmCounts(*counts) for group, *counts in self.ask(ARM_COUNTS)}

    def _delete_duplicates(self) -> int:
        """Find the ids that occur more than once by sorting them, which is faster than to group by them."""
        lines = self._connection.execute("SELECT count(*) FROM arrived").fetchall()[0][0]
        parts = max(1, -(-lines // _IDS_AT_ONCE))
        repeated = np.concatenate([_repeated(self._event_ids(part, parts)) for part in range(parts)])
        if not repeated.size:
            return 0
        self._connection.register("repeated_ids", {"event_id": repeated})
        deleted: int = self.run("delete_duplicates")[0][0]
        self._connection.unregister("repeated_ids")
        return deleted

    def _event_ids(self, part: int, parts: int) -> NDArray[np.uint64]:
        found = self._connection.execute(sql("duckdb/event_ids"), {"part": part, "parts": parts}).fetchnumpy()
        return np.asarray(found["event_id"], np.uint64)

    def _variables(self) -> dict[str, object]:
        experiment = self._experiment
        groups = [group.name for group in experiment.groups]
        segments = [_pointer(segment) for segment in experiment.analysis.segments]
        return {
            "experiment": experiment.name,
            "known_types": known_types(experiment),
            "group_names": groups,
            "exposure_types": sorted(EXPOSURE_TYPES),
            "exposure_pointers": ["/reason", *chain.from_iterable((f"/context{each}", each) for each in segments)],
            "weight_pointers": [f"/weights{_pointer(name)}" for name in groups] if experiment.bandit else [],
            "field_pointers": [_pointer(field) for field in fields_of(experiment)],
        }


def _repeated(ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    ids = np.sort(ids)
    return np.unique(ids[1:][ids[1:] == ids[:-1]])


def _pointer(field: str) -> str:
    """Write a field's name as a JSON pointer (RFC 6901), in which every character may occur."""
    return "/" + field.replace("~", "~0").replace("/", "~1")
