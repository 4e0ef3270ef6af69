"""Where the first assignment of a unit is kept, for the algorithms whose groups no hash can tell."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from threading import Lock
from typing import Any, Protocol

from botocore.exceptions import ClientError

from bakeoff_core.assignment.drawing import Draw
from bakeoff_core.stores.aws import aws_failures

_WHAT = "the assignment table"


@dataclass(frozen=True, slots=True)
class AssignmentKey:
    """Whose assignment, and under which configuration it was made."""

    experiment: str
    config_version: int
    unit: str


@dataclass(frozen=True, slots=True)
class KeptAssignment:
    """A group that was drawn once and holds until it expires.

    Attributes:
        draw: The group, and the weights it was drawn with.
        expires_at: From when on the unit counts as new.
    """

    draw: Draw
    expires_at: datetime


class AssignmentStore(Protocol):
    """Sticky assignments. Every implementation passes tests/contract/test_assignment_store.py."""

    def get(self, key: AssignmentKey, now: datetime) -> KeptAssignment | None:
        """Read what was kept, unless it has expired by now."""
        ...

    def keep(self, key: AssignmentKey, offered: KeptAssignment, now: datetime) -> KeptAssignment:
        """Keep an assignment unless another one that has not expired came first.

        Returns:
            The very object that was offered where it was kept, else the one that came first.
        """
        ...

    def forget_unit(self, unit: str) -> int:
        """Delete all assignments of a unit, in whatever experiment, and say how many there were."""
        ...


class InMemoryAssignmentStore:
    """Assignments in a dictionary."""

    def __init__(self) -> None:
        self._kept: dict[AssignmentKey, KeptAssignment] = {}
        self._lock = Lock()

    def get(self, key: AssignmentKey, now: datetime) -> KeptAssignment | None:
        """Read what was kept, unless it has expired by now."""
        kept = self._kept.get(key)
        return kept if kept is not None and now < kept.expires_at else None

    def keep(self, key: AssignmentKey, offered: KeptAssignment, now: datetime) -> KeptAssignment:
        """Keep an assignment unless another one that has not expired came first."""
        with self._lock:
            first = self.get(key, now)
            if first is not None:
                return first
            self._kept[key] = offered
            return offered

    def forget_unit(self, unit: str) -> int:
        """Delete all assignments of a unit."""
        with self._lock:
            keys = [key for key in self._kept if key.unit == unit]
            for key in keys:
                del self._kept[key]
        return len(keys)


class DynamoAssignmentStore:
    """Assignments in a DynamoDB table, the first one guarded by a conditional write.

    DynamoDB removes an expired item within days, not at once: until then it is still returned, so both the
    reading and the condition look at its time themselves.

    Args:
        table: A boto3 Table with hash key `key` and TTL attribute `expires_at`.
    """

    def __init__(self, table: Any) -> None:
        self._table = table

    def get(self, key: AssignmentKey, now: datetime) -> KeptAssignment | None:
        """Read what was kept, unless it has expired by now."""
        # An eventually consistent read may miss a fresh item; the conditional write then finds it.
        return self._read(key, now, consistent=False)

    def keep(self, key: AssignmentKey, offered: KeptAssignment, now: datetime) -> KeptAssignment:
        """Keep an assignment unless another one that has not expired came first."""
        with aws_failures(_WHAT):
            try:
                self._table.put_item(
                    Item={
                        "key": _key(key),
                        "document": _write(offered.draw),
                        "expires_at": int(offered.expires_at.timestamp()),
                    },
                    ConditionExpression="attribute_not_exists(#key) OR expires_at <= :now",
                    ExpressionAttributeNames={"#key": "key"},
                    ExpressionAttributeValues={":now": int(now.timestamp())},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                first = _from_failure(error) or self._read(key, now, consistent=True)
                # Nothing at all only if the item that stood in the way expired in this very moment.
                return first or offered
        return offered

    def forget_unit(self, unit: str) -> int:
        """Delete all assignments of a unit; this reads the whole table, since only so none is missed."""
        pages = self._table.meta.client.get_paginator("scan").paginate(
            TableName=self._table.name,
            ConsistentRead=True,
            FilterExpression="contains(#key, :unit)",
            ProjectionExpression="#key",
            ExpressionAttributeNames={"#key": "key"},
            ExpressionAttributeValues={":unit": f"#{_digest(unit)}"},
        )
        with aws_failures(_WHAT):
            keys = [item["key"] for page in pages for item in page["Items"]]
            for key in keys:
                self._table.delete_item(Key={"key": key})
        return len(keys)

    def _read(self, key: AssignmentKey, now: datetime, *, consistent: bool) -> KeptAssignment | None:
        with aws_failures(_WHAT):
            item = self._table.get_item(Key={"key": _key(key)}, ConsistentRead=consistent).get("Item")
        if item is None or int(item["expires_at"]) <= int(now.timestamp()):
            return None
        return _kept(item["document"], int(item["expires_at"]))


def _key(key: AssignmentKey) -> str:
    return f"{key.experiment}#{key.config_version}#{_digest(key.unit)}"


def _digest(unit: str) -> str:
    # A unit's id may be longer than a key can be, and need not be readable in the table.
    return blake2b(unit.encode(), digest_size=16).hexdigest()


def _write(draw: Draw) -> str:
    return json.dumps({"group": draw.group, "weights": dict(draw.weights)}, separators=(",", ":"))


def _kept(document: str, expires_at: int) -> KeptAssignment:
    read = json.loads(document)
    return KeptAssignment(Draw(read["group"], read["weights"]), datetime.fromtimestamp(expires_at, UTC))


def _from_failure(error: ClientError) -> KeptAssignment | None:
    """Read the item that DynamoDB sends along with a failed condition, in its own notation of types."""
    item: Mapping[str, Mapping[str, str]] | None = error.response.get("Item")  # type: ignore[assignment]
    return _kept(item["document"]["S"], int(item["expires_at"]["N"])) if item else None
