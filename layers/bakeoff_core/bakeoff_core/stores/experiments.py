"""Where experiments are kept."""

import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from botocore.exceptions import ClientError
from pydantic import JsonValue, ValidationError

from bakeoff_core.clock import Clock, rfc3339
from bakeoff_core.errors import DependencyUnavailable, ExperimentNotFound, PayloadTooLarge, VersionConflict
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.aws import aws_failures
from bakeoff_core.stores.cache import BoundedAgeCache

ALL = "*"
"""Stands for all experiments where a name is expected."""

OnUnreadable: TypeAlias = Callable[[str, Exception], None]

_CURRENT = "current"
_LISTED, _YES = "listed", "yes"
_LARGEST_DOCUMENT = 390_000  # bytes; DynamoDB takes items of 400 KB, with their attributes' names and keys


@dataclass(frozen=True, slots=True)
class Audit:
    """Who changed an experiment, when, and by which action.

    Attributes:
        actor: Who did.
        action: What was done.
        at: When.
        evidence: The numbers for which it was done, where nobody asked for it.
    """

    actor: str
    action: str
    at: datetime
    evidence: Mapping[str, JsonValue] | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of an experiment's history: the change, and the configuration after it."""

    audit: Audit
    experiment: Experiment


@dataclass(frozen=True, slots=True)
class Claim:
    """That an experiment takes a part of a namespace, where nobody else took any since it was looked at.

    Attributes:
        namespace: The namespace.
        claims: How many claims on it there were then.
    """

    namespace: str
    claims: int


def document_of(experiment: Experiment) -> str:
    """Write an experiment as it is kept.

    Raises:
        PayloadTooLarge: It is larger than an item may be.
    """
    document = experiment.model_dump_json()
    if (size := len(document.encode())) > _LARGEST_DOCUMENT:
        raise PayloadTooLarge(
            f"the experiment is {size:,} bytes long, and at most {_LARGEST_DOCUMENT:,} are kept: "
            "shorten its parameters, descriptions or forced_groups"
        )
    return document


class ExperimentStore(Protocol):
    """Experiments by name. Every implementation passes tests/contract/test_experiment_store.py."""

    def get(self, name: str) -> Experiment:
        """Read one experiment. Raises ExperimentNotFound."""
        ...

    def put(self, experiment: Experiment, audit: Audit, claim: Claim | None = None) -> Experiment:
        """Write the next version of an experiment with its audit entry and its claim, all or nothing.

        Raises VersionConflict if another version or another claim came first, PayloadTooLarge if the
        experiment is too large.
        """
        ...

    def claims(self, namespace: str) -> int:
        """Count the claims on a namespace that were ever made."""
        ...

    def history(self, name: str) -> list[AuditEntry]:
        """Read every change of an experiment, oldest first."""
        ...

    def list(self, *, consistent: bool = False) -> list[Experiment]:
        """Read all experiments that are not archived, by name; if consistent, with every write until now."""
        ...


class InMemoryExperimentStore:
    """Experiments in a dictionary."""

    def __init__(self) -> None:
        self._current: dict[str, Experiment] = {}
        self._history: dict[str, list[AuditEntry]] = {}
        self._claims: dict[str, int] = {}

    def get(self, name: str) -> Experiment:
        """Read one experiment."""
        try:
            return self._current[name]
        except KeyError:
            raise ExperimentNotFound(name) from None

    def put(self, experiment: Experiment, audit: Audit, claim: Claim | None = None) -> Experiment:
        """Write the next version of an experiment with its audit entry and its claim."""
        present = self._current.get(experiment.name)
        if (present.version if present else 0) != experiment.version:
            raise VersionConflict(experiment.name)
        if claim is not None and claim.claims != self.claims(claim.namespace):
            raise VersionConflict(experiment.name)
        successor = experiment.model_copy(update={"version": experiment.version + 1})
        document_of(successor)
        if claim is not None:
            self._claims[claim.namespace] = claim.claims + 1
        self._current[successor.name] = successor
        self._history.setdefault(successor.name, []).append(AuditEntry(audit, successor))
        return successor

    def claims(self, namespace: str) -> int:
        """Count the claims on a namespace that were ever made."""
        return self._claims.get(namespace, 0)

    def history(self, name: str) -> list[AuditEntry]:
        """Read every change of an experiment, oldest first."""
        return list(self._history.get(name, []))

    def list(self, *, consistent: bool = False) -> list[Experiment]:  # noqa: ARG002 - memory always is
        """Read all experiments that are not archived, by name."""
        return [self._current[name] for name in sorted(self._current) if self._current[name].archived_at is None]


