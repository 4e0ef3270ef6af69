from collections import Counter
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff_core.experiments.recipients import Recipient
from bakeoff_core.notifications import Notification
from bakeoff_core.stores.sent_notices import InMemorySentNotices
from hooks import Refused, TryAgain
from notifier import Notifier, Observer, message_key
from tests.support import NOON, SettableClock

PEOPLE = [{"type": "email", "address": f"{name}@example.com"} for name in "abc"]


def notice(*recipients: dict[str, str], **changes: Any) -> Notification:
    document = {
        "id": "notice-1",
        "kind": "report",
        "experiment": "checkout",
        "subject": "checkout",
        "text": "text",
        "recipients": recipients or PEOPLE,
        "created_at": NOON,
    }
    return Notification.model_validate(document | changes)


class Sender:
    """Sends to a list, after the failures that it was given for an address."""

    def __init__(self, **failures: list[Exception]) -> None:
        self.failures = failures
        self.sent: Counter[str] = Counter()

    def send(self, notification: Notification, recipient: Recipient) -> None:
        name = recipient.model_dump()["address"][0]
        if self.failures.get(name):
            raise self.failures[name].pop(0)
        self.sent[f"{notification.id} {name}"] += 1


class Told:
    """Writes down what a notifier says."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.observer = Observer(
            sent=lambda _notice, recipient: self.lines.append(f"sent {self.name(recipient)}"),
            refused=lambda _notice, recipient, why: self.lines.append(f"refused {self.name(recipient)}: {why}"),
            failed=lambda _notice, recipient, why: self.lines.append(f"failed {self.name(recipient)}: {why}"),
        )

    @staticmethod
    def name(recipient: Recipient) -> str:
        return str(recipient.model_dump()["address"][0])


class Setting:
    def __init__(self, sender: Sender) -> None:
        self.sent = InMemorySentNotices()
        self.clock = SettableClock()
        self.told = Told()
        self.pauses: list[float] = []
        self.notifier = Notifier(sender, self.sent, self.clock, self.pauses.append, self.told.observer)


def test_everybody_is_told_once_however_often_a_notice_comes() -> None:
    sender = Sender()
    setting = Setting(sender)
    assert setting.notifier.notify(notice())
    assert setting.notifier.notify(notice())
    assert sender.sent == {"notice-1 a": 1, "notice-1 b": 1, "notice-1 c": 1}
    assert sorted(setting.told.lines) == ["sent a", "sent b", "sent c"]


def test_another_notice_is_another_matter() -> None:
    sender = Sender()
    setting = Setting(sender)
    setting.notifier.notify(notice(PEOPLE[0]))
    setting.notifier.notify(notice(PEOPLE[0], id="notice-2"))
    assert sender.sent == {"notice-1 a": 1, "notice-2 a": 1}


def test_a_short_failure_is_waited_out() -> None:
    sender = Sender(b=[TryAgain("busy"), TryAgain("busy")])
    setting = Setting(sender)
    assert setting.notifier.notify(notice())
    assert setting.pauses == [0.5, 2.0]
    assert sender.sent["notice-1 b"] == 1


def test_after_a_long_failure_only_those_that_missed_it_are_told() -> None:
    sender = Sender(b=[TryAgain("busy")] * 3)
    setting = Setting(sender)
    assert not setting.notifier.notify(notice())
    assert sorted(setting.told.lines) == ["failed b: busy", "sent a", "sent c"]
    assert setting.notifier.notify(notice())
    assert sender.sent == {"notice-1 a": 1, "notice-1 b": 1, "notice-1 c": 1}


def test_what_can_never_be_sent_is_given_up_and_said() -> None:
    sender = Sender(b=[Refused("no such mailbox")])
    setting = Setting(sender)
    assert setting.notifier.notify(notice())
    assert setting.notifier.notify(notice())
    assert sorted(setting.told.lines) == ["refused b: no such mailbox", "sent a", "sent c"]
    assert setting.pauses == []
    assert sender.sent == {"notice-1 a": 1, "notice-1 c": 1}


def test_what_another_run_is_sending_has_to_come_again() -> None:
    sender = Sender()
    setting = Setting(sender)
    only = notice(PEOPLE[0])
    setting.sent.claim(message_key(only.id, only.recipients[0]), NOON, timedelta(seconds=60))
    assert not setting.notifier.notify(only)
    assert not sender.sent
    setting.clock.advance(60)  # the other run never came back
    assert setting.notifier.notify(only)
    assert sender.sent == {"notice-1 a": 1}


def test_a_crash_while_sending_leaves_the_claim_to_its_lease() -> None:
    sender = Sender(a=[RuntimeError("killed")])
    setting = Setting(sender)
    with pytest.raises(RuntimeError, match="killed"):
        setting.notifier.notify(notice(PEOPLE[0]))
    assert not setting.notifier.notify(notice(PEOPLE[0]))
    setting.clock.advance(60)
    assert setting.notifier.notify(notice(PEOPLE[0]))
    assert sender.sent == {"notice-1 a": 1}


def test_nobody_waits_for_another_recipient() -> None:
    together = Barrier(3, timeout=10)

    class Meeting(Sender):
        def send(self, notification: Notification, recipient: Recipient) -> None:
            together.wait()  # breaks unless all three are being told at once
            super().send(notification, recipient)

    sender = Meeting()
    assert Setting(sender).notifier.notify(notice())
    assert sum(sender.sent.values()) == 3


@given(
    st.lists(
        st.tuples(st.sampled_from(["notice-1", "notice-2"]), st.lists(st.integers(0, 4), min_size=3, max_size=3)),
        max_size=8,
    )
)
def test_no_order_of_failures_tells_anybody_twice(arrivals: list[tuple[str, list[int]]]) -> None:
    sender = Sender()
    setting = Setting(sender)
    settled: set[str] = set()
    for notice_id, failures in arrivals:
        sender.failures = {name: [TryAgain("busy")] * count for name, count in zip("abc", failures, strict=True)}
        if setting.notifier.notify(notice(id=notice_id)):
            settled.add(notice_id)
    assert set(sender.sent.values()) <= {1}
    for notice_id in settled:
        assert {f"{notice_id} {name}" for name in "abc"} <= set(sender.sent)
