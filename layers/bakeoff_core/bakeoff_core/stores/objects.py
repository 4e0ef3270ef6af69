"""Where artefacts, events and reports are kept: objects by key."""

from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError

from bakeoff_core.stores.aws import aws_failures


class ObjectNotFound(Exception):
    """No object has that key."""


class ObjectStore(Protocol):
    """Objects by key. Every implementation passes tests/contract/test_object_store.py."""

    def get(self, key: str) -> bytes:
        """Read an object. Raises ObjectNotFound."""
        ...

    def download(self, key: str, path: Path) -> None:
        """Read an object into a file. Raises ObjectNotFound."""
        ...

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object over what was there."""
        ...

    def list(self, prefix: str, start_after: str = "") -> list[str]:
        """List the keys with a prefix that sort after another key, in order."""
        ...

    def presigned_url(self, key: str, expires_seconds: int) -> str:
        """Make a link that reads an object without credentials for a while. Raises ObjectNotFound."""
        ...


class InMemoryObjectStore:
    """Objects in a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, str]] = {}

    def get(self, key: str) -> bytes:
        """Read an object."""
        try:
            return self._objects[key][0]
        except KeyError:
            raise ObjectNotFound(key) from None

    def download(self, key: str, path: Path) -> None:
        """Read an object into a file."""
        path.write_bytes(self.get(key))

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object over what was there."""
        self._objects[key] = (body, content_type)

    def list(self, prefix: str, start_after: str = "") -> list[str]:
        """List the keys with a prefix that sort after another key, in order."""
        return sorted(key for key in self._objects if key.startswith(prefix) and key > start_after)

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
        with aws_failures("the object store"):
            try:
                body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except self._client.exceptions.NoSuchKey:
                raise ObjectNotFound(key) from None
        return body

    def download(self, key: str, path: Path) -> None:
        """Read an object into a file."""
        with aws_failures("the object store"):
            try:
                self._client.download_file(self._bucket, key, str(path))
            except ClientError as error:
                raise _not_found_or_same(error, key) from error

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object over what was there."""
        with aws_failures("the object store"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)

    def list(self, prefix: str, start_after: str = "") -> list[str]:
        """List the keys with a prefix that sort after another key, in order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, StartAfter=start_after
        )
        with aws_failures("the object store"):
            return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def presigned_url(self, key: str, expires_seconds: int) -> str:
        """Make a link that reads an object without credentials for a while."""
        with aws_failures("the object store"):
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
