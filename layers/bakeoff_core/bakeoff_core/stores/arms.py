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

_WHAT = "the arm table"
_EPOCH = "epoch"
_GROUP = "group#"


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


class InMemoryArmStore:
    """Arms in dictionaries."""

    def __init__(self) -> None:
        self._assigned: dict[ArmsKey, dict[str, int]] = {}
        self._epochs: dict[ArmsKey, Epoch] = {}
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


class DynamoArmStore:
    """Arms in a DynamoDB table: an item a group for its counter, and one item for the weights of all groups.

    The weights of an epoch belong together, so they are one item: it is read and replaced whole.

    Args:
        table: A boto3 Table with hash key `name` and range key `item`.
    """

    def __init__(self, table: Any) -> None:
        self._table = table

    def count_assigned(self, key: ArmsKey, group: str) -> None:
        """Count one more unit that was assigned to a group."""
        with aws_failures(_WHAT):
            self._table.update_item(
                Key=_item(key, _GROUP + group),
                UpdateExpression="ADD assigned :one",
                ExpressionAttributeValues={":one": 1},
            )

    def assigned(self, key: ArmsKey) -> dict[str, int]:
        """Read how many units each group was assigned."""
        prefix = _item(key, _GROUP)
        pages = self._table.meta.client.get_paginator("query").paginate(
            TableName=self._table.name,
            ConsistentRead=True,
            KeyConditionExpression="#name = :name AND begins_with(#item, :prefix)",
            ExpressionAttributeNames={"#name": "name", "#item": "item"},
            ExpressionAttributeValues={":name": prefix["name"], ":prefix": prefix["item"]},
        )
        with aws_failures(_WHAT):
            items = [item for page in pages for item in page["Items"]]
        return {item["item"].removeprefix(prefix["item"]): int(item["assigned"]) for item in items}

    def epoch(self, key: ArmsKey) -> Epoch | None:
        """Read the present epoch, or None before the first."""
        with aws_failures(_WHAT):
            item = self._table.get_item(Key=_item(key, _EPOCH)).get("Item")
        if item is None:
            return None
        document = json.loads(item["document"])
        return Epoch(
            number=int(item["number"]),
            computed_at=datetime.fromisoformat(document["computed_at"]),
            arms={group: ArmRecord(**record) for group, record in document["arms"].items()},
        )

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
        with aws_failures(_WHAT):
            try:
                self._table.put_item(
                    Item={**_item(key, _EPOCH), "number": epoch.number, "document": json.dumps(document)},
                    ExpressionAttributeNames={"#number": "number"},
                    **condition,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                    raise EpochConflict(key.experiment) from error
                raise


def _item(key: ArmsKey, item: str) -> dict[str, str]:
    return {"name": key.experiment, "item": f"{key.config_version:08}#{item}"}
