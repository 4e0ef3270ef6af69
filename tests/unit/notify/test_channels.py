import json
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook as Receiver

from bakeoff_core.clock import utc_now
from bakeoff_core.notifications import Notification
from channels import Channels, secret_reader
from hooks import Refused, TryAgain
from tests.support import NOON

SECRET = "A" * 32
SUBJECT = "checkout: implement b & celebrate <now>"


class Client:
    """Keeps the arguments of the calls that are made."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __getattr__(self, _name: str) -> Any:
        def call(**arguments: Any) -> dict[str, Any]:
            self.calls.append(arguments)
            return {}

        return call


class Setting:
    def __init__(self, **changes: Any) -> None:
        self.sns, self.ses = Client(), Client()
        self.requests: list[tuple[str, bytes, Mapping[str, str]]] = []
        secrets = {"signing": SECRET, "hook": " https://hook.example/from-secret\n", "bad": "http://hook.example/"}
        fields: dict[str, Any] = {
            "sns": self.sns,
            "ses": self.ses,
            "post": lambda *request: self.requests.append(request),
            "read_secret": secrets.__getitem__,
            "clock": utc_now,
            "public_url": "https://bakeoff.example/",
            "email_sender": "bakeoff@example.com",
            "signing_secret": "signing",
        }
        self.channels = Channels(**(fields | changes))

    def send(self, recipient: dict[str, str], **changes: Any) -> None:
        document = {
            "id": "notice-1",
            "kind": "report",
            "experiment": "checkout",
            "subject": SUBJECT,
            "text": "b is better: 1 < 2.\n\nGrüße",
            "link": "/dashboard",
            "figures": {"difference": 0.1},
            "recipients": [recipient],
            "created_at": NOON,
        }
        notification = Notification.model_validate(document | changes)
        self.channels.send(notification, notification.recipients[0])


def test_a_topic_gets_a_subject_of_ascii_and_the_whole_text() -> None:
    setting = Setting()
    arn = "arn:aws:sns:us-east-1:123456789012:alerts"
    setting.send({"type": "sns", "topic_arn": arn}, subject="Größe\tb")
    assert setting.sns.calls == [
        {
            "TopicArn": arn,
            "Subject": "Gr??e b",
            "Message": "b is better: 1 < 2.\n\nGrüße\n\nhttps://bakeoff.example/dashboard",
            "MessageAttributes": {
                "kind": {"DataType": "String", "StringValue": "report"},
                "experiment": {"DataType": "String", "StringValue": "checkout"},
            },
        }
    ]


def test_a_mailbox_gets_text_and_a_page_in_which_nothing_is_markup() -> None:
    setting = Setting()
    setting.send({"type": "email", "address": "team@example.com"}, text="<script>alert(1)</script>\nand\n\nmore")
    (call,) = setting.ses.calls
    assert call["FromEmailAddress"] == "bakeoff@example.com"
    assert call["Destination"] == {"ToAddresses": ["team@example.com"]}
    contents = call["Content"]["Simple"]
    assert contents["Subject"]["Data"] == SUBJECT
    assert contents["Body"]["Text"]["Data"] == (
        "<script>alert(1)</script>\nand\n\nmore\n\nhttps://bakeoff.example/dashboard"
    )
    assert contents["Body"]["Html"]["Data"] == (
        "<p>&lt;script&gt;alert(1)&lt;/script&gt;<br>and</p><p>more</p>"
        '<p><a href="https://bakeoff.example/dashboard">https://bakeoff.example/dashboard</a></p>'
    )


def test_without_a_sender_there_is_no_email() -> None:
    with pytest.raises(Refused, match="no sender"):
        Setting(email_sender="").send({"type": "email", "address": "team@example.com"})


def test_slack_gets_blocks_in_which_nothing_is_a_mention_or_a_link() -> None:
    setting = Setting()
    setting.send({"type": "slack", "url": "https://hooks.slack.com/x"}, text="<!channel> & <https://evil.example|x>")
    ((url, body, headers),) = setting.requests
    assert (url, headers["Content-Type"]) == ("https://hooks.slack.com/x", "application/json")
    message = json.loads(body)
    assert [block["text"]["text"] for block in message["blocks"]] == [
        "*checkout: implement b &amp; celebrate &lt;now&gt;*",
        "&lt;!channel&gt; &amp; &lt;https://evil.example|x&gt;",
        "<https://bakeoff.example/dashboard|Read more>",
    ]
    assert message["text"] == "checkout: implement b &amp; celebrate &lt;now&gt;"


@given(st.text("a&<>", min_size=2_000, max_size=4_000))
def test_slack_gets_no_more_than_it_takes_and_no_half_entity(text: str) -> None:
    setting = Setting()
    setting.send({"type": "slack", "url": "https://hooks.slack.com/x"}, text=text)
    block = json.loads(setting.requests[0][1])["blocks"][1]["text"]["text"]
    assert len(block) <= 3_000
    whole = block.removesuffix("…").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    assert text.startswith(whole)


def test_a_webhook_gets_signed_json() -> None:
    setting = Setting()
    setting.send({"type": "webhook", "url": "https://hook.example/in"})
    ((url, body, headers),) = setting.requests
    assert url == "https://hook.example/in"
    assert headers["webhook-id"] == "notice-1"
    assert Receiver(SECRET).verify(body, dict(headers)) == {
        "type": "bakeoff.report",
        "timestamp": "2026-03-01T12:00:00.000000Z",
        "data": {
            "id": "notice-1",
            "experiment": "checkout",
            "subject": SUBJECT,
            "text": "b is better: 1 < 2.\n\nGrüße",
            "figures": {"difference": 0.1},
            "link": "https://bakeoff.example/dashboard",
        },
    }


def test_a_url_may_be_kept_as_a_secret() -> None:
    setting = Setting()
    setting.send({"type": "webhook", "secret_name": "hook"})
    setting.send({"type": "slack", "secret_name": "hook"})
    assert [url for url, *_ in setting.requests] == ["https://hook.example/from-secret"] * 2
    with pytest.raises(Refused, match="holds no URL"):
        setting.send({"type": "webhook", "secret_name": "bad"})


def test_a_link_elsewhere_stays_as_it_is() -> None:
    setting = Setting()
    setting.send({"type": "webhook", "url": "https://hook.example/"}, link="https://elsewhere.example/a")
    setting.send({"type": "webhook", "url": "https://hook.example/"}, link=None)
    links = [json.loads(body)["data"]["link"] for _, body, _ in setting.requests]
    assert links == ["https://elsewhere.example/a", None]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ResourceNotFoundException", 400, Refused),
        ("AccessDeniedException", 400, Refused),
        ("ThrottlingException", 400, TryAgain),
        ("InternalServiceError", 500, TryAgain),
    ],
)
def test_what_aws_says_decides_whether_to_try_again(code: str, status: int, error: type[Exception]) -> None:
    config = Config(retries={"total_max_attempts": 1})
    client = boto3.client(
        "secretsmanager", "us-east-1", config=config, aws_access_key_id="a", aws_secret_access_key="b"
    )
    with Stubber(client) as stubber:
        stubber.add_client_error("get_secret_value", code, http_status_code=status)
        with pytest.raises(error, match=code):
            secret_reader(client)("name")


def test_a_secret_must_be_configured() -> None:
    with pytest.raises(Refused, match="no secret is configured"):
        secret_reader(None)("")
