"""What compaction writes, and that no reader can tell when: before, during, after, and after a crash at any step."""

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff_core.events.model import Event
from bakeoff_core.lake.compaction import Bounds, Compaction, Compactor
from bakeoff_core.lake.database import database, define_tie_break, read_coverage, show_lines
from bakeoff_core.lake.files import EventFiles
from bakeoff_core.stores.objects import InMemoryObjectStore, Listed, ObjectChanged, ObjectNotFound
from tests.support import NOON, SettableClock, unicode_text

HOUR = "dt=2026-03-01/hour=12/"
LATER = "dt=2026-03-01/hour=13/"
COMPACTED = f"compacted/{HOUR}events.parquet"


def event(number: int, seconds: float = 0, **changes: Any) -> Event:
    moment = NOON + timedelta(seconds=seconds)
    fields: dict[str, Any] = {"event_type": "click", "user_id": f"u{number % 5}", "timestamp": moment}
    return Event(event_id=f"e{number}", received_at=moment, **(fields | changes))


def put(objects: InMemoryObjectStore, name: str, *events: Event | bytes, hour: str = HOUR) -> None:
    lines = (each if isinstance(each, bytes) else each.to_line() for each in events)
    objects.put(f"events/{hour}{name}.ndjson.gz", gzip.compress(b"".join(line + b"\n" for line in lines)), "")


Line = tuple[Any, ...]


def lines_of(objects: InMemoryObjectStore) -> tuple[list[Line], list[str]]:
    """All lines as a reader sees them, an arrival that compaction left out counted with the one it kept."""
    with TemporaryDirectory() as folder, database(memory_limit_mb=256, threads=1) as connection:
        fetched = EventFiles(objects, Path(folder)).since(None)
        connection.execute("CREATE TABLE seen (id VARCHAR, experiment VARCHAR, document VARCHAR, arrivals BIGINT)")
        for form, files in (("delivered", fetched.delivered), ("compacted", fetched.compacted)):
            if files:
                show_lines(connection, form, files)  # type: ignore[arg-type]  # one of the two
                connection.execute(
                    "INSERT INTO seen SELECT event_id, experiment_name, CAST(struct_pack(event_type, user_id,"
                    ' "timestamp", received_at, value := TRY_CAST(event_value AS DOUBLE), group_name, '
                    "config_version := TRY_CAST(config_version AS BIGINT), metadata) AS VARCHAR), arrivals FROM lines"
                )
        query = (
            "SELECT id, experiment, arg_min(document, document), sum(arrivals) FROM seen"
            " GROUP BY id, experiment ORDER BY ALL"
        )
        return connection.execute(query).fetchall(), sorted(fetched.unreadable)


def compactor(objects: InMemoryObjectStore, hours: float = 3, clock: SettableClock | None = None) -> Compactor:
    return Compactor(objects, clock or SettableClock(NOON + timedelta(hours=hours)), Bounds(memory_limit_mb=192))


def rows(objects: InMemoryObjectStore, query: str, tmp_path: Path, key: str = COMPACTED) -> list[Line]:
    file = tmp_path / "read.parquet"
    file.write_bytes(objects.get(key))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(
            query.format(file=f"read_parquet('{file}')", metadata=f"parquet_metadata('{file}')")
        ).fetchall()


def test_a_closed_hour_becomes_one_parquet_object_sorted_by_user(tmp_path: Path) -> None:
    objects = InMemoryObjectStore()
    put(objects, "a", *(event(n, n) for n in range(10)), event(3, 50))
    put(objects, "b", *(event(n, n) for n in range(8, 20)))
    put(objects, "open", event(99), hour=LATER)
    assert compactor(objects, hours=1.5).run() == Compaction(written=1, objects=2)
    assert objects.list("compacted/") == [COMPACTED]
    found = rows(objects, "SELECT user_id, event_id, arrivals FROM {file}", tmp_path)
    assert [user for user, _event, _arrivals in found] == sorted(f"u{n % 5}" for n in range(20))
    repeated = sorted((each, arrivals) for _user, each, arrivals in found if arrivals > 1)
    assert repeated == [("e3", 2), ("e8", 2), ("e9", 2)]
    assert len(found) == 20
    ((first_of_3,),) = rows(objects, "SELECT received_at FROM {file} WHERE event_id = 'e3'", tmp_path)
    assert first_of_3.timestamp() == (NOON + timedelta(seconds=3)).timestamp()
    assert rows(objects, "SELECT DISTINCT compression FROM {metadata}", tmp_path) == [("ZSTD",)]


