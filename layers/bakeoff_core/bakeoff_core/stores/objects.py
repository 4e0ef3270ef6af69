"""Where artefacts, events and reports are kept: objects by key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError

from bakeoff_core.clock import rfc3339
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.stores.aws import aws_failures

_WHAT = "the object store"
_MAX_DELETIONS_A_CALL = 1_000
_MOST_WRITERS_AT_ONCE = 10
_PART_BYTES = 8 * 1024**2  # of the SDK's transfers
_READINGS = 3
_MOMENT = "moment"
_CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404", "409", "412"})


class ObjectNotFound(Exception):
    """No object has that key."""


class ObjectChanged(Exception):
    """Somebody else wrote or deleted the object since it was looked at."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a list shows it.

    Attributes:
        key: Its key.
        size: Its bytes.
    """

    key: str
    size: int


class ObjectStore(Protocol):
    """Objects by key. Every implementation passes tests/contract/test_object_store.py."""

    def get(self, key: str) -> bytes:
        """Read an object. Raises ObjectNotFound."""
        ...

    def download(self, key: str, path: Path) -> None:
        """Read an object into a file. Raises ObjectNotFound."""
        ...

    def download_listed(self, listed: Listed, path: Path) -> None:
        """Read an object into a file, by a single request if its size allows that. Raises ObjectNotFound."""
        ...

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object over what was there."""
        ...

    def put_tagged(self, key: str, body: bytes, content_type: str, tags: Mapping[str, str]) -> None:
        """Write an object over what was there, with tags that lifecycle rules go by."""
        ...

    def put_newer(self, key: str, body: bytes, content_type: str, moment: datetime) -> bool:
        """Write an object as of a moment, unless one as of a later moment is there, and say whether it was written."""
        ...

    def version(self, key: str) -> str | None:
        """Tell an object's present content from any other by a tag, or None where there is no object."""
        ...

    def replace(self, key: str, path: Path, content_type: str, expected: str | None) -> None:
        """Write a file's content, provided that the object still is what `version` said it was.

        Raises:
            ObjectChanged: It is not: another version, none, or one where there was none.
        """
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that is not there is no error."""
        ...

    def delete_history(self, prefix: str) -> int:
        """Remove for good whatever the keys of a prefix held before their present objects, and count the versions."""
        ...

    def list(self, prefix: str, start_after: str = "") -> list[str]:
        """List the keys with a prefix that sort after another key, in order."""
        ...

    def listing(self, prefix: str, start_after: str = "") -> Sequence[Listed]:
        """List the objects with a prefix whose keys sort after another key, in order."""
        ...

    def presigned_url(self, key: str, expires_seconds: int) -> str:
        """Make a link that reads an object without credentials for a while. Raises ObjectNotFound."""
        ...


class InMemoryObjectStore:
    """Objects in a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, str]] = {}
        self._moments: dict[str, datetime] = {}
        self.tags: dict[str, dict[str, str]] = {}
        """The tags of each object that has some, by key."""

    def get(self, key: str) -> bytes:
        """Read an object."""
        try:
            return self._objects[key][0]
        except KeyError:
            raise ObjectNotFound(key) from None

    def download(self, key: str, path: Path) -> None:
        """Read an object into a file."""
        path.write_bytes(self.get(key))

    def download_listed(self, listed: Listed, path: Path) -> None:
        """Read an object into a file."""
        self.download(listed.key, path)

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object over what was there."""
        self._objects[key] = (body, content_type)

    def put_tagged(self, key: str, body: bytes, content_type: str, tags: Mapping[str, str]) -> None:
        """Write an object over what was there, with tags."""
        self.put(key, body, content_type)
        self.tags[key] = dict(tags)

    def put_newer(self, key: str, body: bytes, content_type: str, moment: datetime) -> bool:
        """Write an object as of a moment, unless one as of a later moment is there."""
        if key in self._objects and moment < self._moments.get(key, moment):
            return False
        self.put(key, body, content_type)
        self._moments[key] = moment
        return True

    def version(self, key: str) -> str | None:
        """Tell an object's present content by its checksum."""
        return md5(self._objects[key][0], usedforsecurity=False).hexdigest() if key in self._objects else None

    def replace(self, key: str, path: Path, content_type: str, expected: str | None) -> None:
        """Write a file's content, provided that nothing changed."""
        if self.version(key) != expected:
            raise ObjectChanged(key)
        self.put(key, path.read_bytes(), content_type)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects."""
        for key in keys:
            self._objects.pop(key, None)

    def delete_history(self, prefix: str) -> int:  # noqa: ARG002 - the protocol's signature
        """Nothing is kept of what a key held before."""
        return 0

    def list(self, prefix: str, start_after: str = "") -> list[str]:
        """List the keys with a prefix that sort after another key, in order."""
        return [listed.key for listed in self.listing(prefix, start_after)]

    def listing(self, prefix: str, start_after: str = "") -> Sequence[Listed]:
        """List the objects with a prefix whose keys sort after another key, in order."""
        return [
            Listed(key, len(body))
            for key, (body, _) in sorted(self._objects.items())
            if key.startswith(prefix) and key > start_after
        ]

    def presigned_url(self, key: str, expires_seconds: int) -> str:
        """Make a link that names the object; nothing serves it."""
        self.get(key)
        return f"memory:{key}?expires={expires_seconds}"


class S3ObjectStore:
    """Objects in one S3 bucket.

    Args:
        client: A boto3 S3 client.
        bucket: The bucket's name.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def get(self, key: str) -> bytes:
        """Read an object."""
        with aws_failures(_WHAT):
            try:
                return self._read(key)
            except self._client.exceptions.NoSuchKey:
                raise ObjectNotFound(key) from None

    def download(self, key: str, path: Path) -> None:
        """Read an object into a file."""
        from s3transfer.exceptions import S3DownloadFailedError  # noqa: PLC0415 - the client brought it

        with aws_failures(_WHAT):
            try:
                self._client.download_file(self._bucket, key, str(path))
            except ClientError as error:
                raise _not_found_or_same(error, key) from error
            except S3DownloadFailedError as error:  # another object lies there by now
                raise DependencyUnavailable(_WHAT) from error

    def download_listed(self, listed: Listed, path: Path) -> None:
        """Read an object into a file: what a transfer would read in one part without asking for its size first."""
        if listed.size >= _PART_BYTES:
            self.download(listed.key, path)
        else:
            path.write_bytes(self.get(listed.key))

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object over what was there."""
        with aws_failures(_WHAT):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)

    def put_tagged(self, key: str, body: bytes, content_type: str, tags: Mapping[str, str]) -> None:
        """Write an object over what was there, with tags that lifecycle rules go by."""
        with aws_failures(_WHAT):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=content_type, Tagging=urlencode(tags)
            )

    def put_newer(self, key: str, body: bytes, content_type: str, moment: datetime) -> bool:
        """Write an object as of a moment, unless one as of a later moment is there."""
        asof = rfc3339(moment)
        for _ in range(_MOST_WRITERS_AT_ONCE):
            with aws_failures(_WHAT):
                present = self._head(key)
                if present is not None and present["Metadata"].get(_MOMENT, asof) > asof:
                    return False
                condition = {"IfNoneMatch": "*"} if present is None else {"IfMatch": present["ETag"]}
                try:
                    self._client.put_object(
                        Bucket=self._bucket,
                        Key=key,
                        Body=body,
                        ContentType=content_type,
                        Metadata={_MOMENT: asof},
                        **condition,
                    )
                except ClientError as error:
                    if error.response["Error"]["Code"] not in _CHANGED:
                        raise
                else:
                    return True
        raise DependencyUnavailable(_WHAT)

    def version(self, key: str) -> str | None:
        """Tell an object's present content by its entity tag."""
        with aws_failures(_WHAT):
            present = self._head(key)
        return None if present is None else str(present["ETag"])

    def replace(self, key: str, path: Path, content_type: str, expected: str | None) -> None:
        """Write a file's content, provided that nothing changed."""
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        with aws_failures(_WHAT), path.open("rb") as body:
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type, **condition)
            except ClientError as error:
                raise (ObjectChanged(key) if error.response["Error"]["Code"] in _CHANGED else error) from error

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects."""
        self._delete([{"Key": key} for key in keys])

    def delete_history(self, prefix: str) -> int:
        """Remove the earlier versions of the keys of a prefix, and the marks of their deletions."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
        with aws_failures(_WHAT):
            earlier = [
                {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                for page in pages
                for kind in ("Versions", "DeleteMarkers")
                for entry in page.get(kind, [])
                # A mark is the present "object" of a deleted key, and goes last with the versions it hides.
                if kind == "DeleteMarkers" or not entry["IsLatest"]
            ]
        self._delete(earlier)
        return len(earlier)

    def _read(self, key: str) -> bytes:
        """Read an object, and again where its body breaks off: the SDK's retries end with the headers."""
        for reading in range(_READINGS):
            try:
                body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
                if reading + 1 == _READINGS:
                    raise
            else:
                break
        return body

    def _head(self, key: str) -> dict[str, Any] | None:
        try:
            present: dict[str, Any] = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if isinstance(_not_found_or_same(error, key), ObjectNotFound):
                return None
            raise
        return present

    def _delete(self, objects: Sequence[dict[str, str]]) -> None:
        for start in range(0, len(objects), _MAX_DELETIONS_A_CALL):
            batch = objects[start : start + _MAX_DELETIONS_A_CALL]
            with aws_failures(_WHAT):
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": batch, "Quiet": True})
            if answer.get("Errors"):
                raise DependencyUnavailable(_WHAT)

    def list(self, prefix: str, start_after: str = "") -> list[str]:
        """List the keys with a prefix that sort after another key, in order."""
        return [listed.key for listed in self.listing(prefix, start_after)]

    def listing(self, prefix: str, start_after: str = "") -> Sequence[Listed]:
        """List the objects with a prefix whose keys sort after another key, in order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, StartAfter=start_after
        )
        with aws_failures(_WHAT):
            return [Listed(entry["Key"], entry["Size"]) for page in pages for entry in page.get("Contents", [])]

    def presigned_url(self, key: str, expires_seconds: int) -> str:
        """Make a link that reads an object without credentials for a while."""
        with aws_failures(_WHAT):
            try:
                self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                raise _not_found_or_same(error, key) from error
            url: str = self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=expires_seconds
            )
        return url


def _not_found_or_same(error: ClientError, key: str) -> Exception:
    return ObjectNotFound(key) if error.response["Error"]["Code"] in {"404", "NoSuchKey"} else error
