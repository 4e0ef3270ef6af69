"""The event objects, fetched into local files."""

import gzip
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from bakeoff_core.lake.database import Coverage, read_coverages
from bakeoff_core.lake.keys import COMPACTED, DELIVERED, partition, partition_of
from bakeoff_core.stores.objects import Listed, ObjectNotFound, ObjectStore

_SKEW = timedelta(hours=1)  # by how much a sender's clock may run ahead of the arrival time in the key
_DOWNLOADS_AT_ONCE = 8
_CHUNK_BYTES = 1024**2
_LOOKS = 5
_PARQUET = ".parquet"


@dataclass(frozen=True, slots=True)
class Fetched:
    """Event objects on the local disk.

    Attributes:
        delivered: NDJSON files that can be read.
        compacted: Parquet files that can be read; none holds what a delivered file holds.
        unreadable: Keys of the objects that are damaged.
    """

    delivered: tuple[Path, ...]
    compacted: tuple[Path, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    intact: bool
    coverage: Coverage | None = None


class EventFiles:
    """Event objects in a folder, each fetched once, however many experiments read it.

    Args:
        objects: The store of the event bucket.
        folder: An existing folder for the files; the caller removes it.
        verified: Whether gzip objects are read from end to end when they come, which takes as long as it takes
            DuckDB to read them. Without, damage that DuckDB does not stumble over stays unseen until `verify`.
    """

    def __init__(self, objects: ObjectStore, folder: Path, *, verified: bool = True) -> None:
        self._objects = objects
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._targets = count()
        self._verified = verified

    def since(self, start: datetime | None, end: datetime | None = None) -> Fetched:
        """Fetch the objects that can hold events of this time or later; all of them without a time.

        An object's key says when its events arrived, which is never before they happened. Of an hour
        that was compacted its Parquet object is taken, and beside it the objects which that does not cover:
        so it does not matter whether compaction has written one, has deleted the others, or was stopped in between.

        Args:
            start: The earliest time of interest.
            end: Objects of later arrival than the hour of this moment are left out.
        """
        for _ in range(_LOOKS):
            try:
                return self._since(start, end)
            except ObjectNotFound:  # compacted and deleted since it was listed, and part of a newer Parquet object
                self._files = {key: file for key, file in self._files.items() if not key.startswith(COMPACTED)}
        return self._since(start, end)

    def verify(self) -> bool:
        """Read every gzip object from end to end, those yet to come as well, and say whether one proved damaged."""
        if self._verified:
            return False
        self._verified = True
        damaged = {key: file for key, file in self._files.items() if file.intact and not _is_whole(file.path)}
        self._files |= {key: replace(file, intact=False) for key, file in damaged.items()}
        return bool(damaged)

    def _since(self, start: datetime | None, end: datetime | None) -> Fetched:
        # In this order: what is deleted between the two lists stands in an object of the second.
        delivered = self._list(DELIVERED, start, end)
        compacted = self._list(COMPACTED, start, end)
        self._fetch_all(compacted)
        covered = {
            f"{DELIVERED}{partition_of(key)}{name}"
            for key in compacted
            if (coverage := self._files[key].coverage) is not None
            for name in coverage.objects
        }
        left = {key: listed for key, listed in delivered.items() if key not in covered}
        self._fetch_all(left)
        return Fetched(
            delivered=tuple(self._files[key].path for key in left if self._files[key].intact),
            compacted=tuple(self._files[key].path for key in compacted if self._files[key].intact),
            unreadable=tuple(key for key in (*left, *compacted) if not self._files[key].intact),
        )

    def _list(self, prefix: str, start: datetime | None, end: datetime | None) -> dict[str, Listed]:
        after = f"{prefix}{partition(start - _SKEW).removesuffix('/')}" if start is not None else ""
        last = f"{prefix}{partition(end)}\uffff" if end is not None else "\uffff"
        return {
            listed.key: listed
            for listed in self._objects.listing(prefix, after)
            if not listed.key.endswith("/") and listed.key < last
        }

    def _fetch_all(self, objects: Mapping[str, Listed]) -> None:
        missing = [listed for key, listed in objects.items() if key not in self._files]
        targets = [self._target(next(self._targets), listed.key) for listed in missing]
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            intact = list(pool.map(self._fetch, missing, targets))
        coverages = read_coverages([target for target in targets if target.suffix == _PARQUET])
        for listed, target, whole in zip(missing, targets, intact, strict=True):
            coverage = coverages.get(target)
            self._files[listed.key] = _File(
                target, whole and (target.suffix != _PARQUET or coverage is not None), coverage
            )

    def _target(self, index: int, key: str) -> Path:
        if key.startswith(COMPACTED):
            return self._folder / f"{index:08}{_PARQUET}"
        return self._folder / f"{index:08}.ndjson{'.gz' if key.endswith('.gz') else ''}"

    def _fetch(self, listed: Listed, target: Path) -> bool:
        self._objects.download_listed(listed, target)
        return not self._verified or _is_whole(target)


def _is_whole(path: Path) -> bool:
    return path.suffix != ".gz" or is_intact(path)


def is_intact(path: Path) -> bool:
    """Read a gzip file from end to end, which DuckDB does without looking at its checksum."""
    try:
        with gzip.open(path) as file:
            while file.read(_CHUNK_BYTES):
                pass
    except (OSError, EOFError, zlib.error):
        return False
    return path.stat().st_size > 0