def test_an_hour_settles_before_it_is_compacted() -> None:
    objects = InMemoryObjectStore()
    put(objects, "a", event(1))
    clock = SettableClock(NOON + timedelta(hours=1, minutes=9, seconds=59))
    assert compactor(objects, clock=clock).run() == Compaction()
    clock.advance(1)
    assert compactor(objects, clock=clock).run().written == 1


def test_what_is_compacted_is_left_alone_and_its_objects_go_after_the_grace(tmp_path: Path) -> None:
    objects = InMemoryObjectStore()
    put(objects, "a", event(1))
    clock = SettableClock(NOON + timedelta(hours=2))
    assert compactor(objects, clock=clock).run() == Compaction(written=1, objects=1)
    before = objects.get(COMPACTED)
    clock.advance(3_599)
    assert compactor(objects, clock=clock).run() == Compaction()
    clock.advance(1)
    assert compactor(objects, clock=clock).run() == Compaction(deleted=1)
    assert compactor(objects, clock=clock).run() == Compaction()
    assert objects.list("") == [COMPACTED]
    assert objects.get(COMPACTED) == before


def test_a_late_object_is_read_beside_and_taken_in_by_the_next_run(tmp_path: Path) -> None:
    objects = InMemoryObjectStore()
    put(objects, "a", event(1), event(2))
    clock = SettableClock(NOON + timedelta(hours=5))
    compactor(objects, clock=clock).run()
    put(objects, "late", event(2), event(3))
    expected = [("e1", 1), ("e2", 2), ("e3", 1)]
    for _ in range(4):
        assert [(line[0], line[3]) for line in lines_of(objects)[0]] == expected
        compactor(objects, clock=clock).run()
        clock.advance(3_600)
    assert objects.list("") == [COMPACTED]
    assert rows(objects, "SELECT event_id, arrivals FROM {file} ORDER BY 1", tmp_path) == expected


def test_an_object_that_comes_again_after_it_was_deleted_changes_nothing() -> None:
    objects = InMemoryObjectStore()
    put(objects, "a", event(1), event(2))
    clock = SettableClock(NOON + timedelta(hours=5))
    for _ in range(2):
        compactor(objects, clock=clock).run()
        clock.advance(3_600)
    before = lines_of(objects)
    put(objects, "a", event(1), event(2))
    assert lines_of(objects) == before
    assert compactor(objects, clock=clock).run() == Compaction(deleted=1)
    assert lines_of(objects) == before


def test_one_id_in_two_experiments_stays_for_each(tmp_path: Path) -> None:
    objects = InMemoryObjectStore()
    put(objects, "a", *(event(1, n, experiment_name=name) for n, name in enumerate(("x", "y", "x", None))))
    compactor(objects).run()
    assert rows(objects, "SELECT experiment_name, arrivals FROM {file} ORDER BY 1", tmp_path) == [
        ("x", 2),
        ("y", 1),
        (None, 1),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        b"no json",
        b'{"event_id": "e1"}',
        b'{"event_id":"e1","event_type":"click","timestamp":"then","received_at":"2026-03-01T12:00:00Z","schema_version":1}',
        event(1).to_line().replace(b'"metadata"', b'"event_value":"much","metadata"'),
        event(1).to_line().replace(b'"metadata"', b'"config_version":"x","metadata"'),
    ],
)
def test_what_parquet_could_not_hold_as_it_is_stays_as_it_is(bad: bytes) -> None:
    objects = InMemoryObjectStore()
    put(objects, "good", event(2))
    put(objects, "bad", event(3), bad)
    objects.put(f"events/{HOUR}damaged.ndjson.gz", b"no gzip", "")
    before = lines_of(objects)
    clock = SettableClock(NOON + timedelta(hours=5))
    assert compactor(objects, clock=clock).run() == Compaction(written=1, objects=1, left=2)
    clock.advance(3_600)
    assert compactor(objects, clock=clock).run().left == 2
    assert lines_of(objects) == before
    assert objects.list("events/") == [f"events/{HOUR}{name}.ndjson.gz" for name in ("bad", "damaged")]