class DynamoExperimentStore:
    """Experiments in a DynamoDB table: a current item a name, an audit item a version, a claims item a namespace.

    Args:
        table: A boto3 Table with hash key `name` and range key `item`.
        on_unreadable: Called with the name of an experiment that this release cannot read, when all are listed, and
            with what is wrong with it. Without it, listing fails.
    """

    def __init__(self, table: Any, on_unreadable: OnUnreadable | None = None) -> None:
        self._table = table
        self._on_unreadable = on_unreadable

    def get(self, name: str) -> Experiment:
        """Read one experiment."""
        with aws_failures("the experiment table"):
            item = self._table.get_item(Key={"name": name, "item": _CURRENT}).get("Item")
        if item is None:
            raise ExperimentNotFound(name)
        return Experiment.model_validate_json(item["document"])

    def put(self, experiment: Experiment, audit: Audit, claim: Claim | None = None) -> Experiment:
        """Write the next version of an experiment with its audit entry and its claim."""
        successor = experiment.model_copy(update={"version": experiment.version + 1})
        document = {"name": successor.name, "version": successor.version, "document": document_of(successor)}
        entry = {
            **document,
            "item": f"audit#{successor.version:08}",
            "actor": audit.actor,
            "action": audit.action,
            "at": rfc3339(audit.at),
        }
        if audit.evidence is not None:
            entry["evidence"] = json.dumps(audit.evidence, allow_nan=False)
        listed = {} if successor.archived_at is not None else {_LISTED: _YES}
        current = {**document, "item": _CURRENT, **listed}
        puts = [{"Item": current, **_only_after(experiment.version)}, {"Item": entry}]
        if claim is not None:
            item = {**_claims_key(claim.namespace), "version": claim.claims + 1}
            puts.append({"Item": item, **_only_after(claim.claims)})
        with aws_failures("the experiment table"):
            try:
                self._table.meta.client.transact_write_items(
                    TransactItems=[{"Put": {"TableName": self._table.name, **each}} for each in puts]
                )
            except ClientError as error:
                if _is_conflict(error):
                    raise VersionConflict(experiment.name) from error
                raise
        return successor

    def claims(self, namespace: str) -> int:
        """Count the claims on a namespace that were ever made."""
        with aws_failures("the experiment table"):
            answer = self._table.get_item(Key=_claims_key(namespace), ConsistentRead=True)
        return int(answer.get("Item", {}).get("version", 0))

    def history(self, name: str) -> list[AuditEntry]:
        """Read every change of an experiment, oldest first."""
        pages = self._table.meta.client.get_paginator("query").paginate(
            TableName=self._table.name,
            KeyConditionExpression="#name = :name AND begins_with(#item, :audit)",
            ExpressionAttributeNames={"#name": "name", "#item": "item"},
            ExpressionAttributeValues={":name": name, ":audit": "audit#"},
        )
        with aws_failures("the experiment table"):
            items = [item for page in pages for item in page["Items"]]
        return [
            AuditEntry(
                Audit(
                    item["actor"],
                    item["action"],
                    datetime.fromisoformat(item["at"]),
                    json.loads(item["evidence"]) if "evidence" in item else None,
                ),
                Experiment.model_validate_json(item["document"]),
            )
            for item in items
        ]

    def list(self, *, consistent: bool = False) -> list[Experiment]:
        """Read all experiments that are not archived, by name; if consistent, with every write until now."""
        pages = self._table.meta.client.get_paginator("scan").paginate(
            TableName=self._table.name,
            FilterExpression="#item = :current",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues={":current": _CURRENT},
            ConsistentRead=consistent,
        )
        with aws_failures("the experiment table"):
            items = [item for page in pages for item in page["Items"]]
        found = _readable(items, self._on_unreadable)
        return sorted(
            (experiment for experiment in found if experiment.archived_at is None),
            key=lambda experiment: experiment.name,
        )


class ExperimentIndex(Protocol):
    """All experiments that are not archived, however long their histories.

    An index follows its table, mostly within a second, and no read of it is consistent: what was just created may be
    missing, and what was just changed or archived may be there as it was before.
    """

    def listed(self) -> list[Experiment]:
        """Read them by name."""
        ...


class InMemoryExperimentIndex:
    """The experiments of a store in memory.

    Args:
        store: The store.
    """

    def __init__(self, store: InMemoryExperimentStore) -> None:
        self._store = store

    def listed(self) -> list[Experiment]:
        """Read the experiments that are not archived, by name."""
        return self._store.list()


