"""What Lambda does with a batch that a function could not handle: retry, bisect, give up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]


class BatchFailedError(Exception):
    """The function failed on the batch as a whole."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How an event-source mapping answers failures."""

    bisect: bool
    max_attempts: int | None
    """Retries of one batch; None means until it succeeds."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Records that are to be delivered together, and the retries that they have had."""

    records: Sequence[Record]
    retries: int = 0


def failed_items(answer: object, ids: Sequence[str]) -> list[str]:
    """Read the failures that a function reports for a batch.

    Args:
        answer: What the function returned.
        ids: The ids of the batch, in order.

    Returns:
        The ids that failed, in the batch's order.

    Raises:
        BatchFailedError: The answer names an id that is not in the batch, or none at all; Lambda
            then takes the whole batch as failed.
    """
    reported = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not reported:
        return []
    try:
        failed = {item["itemIdentifier"] for item in reported}
    except (KeyError, TypeError) as error:
        raise BatchFailedError("a failure without itemIdentifier") from error
    if not failed <= set(ids):
        raise BatchFailedError("a failure of a record that is not in the batch")
    return [identifier for identifier in ids if identifier in failed]


def deliver_in_order(
    records: Sequence[Record],
    policy: RetryPolicy,
    *,
    send: Callable[[Sequence[Record]], int | None],
    give_up: Callable[[Attempt], None],
    pause: Callable[[int], bool],
) -> None:
    """Deliver the records of a shard, in order, as often as the policy allows.

    Splitting a batch does not count as a retry, as in Lambda.

    Args:
        records: The batch.
        policy: What to do about failures.
        send: Delivers records; answers the index of the first that failed, or None. Raises
            BatchFailedError when all of them failed.
        give_up: Takes what stays undelivered.
        pause: Waits before a retry, given its number; answers whether to go on at all.
    """
    pending = [Attempt(records)]
    while pending:
        attempt = pending.pop(0)
        try:
            first_failed = send(attempt.records)
        except BatchFailedError:
            first_failed = 0
        if first_failed is None:
            continue
        left = attempt.records[first_failed:]
        if first_failed == 0 and policy.bisect and len(left) > 1:
            middle = len(left) // 2
            pending[:0] = [Attempt(left[:middle], attempt.retries), Attempt(left[middle:], attempt.retries)]
            continue
        if first_failed > 0:
            pending.insert(0, Attempt(left, attempt.retries))
            continue
        if policy.max_attempts is not None and attempt.retries >= policy.max_attempts:
            give_up(attempt)
            continue
        if not pause(attempt.retries + 1):
            return
        pending.insert(0, Attempt(left, attempt.retries + 1))