class Racing(InMemoryObjectStore):
    """Objects, and somebody else who does something right before a replacement."""

    def __init__(self, other: Callable[[], None]) -> None:
        super().__init__()
        self._other = other

    def replace(self, key: str, path: Path, content_type: str, expected: str | None) -> None:
        other, self._other = self._other, lambda: None
        other()
        super().replace(key, path, content_type, expected)


def test_of_two_runs_at_once_the_later_writer_changes_nothing() -> None:
    objects = Racing(lambda: None)
    put(objects, "a", event(1))
    put(objects, "b", event(2))

    def other() -> None:
        put(objects, "c", event(3))
        compactor(objects).run()

    objects._other = other
    assert compactor(objects).run() == Compaction(failed=(HOUR,))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "x.parquet"
        file.write_bytes(objects.get(COMPACTED))
        coverage = read_coverage(file)
    assert coverage is not None
    assert coverage.objects == {f"{name}.ndjson.gz" for name in "abc"}
    assert [line[0] for line in lines_of(objects)[0]] == ["e1", "e2", "e3"]


class Stop(Exception):
    """The process ends here."""


class Stopping(InMemoryObjectStore):
    """Objects of a process that ends before or after its nth write, deletions one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.steps_left = -1

    def _step(self) -> None:
        if self.steps_left == 0:
            raise Stop
        self.steps_left -= 1

    def replace(self, key: str, path: Path, content_type: str, expected: str | None) -> None:
        self._step()
        super().replace(key, path, content_type, expected)
        self._step()

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._step()
            super().delete([key])
            self._step()


def fill(objects: InMemoryObjectStore) -> None:
    put(objects, "a", *(event(n, n) for n in range(6)))
    put(objects, "b", *(event(n, n) for n in range(3, 9)), event(0, 1, experiment_name="x"))
    put(objects, "c", *(event(n, n) for n in range(7, 12)), hour=LATER)
    put(objects, "bad", event(20), b"no json", hour=LATER)


def test_after_a_crash_at_any_step_readers_see_the_same_and_the_next_run_finishes() -> None:
    reference = Stopping()
    fill(reference)
    expected = lines_of(reference)
    steps = 0
    while True:
        objects, clock = Stopping(), SettableClock(NOON + timedelta(hours=5))
        fill(objects)
        objects.steps_left = steps
        crashed = False
        for _ in range(4):  # compact, wait, delete, nothing left; whichever of them the crash hits
            try:
                compactor(objects, clock=clock).run()
            except Stop:
                crashed = True
                assert lines_of(objects) == expected
                objects.steps_left = -1
            clock.advance(3_700)
        assert lines_of(objects) == expected
        assert objects.list("") == sorted(
            [COMPACTED, f"compacted/{LATER}events.parquet", f"events/{LATER}bad.ndjson.gz"]
        )
        if not crashed:
            break
        steps += 1
    assert steps == 10  # before and after each of two replacements and three deletions


class Vanishing(InMemoryObjectStore):
    """Objects that are compacted and deleted between a reader's look and its grasp."""

    def __init__(self) -> None:
        super().__init__()
        self.behind_the_back: Callable[[], None] | None = None

    def download(self, key: str, path: Path) -> None:
        if self.behind_the_back is not None and key.startswith("events/"):
            act, self.behind_the_back = self.behind_the_back, None
            act()
        super().download(key, path)


def test_a_reader_looks_again_when_objects_vanish_under_it() -> None:
    objects, clock = Vanishing(), SettableClock(NOON + timedelta(hours=5))
    put(objects, "a", event(1), event(2))
    expected = lines_of(objects)

    def compact_twice() -> None:
        compactor(objects, clock=clock).run()
        clock.advance(3_700)
        compactor(objects, clock=clock).run()

    objects.behind_the_back = compact_twice
    assert lines_of(objects) == expected
    assert objects.list("events/") == []


