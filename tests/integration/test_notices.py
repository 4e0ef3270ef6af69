"""Notices from the queue to whom they are for, on moto and a real receiver of webhooks."""

import json
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.ses.models import ses_backends
from standardwebhooks.webhooks import Webhook

from bakeoff_core.clock import utc_now
from bakeoff_core.notifications import Notification
from bakeoff_core.stores.aws import table
from bakeoff_core.stores.notifications import SqsNotificationQueue
from bakeoff_core.stores.sent_notices import DynamoSentNotices
from channels import Channels, secret_reader
from hooks import Poster
from notifier import Notifier, Observer
from notify import notify
from tests.aws import create_table, serialise_moto
from tests.receiver import Receiver, receiving

SECRET = "C2FVsBQIhrscChlQIMVb5sSYspob7oDa"
REGION = "us-east-1"
ACCOUNT = "123456789012"  # moto's


class World:
    """A queue of notices, and everybody who may be told."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.sqs, self.sns = boto3.client("sqs"), boto3.client("sns")
        self.queue_url = self.sqs.create_queue(QueueName="notices")["QueueUrl"]
        self.inbox_url = self.sqs.create_queue(QueueName="inbox")["QueueUrl"]
        self.topic = self.sns.create_topic(Name="alerts")["TopicArn"]
        inbox = self.sqs.get_queue_attributes(QueueUrl=self.inbox_url, AttributeNames=["QueueArn"])["Attributes"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=inbox["QueueArn"])
        boto3.client("ses").verify_email_identity(EmailAddress="bakeoff@example.com")
        secrets = boto3.client("secretsmanager")
        secrets.create_secret(Name="signing", SecretString=SECRET)
        secrets.create_secret(Name="hook", SecretString=f"{receiver.url}/secret")
        create_table("notices", "key")
        self.refused: list[str] = []
        channels = Channels(
            sns=self.sns,
            ses=boto3.client("sesv2"),
            post=Poster(5, (ip_network("127.0.0.0/8"),)).post,
            read_secret=secret_reader(secrets),
            clock=utc_now,
            public_url="https://bakeoff.example",
            email_sender="bakeoff@example.com",
            signing_secret="signing",
        )
        observer = Observer(
            sent=lambda *_: None,
            refused=lambda _notice, recipient, why: self.refused.append(f"{recipient.type}: {why}"),
            failed=lambda *_: None,
        )
        sent = DynamoSentNotices(table("notices"))
        self.notifier = Notifier(channels, sent, utc_now, lambda _seconds: None, observer)

    def recipients(self) -> list[dict[str, str]]:
        return [
            {"type": "sns", "topic_arn": self.topic},
            {"type": "email", "address": "team@example.com"},
            {"type": "slack", "url": f"{self.receiver.url}/slack"},
            {"type": "webhook", "url": f"{self.receiver.url}/webhook"},
            {"type": "webhook", "secret_name": "hook"},
        ]

    def send(self, recipients: list[dict[str, str]], notice_id: str = "n1") -> None:
        notice = Notification.model_validate(
            {
                "id": notice_id,
                "kind": "alert_opened",
                "experiment": "checkout",
                "subject": "checkout: SAMPLE_RATIO_MISMATCH",
                "text": "The groups' sizes contradict the weights.",
                "link": "/dashboard",
                "recipients": recipients,
                "created_at": utc_now(),
            }
        )
        SqsNotificationQueue(self.sqs, self.queue_url).send([notice])

    def work(self) -> int:
        """Hand every waiting message to the function, and delete what it took; return how many come again."""
        again = 0
        while messages := self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            records = [{"messageId": message["MessageId"], "body": message["Body"]} for message in messages]
            failures = {
                each["itemIdentifier"] for each in notify({"Records": records}, self.notifier)["batchItemFailures"]
            }
            for message in messages:
                if message["MessageId"] not in failures:
                    self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
            again += len(failures)
        return again

    def published(self) -> list[dict[str, Any]]:
        messages = self.sqs.receive_message(QueueUrl=self.inbox_url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    serialise_moto(monkeypatch)
    with mock_aws(), receiving() as receiver:
        yield World(receiver)


def test_everybody_is_told_once(world: World) -> None:
    world.send(world.recipients())
    world.send(world.recipients())  # as after a crash of whoever sent it
    assert world.work() == 0

    (published,) = world.published()
    assert published["Subject"] == "checkout: SAMPLE_RATIO_MISMATCH"
    assert published["Message"].endswith("https://bakeoff.example/dashboard")
    (mail,) = ses_backends[ACCOUNT][REGION].sent_messages
    assert mail.destinations["ToAddresses"] == ["team@example.com"]
    requests = {request.path: request for request in world.receiver.requests}
    assert sorted(requests) == ["/secret", "/slack", "/webhook"]
    assert len(world.receiver.requests) == 3
    signed = requests["/webhook"]
    assert Webhook(SECRET).verify(signed.body, signed.headers)["data"]["experiment"] == "checkout"
    assert world.refused == []


def test_only_who_could_not_be_told_is_told_when_it_comes_again(world: World) -> None:
    world.receiver.statuses["/webhook"] = 503
    world.send(world.recipients())
    assert world.work() == 1
    world.receiver.statuses.clear()
    world.send(world.recipients())  # the queue's redelivery
    assert world.work() == 0
    paths = [request.path for request in world.receiver.requests]
    assert (paths.count("/webhook"), paths.count("/slack"), paths.count("/secret")) == (4, 1, 1)
    assert len(world.published()) == 1


def test_a_recipient_who_can_never_be_told_stops_nobody(world: World) -> None:
    world.receiver.statuses["/webhook"] = 410
    elsewhere = {"type": "sns", "topic_arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:none"}
    world.send([elsewhere, {"type": "webhook", "url": "https://169.254.169.254/latest"}, *world.recipients()])
    assert world.work() == 0
    assert sorted(each.split(":")[0] for each in world.refused) == ["sns", "webhook", "webhook"]
    assert len(world.published()) == 1


def test_a_message_that_is_no_notice_comes_again_until_it_is_a_dead_letter(world: World) -> None:
    world.sqs.send_message(QueueUrl=world.queue_url, MessageBody='{"id": "n1"}')
    world.send(world.recipients()[:1])
    assert world.work() == 1
    assert len(world.published()) == 1


def test_a_table_that_does_not_answer_sends_nothing_and_comes_again(world: World) -> None:
    boto3.client("dynamodb").delete_table(TableName="notices")
    world.send(world.recipients())
    assert world.work() == 1
    assert world.published() == []
    assert world.receiver.requests == []
