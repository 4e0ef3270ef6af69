"""Notices on their way: each recipient is told once, and those that cannot be told hold nobody else up."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import blake2b
from typing import Protocol

from bakeoff_core.clock import Clock
from bakeoff_core.experiments.recipients import Recipient
from bakeoff_core.notifications import Notification
from bakeoff_core.stores.sent_notices import SentNotices
from hooks import Refused, TryAgain


class Sender(Protocol):
    """Sends a notice to one recipient."""

    def send(self, notification: Notification, recipient: Recipient) -> None:
        """Send it. Raises hooks.Refused or hooks.TryAgain."""
        ...


@dataclass(frozen=True, slots=True)
class Observer:
    """What is told of every message.

    Attributes:
        sent: It was sent.
        refused: It cannot be sent, now or later, for the reason given.
        failed: It was not taken this time, for the reason given.
    """

    sent: Callable[[Notification, Recipient], None]
    refused: Callable[[Notification, Recipient, str], None]
    failed: Callable[[Notification, Recipient, str], None]


@dataclass(frozen=True, slots=True)
class Notifier:
    """Sends notices.

    Attributes:
        sender: Sends them.
        sent: Remembers what was sent.
        clock: The time.
        sleep: Waits for that many seconds.
        observer: Is told of every message.
        pauses: Seconds between the attempts that are made at once; later ones are the queue's.
        lease: Longest that all attempts at one message take.
    """

    sender: Sender
    sent: SentNotices
    clock: Clock
    sleep: Callable[[float], None]
    observer: Observer
    pauses: tuple[float, ...] = (0.5, 2.0)
    lease: timedelta = timedelta(seconds=60)

    def notify(self, notification: Notification) -> bool:
        """Send a notice to those of its recipients that did not get it yet.

        Returns:
            Whether all of them have it, or never will; otherwise it has to come again.

        Raises:
            DependencyUnavailable: It cannot be known what was sent.
        """
        if not notification.recipients:
            return True
        # One that keeps its sender waiting keeps no other recipient waiting.
        with ThreadPoolExecutor(len(notification.recipients)) as pool:
            told = list(pool.map(partial(self._tell, notification), notification.recipients))
        return all(told)

    def _tell(self, notification: Notification, recipient: Recipient) -> bool:
        key = message_key(notification.id, recipient)
        claim = self.sent.claim(key, self.clock(), self.lease)
        if claim != "claimed":
            return claim == "settled"
        try:
            self._send(notification, recipient)
        except Refused as error:
            self.observer.refused(notification, recipient, str(error))
        except TryAgain as error:
            self.sent.release(key)
            self.observer.failed(notification, recipient, str(error))
            return False
        else:
            self.observer.sent(notification, recipient)
        self.sent.settle(key, self.clock())
        return True

    def _send(self, notification: Notification, recipient: Recipient) -> None:
        for pause in self.pauses:
            try:
                return self.sender.send(notification, recipient)
            except TryAgain:
                self.sleep(pause)
        return self.sender.send(notification, recipient)


def message_key(notice_id: str, recipient: Recipient) -> str:
    """Make a key of a notice and one recipient, which tells nothing about the recipient."""
    document = json.dumps(recipient.model_dump(mode="json"), sort_keys=True)
    return f"{notice_id}#{blake2b(document.encode(), digest_size=16).hexdigest()}"
