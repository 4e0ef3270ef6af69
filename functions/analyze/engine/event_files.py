"""The event objects, fetched into local files."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

from bakeoff_core.stores.objects import ObjectStore

PREFIX = "events/"
_SKEW = timedelta(hours=1)  # by how much a sender's clock may run ahead of the arrival time in the key
_DOWNLOADS_AT_ONCE = 8


class EventFiles:
    """Event objects in a folder, each fetched once, however many experiments read it.

    Args:
        objects: The store of the event bucket.
        folder: An existing folder for the files; the caller removes it.
    """

    def __init__(self, objects: ObjectStore, folder: Path) -> None:
        self._objects = objects
        self._folder = folder
        self._paths: dict[str, Path] = {}

    def since(self, start: datetime | None) -> dict[str, Path]:
        """Fetch the objects that can hold events of this time or later; all of them without a time.

        An object's key says when its events arrived, which is never before they happened.

        Returns:
            Local files by key.
        """
        first = f"{PREFIX}dt={start - _SKEW:%Y-%m-%d/hour=%H}" if start is not None else ""
        keys = [key for key in self._objects.list(PREFIX, first) if not key.endswith("/")]
        missing = [key for key in keys if key not in self._paths]
        targets = [self._target(index, key) for index, key in enumerate(missing, start=len(self._paths))]
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            for key, target, _ in zip(
                missing, targets, pool.map(self._objects.download, missing, targets), strict=True
            ):
                self._paths[key] = target
        return {key: self._paths[key] for key in keys}

    def _target(self, index: int, key: str) -> Path:
        return self._folder / f"{index:08}.ndjson{'.gz' if key.endswith('.gz') else ''}"
