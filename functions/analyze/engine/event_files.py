"""The event objects, fetched into local files."""

import gzip
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bakeoff_core.stores.objects import ObjectStore

PREFIX = "events/"
_SKEW = timedelta(hours=1)  # by how much a sender's clock may run ahead of the arrival time in the key
_DOWNLOADS_AT_ONCE = 8
_CHUNK_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Fetched:
    """Event objects on the local disk.

    Attributes:
        paths: Files that can be read.
        unreadable: Keys of the objects that are damaged.
    """

    paths: tuple[Path, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    intact: bool


class EventFiles:
    """Event objects in a folder, each fetched once, however many experiments read it.

    Args:
        objects: The store of the event bucket.
        folder: An existing folder for the files; the caller removes it.
    """

    def __init__(self, objects: ObjectStore, folder: Path) -> None:
        self._objects = objects
        self._folder = folder
        self._files: dict[str, _File] = {}

    def since(self, start: datetime | None) -> Fetched:
        """Fetch the objects that can hold events of this time or later; all of them without a time.

        An object's key says when its events arrived, which is never before they happened.
        """
        first = f"{PREFIX}dt={start - _SKEW:%Y-%m-%d/hour=%H}" if start is not None else ""
        keys = [key for key in self._objects.list(PREFIX, first) if not key.endswith("/")]
        missing = [key for key in keys if key not in self._files]
        targets = [self._target(index, key) for index, key in enumerate(missing, start=len(self._files))]
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            self._files.update(zip(missing, pool.map(self._fetch, missing, targets), strict=True))
        return Fetched(
            paths=tuple(self._files[key].path for key in keys if self._files[key].intact),
            unreadable=tuple(key for key in keys if not self._files[key].intact),
        )

    def _target(self, index: int, key: str) -> Path:
        return self._folder / f"{index:08}.ndjson{'.gz' if key.endswith('.gz') else ''}"

    def _fetch(self, key: str, target: Path) -> _File:
        self._objects.download(key, target)
        return _File(target, intact=target.suffix != ".gz" or _is_intact(target))


def _is_intact(path: Path) -> bool:
    """Read a gzip file from end to end, which DuckDB does without looking at its checksum."""
    try:
        with gzip.open(path) as file:
            while file.read(_CHUNK_BYTES):
                pass
    except (OSError, EOFError, zlib.error):
        return False
    return path.stat().st_size > 0
