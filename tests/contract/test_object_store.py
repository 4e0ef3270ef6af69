from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.exceptions import Boto3Error, RetriesExceededError
from botocore.exceptions import ResponseStreamingError
from botocore.response import StreamingBody
from s3transfer.exceptions import S3DownloadFailedError

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.stores.aws import client
from bakeoff_core.stores.objects import (
    InMemoryObjectStore,
    ObjectChanged,
    ObjectNotFound,
    ObjectStore,
    S3ObjectStore,
)
from tests.support import NOON


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


def test_reads_what_was_listed(store: ObjectStore, tmp_path: Path) -> None:
    bodies = {"events/a": b"one", "events/b": b"", "events/c": bytes(range(256)) * 40_000}
    for key, body in bodies.items():
        store.put(key, body, "text/plain")
    listing = store.listing("events/")
    assert [(listed.key, listed.size) for listed in listing] == [(key, len(body)) for key, body in bodies.items()]
    assert [listed.key for listed in store.listing("events/", start_after="events/a")] == ["events/b", "events/c"]
    for listed in listing:
        store.download_listed(listed, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == bodies[listed.key]
    store.delete(["events/a"])
    with pytest.raises(ObjectNotFound, match="events/a"):
        store.download_listed(listing[0], tmp_path / "file")


def test_a_listed_object_is_read_by_one_request_and_a_large_one_by_parts(aws: None, tmp_path: Path) -> None:
    s3 = client("s3")
    boto3.client("s3").create_bucket(Bucket="lake")
    store = S3ObjectStore(s3, "lake")
    store.put("small", b"one", "text/plain")
    store.put("large", bytes(9 * 1024**2), "text/plain")
    requests: list[str] = []
    s3.meta.events.register("before-call.s3.*", lambda model, **_: requests.append(model.name))
    large, small = store.listing("")
    for listed in (small, large):
        store.download_listed(listed, tmp_path / "file")
        assert (tmp_path / "file").stat().st_size == listed.size
    assert requests == ["ListObjectsV2", "GetObject", "HeadObject", "GetObject", "GetObject"]


@pytest.mark.parametrize(("breaks", "found"), [(2, b"whole"), (3, None)])
def test_an_object_whose_body_breaks_off_is_read_again(
    aws: None, monkeypatch: pytest.MonkeyPatch, breaks: int, found: bytes | None
) -> None:
    boto3.client("s3").create_bucket(Bucket="lake")
    store = S3ObjectStore(client("s3"), "lake")
    store.put("a", b"whole", "text/plain")
    read = StreamingBody.read
    left = iter([True] * breaks)

    def breaking(body: StreamingBody, amt: int | None = None) -> bytes:
        if next(left, False):
            raise ResponseStreamingError(error="the connection broke off")
        return read(body, amt)

    monkeypatch.setattr(StreamingBody, "read", breaking)
    if found is None:
        with pytest.raises(DependencyUnavailable):
            store.get("a")
    else:
        assert store.get("a") == found


@pytest.mark.parametrize(
    "failure", [RetriesExceededError(Boto3Error("reset")), S3DownloadFailedError("another object lies there now")]
)
def test_a_transfer_that_gives_up_is_an_unavailable_dependency(
    aws: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    s3 = client("s3")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(s3, "download_file", fail)
    with pytest.raises(DependencyUnavailable):
        S3ObjectStore(s3, "lake").download("a", tmp_path / "file")


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


def test_replaces_an_object_only_as_long_as_nobody_else_did(store: ObjectStore, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    assert store.version("a") is None
    store.replace("a", file, "text/plain", None)
    with pytest.raises(ObjectChanged):
        store.replace("a", file, "text/plain", None)
    seen = store.version("a")
    store.put("a", b"meanwhile", "text/plain")
    with pytest.raises(ObjectChanged):
        store.replace("a", file, "text/plain", seen)
    assert store.get("a") == b"meanwhile"
    store.replace("a", file, "text/plain", store.version("a"))
    assert store.get("a") == b"one"
    seen = store.version("a")
    store.delete(["a"])
    with pytest.raises(ObjectChanged):
        store.replace("a", file, "text/plain", seen)


def test_deletes_many_objects_and_minds_no_missing_one(store: ObjectStore) -> None:
    keys = [f"events/{n:04}" for n in range(1_100)]
    for key in [*keys, "kept"]:
        store.put(key, b"", "text/plain")
    store.delete([*keys, "nothing"])
    assert store.list("") == ["kept"]
    store.delete([])


def test_removes_what_keys_held_before(aws: None) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_bucket_versioning(Bucket="lake", VersioningConfiguration={"Status": "Enabled"})
    store = S3ObjectStore(client("s3"), "lake")
    for key in ("a/1", "b"):
        for body in (b"one", b"two", b"three"):
            store.put(key, body, "text/plain")
    assert store.delete_history("a/") == 2
    assert store.get("a/1") == b"three"
    store.delete(["a/1"])
    assert store.delete_history("a/") == 2  # the version and the mark over it
    versions = s3.list_object_versions(Bucket="lake")
    assert [entry["Key"] for entry in versions["Versions"]] == ["b"] * 3
    assert "DeleteMarkers" not in versions


def test_an_object_as_of_an_earlier_moment_overwrites_none_of_a_later_one(store: ObjectStore) -> None:
    later, much_later = NOON + timedelta(microseconds=1), NOON + timedelta(days=400)
    assert store.put_newer("latest", b"noon", "text/plain", NOON)
    assert store.put_newer("latest", b"later", "text/plain", later)
    assert not store.put_newer("latest", b"noon again", "text/plain", NOON)
    assert store.get("latest") == b"later"
    assert store.put_newer("latest", b"later again", "text/plain", later)
    assert store.put_newer("latest", b"much later", "text/plain", much_later)
    store.put("plain", b"of no moment", "text/plain")
    assert store.put_newer("plain", b"of one", "text/plain", NOON)
    assert (store.get("latest"), store.get("plain")) == (b"much later", b"of one")


def test_tags_are_kept_with_their_object(store: ObjectStore) -> None:
    store.put_tagged("dated", b"body", "text/plain", {"retention": "dated", "a b": "c+d=e"})
    store.put("latest", b"body", "text/plain")
    if isinstance(store, InMemoryObjectStore):
        tags = store.tags
    else:
        s3 = boto3.client("s3")
        tags = {
            key: {tag["Key"]: tag["Value"] for tag in tag_set}
            for key in ("dated", "latest")
            if (tag_set := s3.get_object_tagging(Bucket="lake", Key=key)["TagSet"])
        }
    assert tags == {"dated": {"retention": "dated", "a b": "c+d=e"}}
    assert store.get("dated") == b"body"


def test_of_two_writers_at_once_the_later_moment_stays(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="lake")
    slow, fast = S3ObjectStore(s3, "lake"), S3ObjectStore(client("s3"), "lake")
    head = s3.head_object

    def overtaken(**request: Any) -> Any:
        try:
            return head(**request)
        finally:
            monkeypatch.setattr(s3, "head_object", head)
            fast.put_newer("latest", b"later", "text/plain", NOON + timedelta(hours=1))

    monkeypatch.setattr(s3, "head_object", overtaken)
    assert not slow.put_newer("latest", b"noon", "text/plain", NOON)
    assert fast.get("latest") == b"later"