class DynamoExperimentIndex:
    """An index of the experiments' table that holds their current items alone, and of those only what is not archived.

    A query reads what it answers with. A scan of the table would read every change of every experiment with it.

    Args:
        table: The boto3 Table, with an index `listed` of hash key `listed` and range key `name`.
        on_unreadable: Called with the name of an experiment that this release cannot read, and with what is wrong with
            it. Without it, listing fails.
    """

    def __init__(self, table: Any, on_unreadable: OnUnreadable | None = None) -> None:
        self._table = table
        self._on_unreadable = on_unreadable

    def listed(self) -> list[Experiment]:
        """Read the experiments that are not archived, by name."""
        pages = self._table.meta.client.get_paginator("query").paginate(
            TableName=self._table.name,
            IndexName=_LISTED,
            KeyConditionExpression="#listed = :yes",
            ExpressionAttributeNames={"#listed": _LISTED},
            ExpressionAttributeValues={":yes": _YES},
        )
        with aws_failures("the experiment table"):
            items = [item for page in pages for item in page["Items"]]
        return _readable(items, self._on_unreadable)


def _readable(items: list[dict[str, Any]], on_unreadable: OnUnreadable | None) -> list[Experiment]:
    found: list[Experiment] = []
    for item in items:
        try:
            found.append(Experiment.model_validate_json(item["document"]))
        except ValidationError as error:
            if on_unreadable is None:
                raise
            on_unreadable(item["name"], error)
    return found


def _claims_key(namespace: str) -> dict[str, str]:
    # No experiment has such a name: names hold no such sign.
    return {"name": f"namespace#{namespace}", "item": "claims"}


def _only_after(version: int) -> dict[str, Any]:
    if version == 0:
        return {"ConditionExpression": "attribute_not_exists(#name)", "ExpressionAttributeNames": {"#name": "name"}}
    return {
        "ConditionExpression": "#version = :read",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":read": version},
    }


def _is_conflict(error: ClientError) -> bool:
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    codes = {reason.get("Code") for reason in reasons}
    return bool(codes & {"ConditionalCheckFailed", "TransactionConflict"})


class CachedExperiments:
    """Experiments read at most every so often, and from memory when the store does not answer.

    Args:
        store: Where a configuration is read when the remembered one is too old.
        max_age_seconds: For how long a configuration serves without another look.
        clock: The time.
        on_stale: Called with the name, or ALL, whenever what was last known serves because the store failed.
        complete: Adds to a configuration what is kept elsewhere; where it fails, the store counts as failed.
        uniform: Draws a number between two others, for the time that a configuration serves.
    """

    def __init__(
        self,
        store: ExperimentStore,
        max_age_seconds: float,
        clock: Clock,
        on_stale: Callable[[str], None],
        complete: Callable[[Experiment], Experiment] = lambda experiment: experiment,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._store = store
        self._complete = complete
        self._one = BoundedAgeCache(self._read, max_age_seconds, clock, on_stale, uniform)

    def get(self, name: str) -> Experiment:
        """Read one experiment. Raises ExperimentNotFound, or DependencyUnavailable if it was never read."""
        return self._one.get(name)

    def remember(self, experiment: Experiment) -> None:
        """Take in a configuration that was read elsewhere, unless a later one is known."""
        known = self._one.known(experiment.name)
        if known is None or known.version <= experiment.version:
            # What cannot be completed is left to `get`, which may know an older one.
            with suppress(DependencyUnavailable):
                self._one.remember(experiment.name, self._complete(experiment))

    def _read(self, name: str) -> Experiment:
        return self._complete(self._store.get(name))


class ListedExperiments:
    """The names of all experiments, read at most every so often, and from memory when the index does not answer.

    Args:
        index: Where all experiments are listed.
        experiments: Remembers each one that is read, so that a list need not be followed by a read of each.
        max_age_seconds: For how long a list serves without another look.
        clock: The time.
        on_stale: Called with ALL whenever what was last known serves because the index failed.
        uniform: Draws a number between two others, for the time that a list serves.
    """

    def __init__(
        self,
        index: ExperimentIndex,
        experiments: CachedExperiments,
        max_age_seconds: float,
        clock: Clock,
        on_stale: Callable[[str], None],
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._index = index
        self._experiments = experiments
        self._all = BoundedAgeCache(self._read_all, max_age_seconds, clock, on_stale, uniform)

    def names(self) -> list[str]:
        """Read the names of all experiments that are not archived.

        Raises DependencyUnavailable if they were never read.
        """
        return self._all.get(ALL)

    def _read_all(self, _all: str) -> list[str]:
        found = self._index.listed()
        for experiment in found:
            self._experiments.remember(experiment)
        return [experiment.name for experiment in found]
