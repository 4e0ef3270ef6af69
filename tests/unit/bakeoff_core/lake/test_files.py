"""Which objects are fetched, that each is fetched once, and that a damaged one is named."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bakeoff_core.events.model import Event
from bakeoff_core.lake.compaction import Compactor
from bakeoff_core.lake.files import EventFiles
from bakeoff_core.stores.objects import InMemoryObjectStore
from tests.support import SettableClock


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
        store.put(key, gzip.compress(key.encode()), "application/gzip")
    files = EventFiles(store, tmp_path)
    fetched = files.since(datetime(2026, 1, 10, tzinfo=UTC))
    assert [gzip.decompress(path.read_bytes()).decode() for path in fetched.delivered] == keys[1:]
    assert len(files.since(None).delivered) == 3
    assert sorted(store.downloads) == sorted(keys)


@pytest.mark.parametrize("name", ["empty", "plain", "cut", "flipped"])
def test_a_damaged_object_is_named(tmp_path: Path, name: str) -> None:
    body = gzip.compress(b"a line of text, long enough to be compressed, as a line of text is\n" * 20)
    damaged = {
        "empty": b"",
        "plain": b"no gzip at all",
        "cut": body[:-4],
        # Of the checksum at the end: the text itself comes out unharmed.
        "flipped": body[:-8] + bytes([body[-8] ^ 1]) + body[-7:],
    }
    store = CountingStore()
    store.put("events/bad.ndjson.gz", damaged[name], "application/gzip")
    store.put("events/good.ndjson.gz", body, "application/gzip")
    fetched = EventFiles(store, tmp_path).since(None)
    assert fetched.unreadable == ("events/bad.ndjson.gz",)
    assert [path.read_bytes() for path in fetched.delivered] == [body]


def test_a_damaged_parquet_object_is_named_and_harms_no_other(tmp_path: Path) -> None:
    store = CountingStore()
    clock = SettableClock(datetime(2026, 1, 11, tzinfo=UTC))
    for hour in ("09", "10", "11"):
        key = f"events/dt=2026-01-10/hour={hour}/a.ndjson.gz"
        moment = datetime(2026, 1, 10, int(hour), tzinfo=UTC)
        event = Event(event_id=hour, event_type="click", timestamp=moment, received_at=moment)
        store.put(key, gzip.compress(event.to_line()), "application/gzip")
    Compactor(store, clock).run()
    damaged = "compacted/dt=2026-01-10/hour=10/events.parquet"
    store.put(damaged, store.get(damaged)[:-6], "")
    fetched = EventFiles(store, tmp_path).since(None)
    assert fetched.unreadable == (damaged,)
    assert len(fetched.compacted) == 2
    # What it covered is still there, and is read instead.
    assert [b'"10"' in gzip.decompress(path.read_bytes()) for path in fetched.delivered] == [True]


def test_without_a_look_at_what_comes_damage_is_found_when_asked_for(tmp_path: Path) -> None:
    store = CountingStore()
    body = gzip.compress(b"a line of text\n")
    store.put("events/bad.ndjson.gz", body[:-4], "application/gzip")
    store.put("events/good.ndjson.gz", body, "application/gzip")
    files = EventFiles(store, tmp_path, verified=False)
    assert len(files.since(None).delivered) == 2
    assert files.verify()
    assert files.since(None).unreadable == ("events/bad.ndjson.gz",)
    store.put("events/later.ndjson.gz", b"no gzip", "application/gzip")
    assert files.since(None).unreadable == ("events/bad.ndjson.gz", "events/later.ndjson.gz")
    assert not files.verify()
    assert sorted(store.downloads) == [f"events/{name}.ndjson.gz" for name in ("bad", "good", "later")]
