"""Where the state of an experiment's arms is kept: how many units each got, and a bandit's present weights."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Protocol

from botocore.exceptions import ClientError

from bakeoff_core.clock import rfc3339
from bakeoff_core.stores.aws import aws_failures
from bakeoff_core.stores.counters import UNSHARDED, Shards, by_name, shard_key

_WHAT = "the arm table"
_EPOCH = "epoch"
_GROUP = "group"
_PAST = "past#"
_KEPT_OF_A_KIND = 64


@dataclass(frozen=True, slots=True)
class ArmsKey:
    """Whose arms, and under which configuration."""

    experiment: str
    config_version: int


@dataclass(frozen=True, slots=True)
class ArmRecord:
    """What one arm of a bandit had come to when its weight was computed.

    Attributes:
        exposures: Units exposed.
        matured: Those of them whose attribution window was over.
        rewards: Those of the matured ones that were rewarded within their window.
        weight: The probability that the epoch gives the arm.
    """

    exposures: int
    matured: int
    rewards: int
    weight: float


@dataclass(frozen=True, slots=True)
class Epoch:
    """The weights that a bandit draws with until they are computed again.

    Attributes:
        number: Counts the epochs from 1.
        computed_at: When the weights were computed.
        arms: By group name.
    """

    number: int
    computed_at: datetime
    arms: Mapping[str, ArmRecord]


class EpochConflict(Exception):
    """Somebody else wrote that epoch already."""


class ArmStore(Protocol):
    """The arms of experiments. Every implementation passes tests/contract/test_arm_store.py."""

    def count_assigned(self, key: ArmsKey, group: str) -> None:
        """Count one more unit that was assigned to a group."""
        ...

    def assigned(self, key: ArmsKey) -> dict[str, int]:
        """Read how many units each group was assigned, up to this very moment; groups without any are left out."""
        ...

    def epoch(self, key: ArmsKey) -> Epoch | None:
        """Read the present epoch, or None before the first."""
        ...

    def put_epoch(self, key: ArmsKey, epoch: Epoch) -> None:
        """Write the epoch that follows the present one. Raises EpochConflict if it does not follow."""
        ...

    def epochs(self, key: ArmsKey) -> list[Epoch]:
        """Read the epochs until now, oldest first: the last 64 at least, and the fewer the longer ago they were.

        Of those with odd numbers the last 64 are kept, of those with a number that is divisible by 2 and not by 4,
        and so on.
        """
        ...


class InMemoryArmStore:
    """Arms in dictionaries."""

    def __init__(self) -> None:
        self._assigned: dict[ArmsKey, dict[str, int]] = {}
        self._epochs: dict[ArmsKey, Epoch] = {}
        self._past: dict[ArmsKey, dict[str, Epoch]] = {}
        self._lock = Lock()

    def count_assigned(self, key: ArmsKey, group: str) -> None:
        """Count one more unit that was assigned to a group."""
        with self._lock:
            counts = self._assigned.setdefault(key, {})
            counts[group] = counts.get(group, 0) + 1

    def assigned(self, key: ArmsKey) -> dict[str, int]:
        """Read how many units each group was assigned."""
        with self._lock:
            return dict(self._assigned.get(key, {}))

    def epoch(self, key: ArmsKey) -> Epoch | None:
        """Read the present epoch, or None before the first."""
        return self._epochs.get(key)

    def put_epoch(self, key: ArmsKey, epoch: Epoch) -> None:
        """Write the epoch that follows the present one."""
        with self._lock:
            present = self._epochs.get(key)
            if epoch.number != (present.number if present else 0) + 1:
                raise EpochConflict(key.experiment)
            self._epochs[key] = epoch
            self._past.setdefault(key, {})[_place(epoch.number)] = epoch

    def epochs(self, key: ArmsKey) -> list[Epoch]:
        """Read the epochs until now, oldest first."""
        with self._lock:
            return sorted(self._past.get(key, {}).values(), key=lambda epoch: epoch.number)


class DynamoArmStore:
    """Arms in a DynamoDB table: a few items a group for its counter, and one item for the weights of all groups.

    The weights of an epoch belong together, so they are one item: it is read and replaced whole. Beside it each
    epoch is kept in one of a bounded number of items, which a later epoch replaces.

    Args:
        table: A boto3 Table with hash key `name` and range key `item`.
        shards: Among how many items the counting of a group is spread.
    """

    def __init__(self, table: Any, shards: Shards = UNSHARDED) -> None:
        self._table = table
        self._shards = shards

    def count_assigned(self, key: ArmsKey, group: str) -> None:
        """Count one more unit that was assigned to a group."""
        with aws_failures(_WHAT):
            self._table.update_item(
                Key=_item(key, shard_key(_GROUP, group, self._shards.draw())),
                UpdateExpression="ADD assigned :one",
                ExpressionAttributeValues={":one": 1},
            )

    def assigned(self, key: ArmsKey) -> dict[str, int]:
        """Read how many units each group was assigned."""
        items = self._beginning_with(key, _GROUP, consistent=True)
        return {group: sum(int(shard["assigned"]) for shard in shards) for group, shards in by_name(items).items()}

    def epoch(self, key: ArmsKey) -> Epoch | None:
        """Read the present epoch, or None before the first."""
        with aws_failures(_WHAT):
            item = self._table.get_item(Key=_item(key, _EPOCH)).get("Item")
        return None if item is None else _read(item)

    def put_epoch(self, key: ArmsKey, epoch: Epoch) -> None:
        """Write the epoch that follows the present one."""
        document = {
            "computed_at": rfc3339(epoch.computed_at),
            "arms": {group: asdict(record) for group, record in epoch.arms.items()},
        }
        first = epoch.number == 1
        condition: dict[str, Any] = (
            {"ConditionExpression": "attribute_not_exists(#number)"}
            if first
            else {
                "ConditionExpression": "#number = :previous",
                "ExpressionAttributeValues": {":previous": epoch.number - 1},
            }
        )
        kept = {"number": epoch.number, "document": json.dumps(document)}
        with aws_failures(_WHAT):
            try:
                self._table.put_item(
                    Item=_item(key, _EPOCH) | kept,
                    ExpressionAttributeNames={"#number": "number"},
                    **condition,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                    raise EpochConflict(key.experiment) from error
                raise
            # Only the writer of the present epoch comes here, so that its number is kept once.
            self._table.put_item(Item=_item(key, _PAST + _place(epoch.number)) | kept)

    def epochs(self, key: ArmsKey) -> list[Epoch]:
        """Read the epochs until now, oldest first."""
        return sorted(map(_read, self._beginning_with(key, _PAST)), key=lambda epoch: epoch.number)

    def _beginning_with(self, key: ArmsKey, item: str, *, consistent: bool = False) -> list[dict[str, Any]]:
        prefix = _item(key, item)
        pages = self._table.meta.client.get_paginator("query").paginate(
            TableName=self._table.name,
            ConsistentRead=consistent,
            KeyConditionExpression="#name = :name AND begins_with(#item, :prefix)",
            ExpressionAttributeNames={"#name": "name", "#item": "item"},
            ExpressionAttributeValues={":name": prefix["name"], ":prefix": prefix["item"]},
        )
        with aws_failures(_WHAT):
            return [item for page in pages for item in page["Items"]]


def _read(item: Mapping[str, Any]) -> Epoch:
    document = json.loads(item["document"])
    return Epoch(
        number=int(item["number"]),
        computed_at=datetime.fromisoformat(document["computed_at"]),
        arms={group: ArmRecord(**record) for group, record in document["arms"].items()},
    )


def _place(number: int) -> str:
    """Where a past epoch is kept: in a ring of its own for every power of two that divides a number."""
    twos = (number & -number).bit_length() - 1
    return f"{twos:02}#{(number >> (twos + 1)) % _KEPT_OF_A_KIND:02}"


def _item(key: ArmsKey, item: str) -> dict[str, str]:
    return {"name": key.experiment, "item": f"{key.config_version:08}#{item}"}
