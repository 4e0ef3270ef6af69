"""Erasing a user from the lake: out of every object, and out of what the objects were before."""

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from bakeoff_core.lake.compaction import PARQUET_TYPE
from bakeoff_core.lake.database import database, read_coverage, statement
from bakeoff_core.lake.keys import COMPACTED, DELIVERED, QUARANTINE, partition_of
from bakeoff_core.stores.objects import ObjectChanged, ObjectNotFound, ObjectStore

_MEMORY_LIMIT_MB = 256
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed.

    Attributes:
        delivered_events: Lines of delivered objects.
        compacted_events: Rows of Parquet objects.
        quarantined_records: Entries of quarantine.
        rewritten_objects: Objects that were written anew or deleted.
        earlier_versions: Earlier versions of objects, deleted for good.
        unreadable_objects: Keys of damaged objects, which may hold the user still.
    """

    delivered_events: int = 0
    compacted_events: int = 0
    quarantined_records: int = 0
    rewritten_objects: int = 0
    earlier_versions: int = 0
    unreadable_objects: tuple[str, ...] = ()


class Eraser:
    """Removes users from the event bucket.

    Args:
        objects: The event bucket.
        progress: Told how many of how many objects were looked at.
    """

    def __init__(self, objects: ObjectStore, progress: Callable[[int, int], None] = lambda _done, _total: None) -> None:
        self._objects = objects
        self._progress = progress

    def erase(self, user: str) -> Erased:
        """Remove a user's events. Events that are still under way arrive later and need another run."""
        keys = [key for prefix in (DELIVERED, COMPACTED, QUARANTINE) for key in self._objects.list(prefix)]
        removed = dict.fromkeys((DELIVERED, COMPACTED, QUARANTINE), 0)
        touched: list[str] = []
        unreadable: list[str] = []
        for done, key in enumerate(keys):
            self._progress(done, len(keys))
            try:
                count = self._erase_from(key, user)
            except (OSError, EOFError, duckdb.Error):
                unreadable.append(key)
                continue
            if count:
                removed[key.partition("/")[0] + "/"] += count
                touched.append(key)
        self._progress(len(keys), len(keys))
        return Erased(
            delivered_events=removed[DELIVERED],
            compacted_events=removed[COMPACTED],
            quarantined_records=removed[QUARANTINE],
            rewritten_objects=len(touched),
            earlier_versions=sum(self._objects.delete_history(prefix) for prefix in _histories(touched)),
            unreadable_objects=tuple(unreadable),
        )

    def _erase_from(self, key: str, user: str) -> int:
        for _ in range(_ATTEMPTS):
            try:
                if key.startswith(COMPACTED):
                    return self._erase_rows(key, user)
                return self._erase_lines(key, user, _entry_is_of if key.startswith(QUARANTINE) else _line_is_of)
            except ObjectNotFound:  # compacted and deleted in the meantime, and looked at there
                return 0
            except ObjectChanged:  # by a compaction: once more with what it wrote
                continue
        raise ObjectChanged(key)

    def _erase_lines(self, key: str, user: str, is_of: Callable[[bytes, str], bool]) -> int:
        body = self._objects.get(key)
        packed = key.endswith(".gz")
        lines = (gzip.decompress(body) if packed else body).splitlines(keepends=True)
        kept = [line for line in lines if not is_of(line, user)]
        if len(kept) == len(lines):
            return 0
        if kept:
            text = b"".join(kept)
            self._objects.put(key, gzip.compress(text, mtime=0) if packed else text, "application/gzip")
        else:
            self._objects.delete([key])
        return len(lines) - len(kept)

    def _erase_rows(self, key: str, user: str) -> int:
        with TemporaryDirectory() as folder, database(memory_limit_mb=_MEMORY_LIMIT_MB, threads=1) as connection:
            present, successor = Path(folder) / "present.parquet", Path(folder) / "successor.parquet"
            version = self._objects.version(key)
            self._objects.download(key, present)
            coverage = read_coverage(present)
            if coverage is None:
                raise duckdb.IOException(f"{key}: is damaged or was not written by compaction")
            query = "SELECT count(*) FROM read_parquet($file) WHERE user_id = $user"
            ((count,),) = connection.execute(query, {"file": str(present), "user": user}).fetchall()
            if count:
                write = statement(
                    "write_without_user",
                    source=str(present),
                    target=str(successor),
                    user=user,
                    coverage=coverage.to_text(),
                )
                connection.execute("SET threads = 1")
                connection.execute("SET preserve_insertion_order = true")
                connection.execute(write)
                self._objects.replace(key, successor, PARQUET_TYPE, version)
        return int(count)


def _histories(keys: Sequence[str]) -> list[str]:
    """Find the prefixes below which earlier versions may hold the user."""
    # The delivered objects of a compacted hour are deleted, and live on as earlier versions.
    origins = [f"{DELIVERED}{partition_of(key)}" for key in keys if key.startswith(COMPACTED)]
    return sorted({*keys, *origins})


def _line_is_of(line: bytes, user: str) -> bool:
    try:
        document = json.loads(line)
    except ValueError:
        return _mentions(line, user)
    return isinstance(document, dict) and document.get("user_id") == user


def _entry_is_of(line: bytes, user: str) -> bool:
    try:
        data = base64.b64decode(json.loads(line)["data"])
    except (ValueError, KeyError, TypeError):
        return _mentions(line, user)
    return _line_is_of(data, user)


def _mentions(data: bytes, user: str) -> bool:
    """Whether bytes that are no event hold the user's id as JSON would write it."""
    return any(json.dumps(user, ensure_ascii=ascii_only).encode() in data for ascii_only in (True, False))
