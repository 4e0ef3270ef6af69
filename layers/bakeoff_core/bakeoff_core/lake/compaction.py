"""Compaction: the many small objects of a closed hour become one Parquet object, and no reader can tell when."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bakeoff_core.clock import Clock
from bakeoff_core.lake.database import Coverage, Format, database, read_coverage, show_lines, statement
from bakeoff_core.lake.files import is_intact
from bakeoff_core.lake.keys import DELIVERED, compacted_key, end_of, partition_of
from bakeoff_core.stores.objects import Listed, ObjectChanged, ObjectNotFound, ObjectStore
from bakeoff_core.telemetry import logger

if TYPE_CHECKING:
    import duckdb

PARQUET_TYPE = "application/vnd.apache.parquet"
_UNTIDY_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Bounds:
    """What compaction may use, and how long it waits.

    Attributes:
        memory_limit_mb: DuckDB's memory, beyond which it spills to disk.
        threads: DuckDB's threads.
        settle: How long an hour is over before it is compacted. What arrives still later is read beside the
            Parquet object, and taken into it by the next run.
        grace: How long delivered objects stay beside the Parquet object that holds their lines: longer than
            any reader runs.
    """

    memory_limit_mb: int = 256
    threads: int = 1
    settle: timedelta = timedelta(minutes=10)
    grace: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a run came to.

    Attributes:
        written: Parquet objects written.
        objects: Delivered objects that they hold and no earlier one held.
        deleted: Delivered objects deleted, because a Parquet object has held them for long enough.
        left: Delivered objects left as they are, because they are damaged or hold lines that are no events.
        failed: Partitions that could not be compacted.
        finished: Whether every closed hour was looked at.
    """

    written: int = 0
    objects: int = 0
    deleted: int = 0
    left: int = 0
    failed: tuple[str, ...] = ()
    finished: bool = True


class Compactor:
    """Rewrites closed hours of the lake as Parquet.

    An hour's Parquet object is replaced in one write, and names within itself the delivered objects whose lines
    it holds. A reader that finds it leaves those objects alone, whether they are there still or not. So a run may
    be stopped at any point and started again, and an object that arrives late, or arrives again after it was
    deleted, is read as what it is. Of two runs at once the later writer fails and has changed nothing.

    Args:
        objects: The event bucket.
        clock: The time.
        bounds: What it may use, and how long it waits.
    """

    def __init__(self, objects: ObjectStore, clock: Clock, bounds: Bounds | None = None) -> None:
        self._objects = objects
        self._clock = clock
        self._bounds = bounds or Bounds()

    def run(self, *, out_of_time: Callable[[], bool] = lambda: False) -> Compaction:
        """Compact every closed hour that has delivered objects, the oldest first.

        Args:
            out_of_time: Asked before each hour whether to leave the others to the next run.
        """
        done = Compaction()
        latest_end = self._clock() - self._bounds.settle
        delivered = [listed for listed in self._objects.listing(DELIVERED) if not listed.key.endswith("/")]
        for partition, group in groupby(delivered, key=lambda listed: partition_of(listed.key)):
            if partition is None or end_of(partition) > latest_end:
                continue
            if out_of_time():
                return replace(done, finished=False)
            done = self._try(partition, {listed.key.rpartition("/")[2]: listed for listed in group}, done)
        return done

    def _compact(self, partition: str, delivered: Mapping[str, Listed], done: Compaction) -> Compaction:
        key = compacted_key(partition)
        with TemporaryDirectory() as scratch:
            folder = Path(scratch)
            version = self._objects.version(key)
            coverage = self._download_compacted(key, folder) if version is not None else None
            covered = coverage.objects if coverage is not None else frozenset[str]()
            new = {name: listed for name, listed in delivered.items() if name not in covered}
            tidy = self._download_tidy(new, folder)
            done = replace(done, left=done.left + len(new) - len(tidy))
            if tidy:
                successor = Coverage(covered.union(tidy), self._clock())
                target = folder / "successor.parquet"
                self._write(tidy, folder / "present.parquet" if coverage is not None else None, target, successor)
                self._objects.replace(key, target, PARQUET_TYPE, version)
                return replace(done, written=done.written + 1, objects=done.objects + len(tidy))
        if coverage is not None and self._clock() - coverage.written_at >= self._bounds.grace:
            old = [listed.key for name, listed in delivered.items() if name in covered]
            self._objects.delete(old)
            done = replace(done, deleted=done.deleted + len(old))
        return done

    def _try(self, partition: str, delivered: Mapping[str, Listed], done: Compaction) -> Compaction:
        import duckdb  # noqa: PLC0415 - it is large, and most runs find nothing to compact

        try:
            return self._compact(partition, delivered, done)
        except (duckdb.Error, ObjectChanged, ObjectNotFound):
            logger.exception("hour not compacted", partition=partition)
            return replace(done, failed=(*done.failed, partition))

    def _download_compacted(self, key: str, folder: Path) -> Coverage:
        from duckdb import IOException  # noqa: PLC0415 - as above

        present = folder / "present.parquet"
        self._objects.download(key, present)
        coverage = read_coverage(present)
        if coverage is None:
            raise IOException(f"{key}: is damaged or was not written by compaction")
        return coverage

    def _download_tidy(self, delivered: Mapping[str, Listed], folder: Path) -> dict[str, Path]:
        """Fetch delivered objects, and leave out those that Parquet could not hold as they are."""
        fetched: dict[str, Path] = {}
        for index, (name, listed) in enumerate(delivered.items()):
            path = folder / f"{index:08}{'.ndjson.gz' if name.endswith('.gz') else '.ndjson'}"
            with suppress(ObjectNotFound):  # deleted since: a user's data may go at any time
                self._objects.download_listed(listed, path)
                if path.suffix != ".gz" or is_intact(path):
                    fetched[name] = path
        untidy = self._untidy(list(fetched.values()))
        return {name: path for name, path in fetched.items() if str(path) not in untidy}

    def _untidy(self, paths: Sequence[Path]) -> set[str]:
        untidy: set[str] = set()
        with self._database() as connection:
            for start in range(0, len(paths), _UNTIDY_AT_ONCE):
                show_lines(connection, "delivered", paths[start : start + _UNTIDY_AT_ONCE])
                untidy |= {file for (file,) in connection.execute(statement("untidy_files")).fetchall()}
        return untidy

    def _write(self, tidy: dict[str, Path], present: Path | None, target: Path, coverage: Coverage) -> None:
        with self._database() as connection:
            connection.execute(statement("create_arrivals"))
            sources: list[tuple[Format, list[Path]]] = [("delivered", list(tidy.values()))]
            if present is not None:
                sources.append(("compacted", [present]))
            for form, files in sources:
                show_lines(connection, form, files)
                connection.execute(statement("load_arrivals"))
            connection.execute(statement("create_repeated"))
            connection.execute(statement("write_compacted", target=str(target), coverage=coverage.to_text()))

    def _database(self) -> "AbstractContextManager[duckdb.DuckDBPyConnection]":
        return database(memory_limit_mb=self._bounds.memory_limit_mb, threads=self._bounds.threads)
