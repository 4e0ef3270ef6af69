"""A user who is erased is in no object and in no earlier version of one, and nobody else is touched."""

import base64
import gzip
import json
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3
import duckdb
import pytest
from moto import mock_aws

from bakeoff_core.events.model import Event
from bakeoff_core.lake.compaction import Compactor
from bakeoff_core.lake.erasure import Erased, Eraser
from bakeoff_core.lake.files import EventFiles
from bakeoff_core.stores.aws import client
from bakeoff_core.stores.objects import InMemoryObjectStore, ObjectStore, S3ObjectStore
from tests.support import NOON, SettableClock

HOUR, LATER = "dt=2026-03-01/hour=12/", "dt=2026-03-01/hour=13/"
ME = 'ünïcode "me"'


def event(number: int, user: str) -> Event:
    return Event(event_id=f"e{number}", event_type="click", user_id=user, timestamp=NOON, received_at=NOON)


def put(objects: ObjectStore, key: str, *lines: bytes) -> None:
    objects.put(key, gzip.compress(b"".join(line + b"\n" for line in lines)), "application/gzip")


def quarantined(data: bytes) -> bytes:
    return json.dumps({"reason": "r", "data": base64.b64encode(data).decode()}).encode()


def fill(objects: ObjectStore) -> None:
    """Two delivered objects that are compacted, then one that is not, and quarantine."""
    put(objects, f"events/{HOUR}a.ndjson.gz", *(event(n, (ME, "me", "other")[n % 3]).to_line() for n in range(9)))
    put(objects, f"events/{HOUR}b.ndjson.gz", event(9, "other").to_line())
    clock = SettableClock(NOON + timedelta(hours=5))
    for _ in range(2):
        Compactor(objects, clock).run()
        clock.advance(3_700)
    put(objects, f"events/{LATER}c.ndjson.gz", event(10, ME).to_line(), event(11, "me").to_line())
    put(objects, f"events/{LATER}only-me.ndjson.gz", event(12, ME).to_line())
    put(
        objects,
        f"quarantine/{HOUR}q.ndjson.gz",
        quarantined(event(13, ME).to_line()),
        quarantined(event(14, "me").to_line()),
        quarantined(json.dumps({"user_id": ME}).encode()[:-1]),
        quarantined(b"\xff"),
    )


def rows_of(file: Path) -> list[str]:
    found = duckdb.execute("SELECT user_id FROM read_parquet(?)", [str(file)]).fetchall()
    return [user for (user,) in found]


def users(objects: ObjectStore) -> list[str]:
    found: list[str] = []
    with TemporaryDirectory() as folder:
        fetched = EventFiles(objects, Path(folder)).since(None)
        assert fetched.unreadable == ()
        for path in fetched.delivered:
            found += [json.loads(line)["user_id"] for line in gzip.decompress(path.read_bytes()).splitlines()]
        for path in fetched.compacted:
            found += rows_of(path)
    return sorted(found)


def test_a_user_goes_from_lines_rows_and_quarantine() -> None:
    objects = InMemoryObjectStore()
    fill(objects)
    assert users(objects).count(ME) == 5
    told: list[tuple[int, int]] = []
    erased = Eraser(objects, lambda done, total: told.append((done, total))).erase(ME)
    assert erased == Erased(delivered_events=2, compacted_events=3, quarantined_records=2, rewritten_objects=4)
    assert told[-1] == (4, 4)
    assert users(objects) == ["me"] * 4 + ["other"] * 4
    assert objects.list("events/") == [f"events/{LATER}c.ndjson.gz"]
    left = gzip.decompress(objects.get(f"quarantine/{HOUR}q.ndjson.gz")).splitlines()
    assert [base64.b64decode(json.loads(line)["data"]) for line in left] == [event(14, "me").to_line(), b"\xff"]
    assert Eraser(objects).erase(ME) == Erased()


def test_what_remains_is_still_sorted_and_still_covers_its_objects() -> None:
    objects = InMemoryObjectStore()
    fill(objects)
    Eraser(objects).erase(ME)
    put(objects, f"events/{HOUR}a.ndjson.gz", event(0, ME).to_line())  # a late repetition of the old batch
    assert ME not in users(objects)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "x.parquet"
        file.write_bytes(objects.get(f"compacted/{HOUR}events.parquet"))
        rows = rows_of(file)
    assert rows == sorted(rows)


def test_damaged_objects_are_named() -> None:
    objects = InMemoryObjectStore()
    damaged = f"compacted/{HOUR}events.parquet", f"events/{HOUR}x.ndjson.gz"
    for key in damaged:
        objects.put(key, b"damaged", "")
    put(objects, f"events/{LATER}c.ndjson.gz", event(10, ME).to_line())
    erased = Eraser(objects).erase(ME)
    assert set(erased.unreadable_objects) == set(damaged)
    assert erased.delivered_events == 1


def test_no_earlier_version_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="lake")
        s3.put_bucket_versioning(Bucket="lake", VersioningConfiguration={"Status": "Enabled"})
        objects = S3ObjectStore(client("s3"), "lake")
        fill(objects)
        erased = Eraser(objects).erase(ME)
        assert (erased.delivered_events, erased.compacted_events, erased.quarantined_records) == (2, 3, 2)
        assert erased.earlier_versions >= 6
        for version in s3.list_object_versions(Bucket="lake")["Versions"]:
            body = s3.get_object(Bucket="lake", Key=version["Key"], VersionId=version["VersionId"])["Body"].read()
            text = gzip.decompress(body) if version["Key"].endswith(".gz") else body
            assert json.dumps(ME).encode() not in text
            assert ME.encode() not in text
        assert ME not in users(objects)
