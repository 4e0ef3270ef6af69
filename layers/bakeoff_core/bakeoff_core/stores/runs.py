"""Where it is kept which looks at experiments were begun and which are done, so that none is taken twice."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Literal, Protocol

from botocore.exceptions import ClientError

from bakeoff_core.clock import rfc3339
from bakeoff_core.stores.aws import aws_failures

Kind = Literal["look", "report", "final", "asked"]

_WHAT = "the run table"
_KEPT = timedelta(days=40)
# No experiment has such a name: names hold no such sign.
_DISPATCHER = {"experiment": "#dispatcher", "run": "until"}
_NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Run:
    """One look at one experiment that is to happen once.

    Attributes:
        experiment: Which one.
        kind: A look alone, a report that a schedule asks for, the one on an experiment that is over, or one that
            somebody asked for.
        due_at: When it is due, which tells it from the others of its kind.
    """

    experiment: str
    kind: Kind
    due_at: datetime

    @property
    def key(self) -> str:
        """What tells it from every other run of the experiment."""
        return f"{self.kind}#{rfc3339(self.due_at)}"


class RunDone(Exception):
    """The run was done before; nothing is left to do."""


class RunTaken(Exception):
    """Somebody else is at it, or was until a moment ago and may have crashed: try again later."""


class RunStore(Protocol):
    """Runs by experiment. Every implementation passes tests/contract/test_run_store.py."""

    def claim(self, run: Run, claimant: str, *, as_of: datetime, now: datetime, lease: timedelta) -> datetime:
        """Begin a run, or begin it again after a crash.

        Args:
            run: The run.
            claimant: Who begins it. Whoever claims a run again under the same name gets it at once, and must be
                sure that its own earlier attempt is over.
            as_of: The moment as of which the experiment is to be looked at.
            now: The time.
            lease: For how long nobody else may begin it.

        Returns:
            The moment as of which to look: the one that the first claim named, so that every attempt sees the same.

        Raises:
            RunDone: It was done before.
            RunTaken: Another claimant's lease is not over.
        """
        ...

    def finish(self, run: Run, claimant: str, now: datetime) -> None:
        """Say that a run is done, for good; without effect if somebody else took it over in the meantime."""
        ...

    def reach(self, experiment: str, moment: datetime) -> bool:
        """Say that an experiment is looked at as of a moment; False if it was looked at as of a later one."""
        ...

    def dispatched_until(self) -> datetime | None:
        """Read up to which moment everything that was due has been handed out; None before the first time."""
        ...

    def dispatch_until(self, moment: datetime) -> None:
        """Say up to which moment it has; never back in time."""
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    claimant: str
    as_of: datetime
    lease_until: datetime
    done: bool = False


class InMemoryRunStore:
    """Runs in a dictionary."""

    def __init__(self) -> None:
        self._runs: dict[Run, _Kept] = {}
        self._newest: dict[str, datetime] = {}
        self._until: datetime | None = None
        self._lock = Lock()

    def claim(self, run: Run, claimant: str, *, as_of: datetime, now: datetime, lease: timedelta) -> datetime:
        """Begin a run, or begin it again after a crash."""
        with self._lock:
            kept = self._runs.get(run)
            if kept is None:
                self._runs[run] = _Kept(claimant, as_of, now + lease)
                return as_of
            if kept.done:
                raise RunDone(run)
            if kept.claimant != claimant and now < kept.lease_until:
                raise RunTaken(run)
            self._runs[run] = replace(kept, claimant=claimant, lease_until=now + lease)
            return kept.as_of

    def finish(self, run: Run, claimant: str, now: datetime) -> None:  # noqa: ARG002 - memory forgets nothing
        """Say that a run is done."""
        with self._lock:
            kept = self._runs[run]
            if kept.claimant == claimant:
                self._runs[run] = replace(kept, done=True)

    def reach(self, experiment: str, moment: datetime) -> bool:
        """Say that an experiment is looked at as of a moment."""
        with self._lock:
            if moment < self._newest.get(experiment, moment):
                return False
            self._newest[experiment] = moment
            return True

    def dispatched_until(self) -> datetime | None:
        """Read up to which moment everything that was due has been handed out."""
        return self._until

    def dispatch_until(self, moment: datetime) -> None:
        """Say up to which moment it has; never back in time."""
        with self._lock:
            self._until = moment if self._until is None else max(moment, self._until)


class DynamoRunStore:
    """Runs in a DynamoDB table, each an item whose claim is a conditional write.

    Args:
        table: A boto3 Table with hash key `experiment`, range key `run` and TTL attribute `expires_at`.
    """

    def __init__(self, table: Any) -> None:
        self._table = table

    def claim(self, run: Run, claimant: str, *, as_of: datetime, now: datetime, lease: timedelta) -> datetime:
        """Begin a run, or begin it again after a crash."""
        with aws_failures(_WHAT):
            try:
                answer = self._table.update_item(
                    Key=_key(run),
                    UpdateExpression=(
                        "SET claimant = :claimant, lease_until = :lease_until, expires_at = :expires_at, "
                        "as_of = if_not_exists(as_of, :as_of)"
                    ),
                    ConditionExpression=(
                        "attribute_not_exists(done_at) AND "
                        "(attribute_not_exists(claimant) OR claimant = :claimant OR lease_until <= :now)"
                    ),
                    ExpressionAttributeValues={
                        ":claimant": claimant,
                        ":as_of": rfc3339(as_of),
                        ":now": rfc3339(now),
                        ":lease_until": rfc3339(now + lease),
                        ":expires_at": int((now + _KEPT).timestamp()),
                    },
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if not _refused(error):
                    raise
                raise (RunDone if "done_at" in _item(error) else RunTaken)(run) from error
        return _moment(answer["Attributes"]["as_of"])

    def finish(self, run: Run, claimant: str, now: datetime) -> None:
        """Say that a run is done, for good."""
        self._update_if(
            _key(run),
            "SET done_at = :now, expires_at = :expires_at",
            "claimant = :claimant",
            {":now": rfc3339(now), ":expires_at": int((now + _KEPT).timestamp()), ":claimant": claimant},
        )

    def reach(self, experiment: str, moment: datetime) -> bool:
        """Say that an experiment is looked at as of a moment."""
        return self._advance({"experiment": experiment, "run": _NEWEST}, moment)

    def dispatched_until(self) -> datetime | None:
        """Read up to which moment everything that was due has been handed out."""
        with aws_failures(_WHAT):
            item = self._table.get_item(Key=_DISPATCHER, ConsistentRead=True).get("Item")
        return None if item is None else _moment(item["as_of"])

    def dispatch_until(self, moment: datetime) -> None:
        """Say up to which moment it has; never back in time."""
        self._advance(_DISPATCHER, moment)

    def _advance(self, key: dict[str, str], moment: datetime) -> bool:
        return self._update_if(
            key,
            "SET as_of = :moment",
            "attribute_not_exists(as_of) OR as_of <= :moment",
            {":moment": rfc3339(moment)},
        )

    def _update_if(self, key: dict[str, str], update: str, condition: str, values: dict[str, Any]) -> bool:
        with aws_failures(_WHAT):
            try:
                self._table.update_item(
                    Key=key,
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                )
            except ClientError as error:
                if not _refused(error):
                    raise
                return False
        return True


def _key(run: Run) -> dict[str, str]:
    return {"experiment": run.experiment, "run": run.key}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _item(error: ClientError) -> Mapping[str, Any]:
    """Read the item that DynamoDB sends along with a failed condition."""
    item: Mapping[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]  # the stubs know no items
    return item


def _refused(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ConditionalCheckFailedException"
