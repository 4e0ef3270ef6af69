"""The queue of notices that are to be sent."""

from collections.abc import Sequence
from typing import Any, Protocol

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.notifications import Notification
from bakeoff_core.stores.aws import aws_failures

_WHAT = "the notification queue"
_MOST_MESSAGES = 10
_MOST_BYTES = 256 * 1024


class NotificationQueue(Protocol):
    """Takes notices. Every implementation passes tests/contract/test_notification_queue.py."""

    def send(self, notifications: Sequence[Notification]) -> None:
        """Hand notices over; those without recipients go nowhere.

        A notice may be handed over again: its id tells that it is the same.

        Raises:
            DependencyUnavailable: The queue did not take all of them.
        """
        ...


class InMemoryNotificationQueue:
    """Notices in a list."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []

    def send(self, notifications: Sequence[Notification]) -> None:
        """Keep the notices."""
        self.notifications += [notification for notification in notifications if notification.recipients]


class SqsNotificationQueue:
    """An SQS queue with one notice a message.

    Args:
        client: A boto3 SQS client.
        queue_url: The queue's URL.
    """

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, notifications: Sequence[Notification]) -> None:
        """Send a message for each notice."""
        bodies = [notification.model_dump_json() for notification in notifications if notification.recipients]
        for batch in _batches(bodies):
            entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(batch)]
            with aws_failures(_WHAT):
                answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            if answer.get("Failed"):
                raise DependencyUnavailable(_WHAT)


def _batches(bodies: Sequence[str]) -> list[list[str]]:
    batches: list[list[str]] = []
    room = 0
    for body in bodies:
        size = len(body.encode())
        if not batches or len(batches[-1]) == _MOST_MESSAGES or size > room:
            batches.append([])
            room = _MOST_BYTES
        batches[-1].append(body)
        room -= size
    return batches