def test_a_reader_that_looks_again_takes_the_new_parquet_object_too() -> None:
    objects, clock = Vanishing(), SettableClock(NOON + timedelta(hours=5))
    put(objects, "a", event(1))
    compactor(objects, clock=clock).run()
    put(objects, "late", event(2))
    expected = lines_of(objects)

    def take_in_and_delete() -> None:
        for _ in range(2):
            compactor(objects, clock=clock).run()
            clock.advance(3_700)

    objects.behind_the_back = take_in_and_delete
    assert lines_of(objects) == expected
    assert objects.list("events/") == []


def test_a_reader_gives_up_on_objects_that_are_listed_and_never_there(tmp_path: Path) -> None:
    class Broken(InMemoryObjectStore):
        def listing(self, prefix: str, start_after: str = "") -> list[Listed]:
            return [Listed("events/dt=2026-03-01/hour=12/gone.ndjson", 1)] if prefix == "events/" else []

    with pytest.raises(ObjectNotFound):
        EventFiles(Broken(), tmp_path).since(None)


metadata = st.dictionaries(
    st.text(max_size=3), st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3), max_size=2
)


@st.composite
def arrivals(draw: st.DrawFn) -> Event:
    moment = NOON + timedelta(seconds=draw(st.integers(0, 2)))
    return Event(
        event_id=draw(st.sampled_from(["e1", "e2", "é\x00\n", "'; --"])),
        event_type=draw(st.sampled_from(["click", "exposure"])),
        user_id=draw(st.none() | unicode_text),
        timestamp=moment,
        received_at=NOON + timedelta(seconds=draw(st.integers(0, 2))),
        event_value=draw(st.none() | st.floats(allow_nan=False, allow_infinity=False)),
        experiment_name=draw(st.sampled_from([None, "x", "y"])),
        group_name=draw(st.sampled_from([None, "a"])),
        config_version=draw(st.none() | st.integers(1, 2**31 - 1)),
        propensity=draw(st.none() | st.floats(min_value=1e-300, max_value=1)),
        metadata=draw(metadata),
    )


def kept_by_the_rule(objects: InMemoryObjectStore) -> Iterator[Line]:
    """The first arrival of each id per experiment, chosen as the analysis chooses."""
    with TemporaryDirectory() as folder, database(memory_limit_mb=256, threads=1) as connection:
        fetched = EventFiles(objects, Path(folder)).since(None)
        define_tie_break(connection)
        for form, files in (("delivered", fetched.delivered), ("compacted", fetched.compacted)):
            if files:
                show_lines(connection, form, files)  # type: ignore[arg-type]  # one of the two
                yield from connection.execute(
                    'SELECT event_id, experiment_name, event_type, user_id, "timestamp", received_at,'
                    " TRY_CAST(event_value AS DOUBLE), group_name, TRY_CAST(config_version AS BIGINT),"
                    " TRY_CAST(propensity AS DOUBLE), CAST(metadata AS VARCHAR) FROM lines QUALIFY row_number() OVER ("
                    ' PARTITION BY event_id, experiment_name ORDER BY received_at, "timestamp", tie_break(event_type,'
                    " user_id, experiment_name, group_name, config_version, event_value, metadata)) = 1"
                ).fetchall()


@given(first=st.lists(arrivals(), min_size=1, max_size=6), second=st.lists(arrivals(), max_size=6))
@settings(max_examples=10, deadline=None)
def test_any_events_come_out_as_they_went_in(first: list[Event], second: list[Event]) -> None:
    objects = InMemoryObjectStore()
    put(objects, "a", *first)
    put(objects, "b", *second)
    expected = sorted(map(repr, kept_by_the_rule(objects)))
    assert compactor(objects).run() == Compaction(written=1, objects=2)
    objects.delete(objects.list("events/"))
    assert sorted(map(repr, kept_by_the_rule(objects))) == expected


def test_a_changed_object_is_an_error_of_its_own() -> None:
    objects = InMemoryObjectStore()
    with TemporaryDirectory() as folder, pytest.raises(ObjectChanged, match="key"):
        objects.replace("key", Path(folder), "", "another")


def test_a_file_that_compaction_did_not_write_has_no_coverage(tmp_path: Path) -> None:
    plain, other = tmp_path / "plain.parquet", tmp_path / "other.parquet"
    plain.write_text(json.dumps({}))
    duckdb.execute(f"COPY (SELECT 1 AS a) TO '{other}'")
    assert read_coverage(plain) is None
    assert read_coverage(other) is None
