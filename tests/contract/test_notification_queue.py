from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.notifications import Notification
from bakeoff_core.stores.notifications import InMemoryNotificationQueue, NotificationQueue, SqsNotificationQueue
from tests.support import NOON

Received = Callable[[], list[Notification]]


def notice(number: int = 1, **changes: Any) -> Notification:
    document = {
        "id": f"notice-{number}",
        "kind": "report",
        "experiment": "checkout",
        "subject": "checkout: implement b",
        "text": "b is better.\n\nGrüße",
        "link": "/ab_test/experiments/checkout/reports/latest/executive.html",
        "figures": {"difference": 0.1},
        "recipients": [{"type": "email", "address": "team@example.com"}],
        "created_at": NOON,
    }
    return Notification.model_validate(document | changes)


@pytest.fixture(params=["memory", "sqs"])
def queue(request: pytest.FixtureRequest) -> tuple[NotificationQueue, Received]:
    if request.param == "memory":
        kept = InMemoryNotificationQueue()
        return kept, lambda: kept.notifications
    request.getfixturevalue("aws")
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="notices")["QueueUrl"]

    def received() -> list[Notification]:
        found: list[Notification] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [Notification.model_validate_json(message["Body"]) for message in messages]
        return found

    return SqsNotificationQueue(sqs, url), received


def test_takes_notices_whole(queue: tuple[NotificationQueue, Received]) -> None:
    sender, received = queue
    sender.send([notice()])
    assert received() == [notice()]


def test_takes_more_than_a_message_batch_holds(queue: tuple[NotificationQueue, Received]) -> None:
    sender, received = queue
    notices = [notice(number, text="x" * 40_000) for number in range(25)]
    sender.send(notices)
    assert sorted(each.id for each in received()) == sorted(each.id for each in notices)


def test_a_notice_to_nobody_goes_nowhere(queue: tuple[NotificationQueue, Received]) -> None:
    sender, received = queue
    sender.send([notice(recipients=[]), notice(2)])
    assert [each.id for each in received()] == ["notice-2"]


def test_a_message_that_the_queue_refuses_is_said(aws: None) -> None:
    sqs = boto3.client("sqs")
    with Stubber(sqs) as stubber:
        failed = [{"Id": "0", "SenderFault": False, "Code": "InternalError"}]
        stubber.add_response("send_message_batch", {"Successful": [], "Failed": failed})
        with pytest.raises(DependencyUnavailable, match="notification queue"):
            SqsNotificationQueue(sqs, "https://queue.example").send([notice()])


def test_a_queue_that_is_gone_is_said(aws: None) -> None:
    queue = SqsNotificationQueue(boto3.client("sqs"), "https://sqs.us-east-1.amazonaws.com/123456789012/none")
    with pytest.raises(DependencyUnavailable):
        queue.send([notice()])
