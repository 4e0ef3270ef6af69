"""How often each arm was met and rewarded, every event id counted once however often it is delivered."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Literal, Protocol

from botocore.exceptions import ClientError

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.events.model import Event
from bakeoff_core.events.types import EXPOSURE_TYPES, PREDICTION
from bakeoff_core.stores.arms import ArmsKey
from bakeoff_core.stores.aws import aws_failures
from bakeoff_core.stores.counters import UNSHARDED, Shards, by_name, shard_key

_WHAT = "the arm table"
_TALLY = "tally"
_ANY_VERSION = 0
_MAX_ACTIONS = 100  # of one DynamoDB transaction
_ATTEMPTS = 10
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0
_ALREADY_COUNTED = "ConditionalCheckFailed"

Kind = Literal["exposures", "rewards"]


@dataclass(frozen=True, slots=True)
class Tally:
    """What one arm has come to.

    Attributes:
        exposures: Exposures and assignments, as events; a unit that meets its group again counts again.
        rewards: Every other event that names the arm, predictions apart.
    """

    exposures: int = 0
    rewards: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """What one event adds to which arm."""

    key: ArmsKey
    group: str
    kind: Kind


def mark_of(event: Event) -> Mark | None:
    """Say what an event adds, or None for an event that names no arm.

    An exposure that was decided elsewhere may know no configuration version: those are tallied under version 0.
    """
    if event.event_type == PREDICTION or event.experiment_name is None or event.group_name is None:
        return None
    key = ArmsKey(event.experiment_name, event.config_version or _ANY_VERSION)
    return Mark(key, event.group_name, "exposures" if event.event_type in EXPOSURE_TYPES else "rewards")


class TallyStore(Protocol):
    """Tallies of arms. Every implementation passes tests/contract/test_tally_store.py."""

    def add(self, marks: Mapping[str, Mark], now: datetime) -> int:
        """Tally events whose id was not tallied before.

        Args:
            marks: What each event adds, by its id.
            now: From when on the ids are remembered.

        Returns:
            How many were new.
        """
        ...

    def tallies(self, key: ArmsKey) -> dict[str, Tally]:
        """Read the tallies of an experiment's groups; groups without any are left out."""
        ...


class InMemoryTallyStore:
    """Tallies in dictionaries."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._counts: Counter[Mark] = Counter()
        self._lock = Lock()

    def add(self, marks: Mapping[str, Mark], now: datetime) -> int:  # noqa: ARG002 - ids are remembered for good
        """Tally events whose id was not tallied before."""
        with self._lock:
            new = {event_id: mark for event_id, mark in marks.items() if event_id not in self._ids}
            self._ids.update(new)
            self._counts.update(new.values())
        return len(new)

    def tallies(self, key: ArmsKey) -> dict[str, Tally]:
        """Read the tallies of an experiment's groups."""
        with self._lock:
            groups = sorted({mark.group for mark in self._counts if mark.key == key})
            return {
                group: Tally(self._counts[Mark(key, group, "exposures")], self._counts[Mark(key, group, "rewards")])
                for group in groups
            }


class NoTallies:
    """Tallies of a stack that keeps none."""

    def add(self, marks: Mapping[str, Mark], now: datetime) -> int:  # noqa: ARG002 - nothing is kept
        """Tally nothing."""
        return 0

    def tallies(self, key: ArmsKey) -> dict[str, Tally]:  # noqa: ARG002 - nothing is kept
        """Read nothing."""
        return {}


