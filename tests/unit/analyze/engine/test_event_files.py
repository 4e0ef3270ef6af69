"""Which objects are fetched, and that each is fetched once."""

from datetime import UTC, datetime
from pathlib import Path

from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.event_files import EventFiles


class CountingStore(InMemoryObjectStore):
    def __init__(self) -> None:
        super().__init__()
        self.downloads: list[str] = []

    def download(self, key: str, path: Path) -> None:
        self.downloads.append(key)
        super().download(key, path)


def test_objects_from_before_the_start_are_left_alone(tmp_path: Path) -> None:
    store = CountingStore()
    keys = [
        f"events/dt=2026-01-{day}/hour={hour}/a.ndjson.gz" for day, hour in (("09", "22"), ("09", "23"), ("10", "00"))
    ]
    for key in [*keys, "events/dt=2026-01-10/", "quarantine/x.ndjson.gz"]:
        store.put(key, key.encode(), "application/gzip")
    files = EventFiles(store, tmp_path)
    found = files.since(datetime(2026, 1, 10, tzinfo=UTC))
    assert list(found) == keys[1:]
    assert [path.read_bytes() for path in found.values()] == [key.encode() for key in keys[1:]]
    assert list(files.since(None)) == keys
    assert sorted(store.downloads) == sorted(keys)
