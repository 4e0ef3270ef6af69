"""What was sent to whom, so that nobody is told the same thing twice."""

from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from botocore.exceptions import ClientError

from bakeoff_core.stores.aws import aws_failures

Claim = Literal["claimed", "settled", "busy"]
"""Ours to send; sent or given up already; being sent by somebody else."""

_WHAT = "the table of sent notices"
_SETTLED = 0  # the lease of what needs none any more


class SentNotices(Protocol):
    """Remembers what was sent. Every implementation passes tests/contract/test_sent_notices.py."""

    def claim(self, key: str, now: datetime, lease: timedelta) -> Claim:
        """Say that a message is about to be sent.

        Args:
            key: The message and its recipient.
            now: The time.
            lease: For how long nobody else sends it; whoever claimed it and was stopped has lost it by then.

        Raises:
            DependencyUnavailable: It could not be written down.
        """
        ...

    def settle(self, key: str, now: datetime) -> None:
        """Say that a message was sent, or never will be. Raises DependencyUnavailable."""
        ...

    def release(self, key: str) -> None:
        """Say that a message was not sent, so that it can be claimed at once. Raises DependencyUnavailable."""
        ...


class InMemorySentNotices:
    """What was sent, in a dictionary."""

    def __init__(self) -> None:
        self._leases: dict[str, datetime | None] = {}

    def claim(self, key: str, now: datetime, lease: timedelta) -> Claim:
        """Say that a message is about to be sent."""
        if key in self._leases:
            until = self._leases[key]
            if until is None:
                return "settled"
            if until > now:
                return "busy"
        self._leases[key] = now + lease
        return "claimed"

    def settle(self, key: str, now: datetime) -> None:  # noqa: ARG002 - the table forgets by it
        """Say that a message was sent, or never will be."""
        self._leases[key] = None

    def release(self, key: str) -> None:
        """Say that a message was not sent."""
        if self._leases.get(key) is not None:
            del self._leases[key]


class DynamoSentNotices:
    """What was sent, in a DynamoDB table: one item a message and recipient, forgotten in time.

    Args:
        table: A boto3 Table with hash key `key` and time-to-live attribute `expires_at`.
        remembered: For how long; nobody hands the same notice over after that.
    """

    def __init__(self, table: Any, remembered: timedelta = timedelta(days=90)) -> None:
        self._table = table
        self._remembered = remembered

    def claim(self, key: str, now: datetime, lease: timedelta) -> Claim:
        """Say that a message is about to be sent."""
        with aws_failures(_WHAT):
            try:
                self._table.put_item(
                    Item=self._item(key, now, round((now + lease).timestamp() * 1_000)),
                    ConditionExpression="attribute_not_exists(#key) OR leased_until BETWEEN :unsettled AND :now",
                    ExpressionAttributeNames={"#key": "key"},
                    ExpressionAttributeValues={":unsettled": _SETTLED + 1, ":now": round(now.timestamp() * 1_000)},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                return "settled" if _is_settled(error.response) else "busy"
        return "claimed"

    def settle(self, key: str, now: datetime) -> None:
        """Say that a message was sent, or never will be."""
        with aws_failures(_WHAT):
            self._table.put_item(Item=self._item(key, now, _SETTLED))

    def release(self, key: str) -> None:
        """Say that a message was not sent."""
        with aws_failures(_WHAT):
            try:
                self._table.delete_item(
                    Key={"key": key},
                    ConditionExpression="leased_until > :settled",
                    ExpressionAttributeValues={":settled": _SETTLED},
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise

    def _item(self, key: str, now: datetime, leased_until: int) -> dict[str, Any]:
        expires_at = round((now + self._remembered).timestamp())
        return {"key": key, "leased_until": leased_until, "expires_at": expires_at}


def _is_settled(response: Any) -> bool:
    # The low-level form, since the error passes the resource's conversion by.
    leased_until = response.get("Item", {}).get("leased_until", 0)
    return int(leased_until["N"] if isinstance(leased_until, dict) else leased_until) == _SETTLED
