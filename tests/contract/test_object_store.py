from pathlib import Path

import boto3
import pytest

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.stores.aws import client
from bakeoff_core.stores.objects import InMemoryObjectStore, ObjectNotFound, ObjectStore, S3ObjectStore


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    if request.param == "memory":
        return InMemoryObjectStore()
    request.getfixturevalue("aws")
    boto3.client("s3").create_bucket(Bucket="lake")
    return S3ObjectStore(client("s3"), "lake")


def test_reads_what_was_written_last(store: ObjectStore, tmp_path: Path) -> None:
    store.put("a/b", b"one", "text/plain")
    store.put("a/b", b"two", "text/plain")
    assert store.get("a/b") == b"two"
    store.download("a/b", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"two"


def test_names_what_is_missing(store: ObjectStore, tmp_path: Path) -> None:
    for call in (
        lambda: store.get("nothing"),
        lambda: store.download("nothing", tmp_path / "file"),
        lambda: store.presigned_url("nothing", 60),
    ):
        with pytest.raises(ObjectNotFound, match="nothing"):
            call()


def test_lists_keys_of_a_prefix_in_order_after_another(store: ObjectStore) -> None:
    for key in ("events/b", "events/a", "events/c", "reports/a"):
        store.put(key, b"", "text/plain")
    assert store.list("events/") == ["events/a", "events/b", "events/c"]
    assert store.list("events/", start_after="events/a") == ["events/b", "events/c"]
    assert store.list("nothing/") == []


def test_lists_more_keys_than_a_page_holds(store: ObjectStore) -> None:
    keys = [f"events/{n:04}" for n in range(1_100)]
    for key in keys:
        store.put(key, b"", "text/plain")
    assert store.list("events/") == keys


def test_a_presigned_url_names_the_object_and_its_end(store: ObjectStore) -> None:
    store.put("reports/r.html", b"", "text/html")
    url = store.presigned_url("reports/r.html", 60)
    assert "reports/r.html?" in url
    assert "xpires=60" in url


def test_a_bucket_that_does_not_answer_is_an_unavailable_dependency(aws: None, tmp_path: Path) -> None:
    store = S3ObjectStore(client("s3"), "missing")
    for call in (
        lambda: store.get("k"),
        lambda: store.put("k", b"", "text/plain"),
        lambda: store.list("k"),
    ):
        with pytest.raises(DependencyUnavailable, match="the object store is unavailable at the moment"):
            call()