class DynamoTallyStore:
    """Tallies in the table of arms, and the ids they count in a table of their own.

    Up to about a hundred events go into one transaction: it writes each event's id on the condition that it is new,
    and adds to the arms. So an event is remembered exactly when it is counted, whatever is repeated, overlaps or
    crashes. Ids known already make the transaction fail as a whole and say which they are; the others follow in
    a second one. That costs two write units an event and two an arm and transaction.

    DynamoDB cancels a transaction on an item that another one is about to write. Each transaction therefore adds to
    one of several items of an arm, and to another one when it is tried again.

    Args:
        arms: A boto3 Table with hash key `name` and range key `item`.
        ids: A boto3 Table with hash key `event_id` and TTL attribute `expires_at`.
        remember: How long an id is remembered: as long as the events themselves are kept.
        shards: Among how many items the additions to an arm are spread.
        sleep: Waits for that many seconds.
        uniform: Draws a number between two others, for the jitter.
    """

    def __init__(
        self,
        arms: Any,
        ids: Any,
        remember: timedelta,
        shards: Shards = UNSHARDED,
        *,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._arms = arms
        self._ids = ids
        self._remember = remember
        self._shards = shards
        self._sleep = sleep
        self._uniform = uniform

    def add(self, marks: Mapping[str, Mark], now: datetime) -> int:
        """Tally events whose id was not tallied before."""
        expires_at = int((now + self._remember).timestamp())
        return sum(self._add_batch(batch, expires_at) for batch in _batches(marks))

    def tallies(self, key: ArmsKey) -> dict[str, Tally]:
        """Read the tallies of an experiment's groups."""
        prefix = _item(key, _TALLY)
        pages = self._arms.meta.client.get_paginator("query").paginate(
            TableName=self._arms.name,
            ConsistentRead=True,
            KeyConditionExpression="#name = :name AND begins_with(#item, :prefix)",
            ExpressionAttributeNames={"#name": "name", "#item": "item"},
            ExpressionAttributeValues={":name": prefix["name"], ":prefix": prefix["item"]},
        )
        with aws_failures(_WHAT):
            items = [item for page in pages for item in page["Items"]]
        return {
            group: Tally(*(sum(int(shard.get(kind, 0)) for shard in shards) for kind in ("exposures", "rewards")))
            for group, shards in by_name(items).items()
        }

    def _add_batch(self, batch: dict[str, Mark], expires_at: int) -> int:
        attempt = 0
        while batch:
            reasons = self._transact(batch, expires_at)
            if reasons is None:
                return len(batch)
            known = [event_id for event_id, reason in zip(batch, reasons, strict=False) if reason == _ALREADY_COUNTED]
            batch = {event_id: mark for event_id, mark in batch.items() if event_id not in set(known)}
            if not known:  # another transaction on the same arms, or too many at once
                attempt += 1
                if attempt == _ATTEMPTS:
                    raise DependencyUnavailable(_WHAT)
                ceiling = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**attempt)
                self._sleep(self._uniform(0, ceiling))
        return 0

    def _transact(self, batch: Mapping[str, Mark], expires_at: int) -> list[str] | None:
        """Try to count a batch; where it cannot be, say why, action by action, the ids first."""
        actions = [self._remember_action(event_id, expires_at) for event_id in batch]
        by_arm: dict[tuple[ArmsKey, str], Counter[Kind]] = {}
        for mark in batch.values():
            by_arm.setdefault((mark.key, mark.group), Counter())[mark.kind] += 1
        shard = self._shards.draw()
        actions += [
            self._add_action(_item(key, shard_key(_TALLY, group, shard)), counts)
            for (key, group), counts in by_arm.items()
        ]
        with aws_failures(_WHAT):
            try:
                self._arms.meta.client.transact_write_items(TransactItems=actions)
            except ClientError as error:
                if error.response["Error"]["Code"] != "TransactionCanceledException":
                    raise
                return [reason.get("Code", "None") for reason in error.response["CancellationReasons"]]
        return None

    def _remember_action(self, event_id: str, expires_at: int) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self._ids.name,
                "Item": {"event_id": event_id, "expires_at": expires_at},
                "ConditionExpression": "attribute_not_exists(event_id)",
            }
        }

    def _add_action(self, item: Mapping[str, str], counts: Mapping[Kind, int]) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._arms.name,
                "Key": item,
                "UpdateExpression": "ADD exposures :exposures, rewards :rewards",
                "ExpressionAttributeValues": {
                    ":exposures": counts.get("exposures", 0),
                    ":rewards": counts.get("rewards", 0),
                },
            }
        }


def _item(key: ArmsKey, item: str) -> dict[str, str]:
    # Not the items that count assigned units: delivery must not hold up assignment.
    return {"name": key.experiment, "item": f"{key.config_version:08}#{item}"}


def _batches(marks: Mapping[str, Mark]) -> Iterator[dict[str, Mark]]:
    """Cut into batches whose ids and arms fit into one transaction, each of as few arms as can be."""
    batch: dict[str, Mark] = {}
    arms: set[tuple[ArmsKey, str]] = set()
    for event_id, mark in sorted(marks.items(), key=_by_arm):
        arm = (mark.key, mark.group)
        if len(batch) + 1 + len(arms | {arm}) > _MAX_ACTIONS:
            yield batch
            batch, arms = {}, set()
        batch[event_id] = mark
        arms.add(arm)
    if batch:
        yield batch


def _by_arm(marked: tuple[str, Mark]) -> tuple[str, int, str]:
    mark = marked[1]
    return mark.key.experiment, mark.key.config_version, mark.group
