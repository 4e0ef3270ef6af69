"""Where API keys are kept, as hashes, and how much each was used lately."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any, Protocol

from botocore.exceptions import ClientError

from bakeoff_core.clock import rfc3339
from bakeoff_core.errors import KeyNotFound, VersionConflict
from bakeoff_core.identity.keys import ApiKey, Rate, SecretHash
from bakeoff_core.stores.aws import aws_failures

_WHAT = "the table of API keys"
_USAGE = "usage#"  # no key's id has such a sign
_USAGE_REMEMBERED = timedelta(days=1)
_ATTEMPTS = 5


class ApiKeyStore(Protocol):
    """API keys. Every implementation passes tests/contract/test_api_key_store.py."""

    def add(self, key: ApiKey) -> None:
        """Keep a new key. Raises DependencyUnavailable."""
        ...

    def get(self, key_id: str) -> ApiKey:
        """Read a key. Raises KeyNotFound or DependencyUnavailable."""
        ...

    def list(self) -> list[ApiKey]:
        """Read all keys, the revoked and expired among them, oldest first. Raises DependencyUnavailable."""
        ...

    def change(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
        """Change a key as it stands now, and lose no change that somebody else makes meanwhile.

        Raises:
            KeyNotFound: There is no such key.
            VersionConflict: Others kept changing it.
            DependencyUnavailable: The store did not answer.
        """
        ...

    def take(self, caller: str, requests: int, now: datetime) -> int:
        """Add to the count of a caller's requests and return it; a count of long ago starts anew.

        Raises DependencyUnavailable.
        """
        ...


class InMemoryApiKeyStore:
    """API keys in a dictionary."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._taken: dict[str, int] = {}
        self._lock = Lock()

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        self._keys[key.key_id] = key

    def get(self, key_id: str) -> ApiKey:
        """Read a key."""
        try:
            return self._keys[key_id]
        except KeyError:
            raise KeyNotFound(key_id) from None

    def list(self) -> list[ApiKey]:
        """Read all keys, oldest first."""
        return sorted(self._keys.values(), key=_age)

    def change(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
        """Change a key."""
        with self._lock:
            self._keys[key_id] = change(self.get(key_id))
            return self._keys[key_id]

    def take(self, caller: str, requests: int, now: datetime) -> int:  # noqa: ARG002 - the table forgets by it
        """Add to the count of a caller's requests and return it."""
        with self._lock:
            self._taken[caller] = self._taken.get(caller, 0) + requests
            return self._taken[caller]


class DynamoApiKeyStore:
    """API keys in a DynamoDB table: one item a key, and one that counts the requests of each caller.

    Args:
        table: A boto3 Table with hash key `key_id` and time-to-live attribute `forget_at`.
    """

    def __init__(self, table: Any) -> None:
        self._table = table

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        with aws_failures(_WHAT):
            self._table.put_item(
                Item={**_to_item(key), "version": 1}, ConditionExpression="attribute_not_exists(key_id)"
            )

    def get(self, key_id: str) -> ApiKey:
        """Read a key."""
        return _from_item(self._read(key_id))

    def list(self) -> list[ApiKey]:
        """Read all keys, oldest first."""
        pages = self._table.meta.client.get_paginator("scan").paginate(TableName=self._table.name, ConsistentRead=True)
        with aws_failures(_WHAT):
            items = [item for page in pages for item in page["Items"]]
        return sorted((_from_item(item) for item in items if not item["key_id"].startswith(_USAGE)), key=_age)

    def change(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
        """Change a key as it stands now."""
        for _ in range(_ATTEMPTS):
            item = self._read(key_id)
            changed = change(_from_item(item))
            with aws_failures(_WHAT):
                try:
                    self._table.put_item(
                        Item={**_to_item(changed), "version": item["version"] + 1},
                        ConditionExpression="version = :read",
                        ExpressionAttributeValues={":read": item["version"]},
                    )
                except ClientError as error:
                    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                        raise
                    continue
            return changed
        raise VersionConflict(key_id)

    def take(self, caller: str, requests: int, now: datetime) -> int:
        """Add to the count of a caller's requests and return it."""
        with aws_failures(_WHAT):
            answer = self._table.update_item(
                Key={"key_id": f"{_USAGE}{caller}"},
                UpdateExpression="ADD taken :requests SET forget_at = :forget_at",
                ExpressionAttributeValues={
                    ":requests": requests,
                    ":forget_at": int((now + _USAGE_REMEMBERED).timestamp()),
                },
                ReturnValues="UPDATED_NEW",
            )
        return int(answer["Attributes"]["taken"])

    def _read(self, key_id: str) -> dict[str, Any]:
        with aws_failures(_WHAT):
            item: dict[str, Any] | None = self._table.get_item(Key={"key_id": key_id}, ConsistentRead=True).get("Item")
        if item is None or key_id.startswith(_USAGE):
            raise KeyNotFound(key_id)
        return item


def _age(key: ApiKey) -> tuple[datetime, str]:
    return key.created_at, key.key_id


def _to_item(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": rfc3339(key.created_at),
        "created_by": key.created_by,
        "expires_at": _moment(key.expires_at),
        "revoked_at": _moment(key.revoked_at),
        "rate": key.rate
        and {"requests_per_second": _number(key.rate.requests_per_second), "burst": _number(key.rate.burst)},
        "hashes": [
            {
                "salt": kept.salt.hex(),
                "digest": kept.digest.hex(),
                "created_at": rfc3339(kept.created_at),
                "valid_until": _moment(kept.valid_until),
            }
            for kept in key.hashes
        ],
    }


def _from_item(item: Mapping[str, Any]) -> ApiKey:
    rate = item["rate"]
    return ApiKey(
        key_id=item["key_id"],
        name=item["name"],
        scopes=frozenset(item["scopes"]),
        created_at=datetime.fromisoformat(item["created_at"]),
        created_by=item["created_by"],
        hashes=tuple(
            SecretHash(
                bytes.fromhex(kept["salt"]),
                bytes.fromhex(kept["digest"]),
                datetime.fromisoformat(kept["created_at"]),
                _read_moment(kept["valid_until"]),
            )
            for kept in item["hashes"]
        ),
        expires_at=_read_moment(item["expires_at"]),
        revoked_at=_read_moment(item["revoked_at"]),
        rate=rate and Rate(float(rate["requests_per_second"]), float(rate["burst"])),
    )


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _read_moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _number(value: float) -> Decimal:
    return Decimal(repr(value))
