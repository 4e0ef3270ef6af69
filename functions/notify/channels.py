"""How a notice reaches each kind of recipient."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from bakeoff_core.clock import Clock, rfc3339
from bakeoff_core.experiments.recipients import Email, Recipient, Slack, Topic, Webhook, checked_url
from bakeoff_core.notifications import Notification
from hooks import Refused, TryAgain
from signing import signed_headers

Post: TypeAlias = Callable[[str, bytes, Mapping[str, str]], None]
Secrets: TypeAlias = Callable[[str], str]
"""Reads the secret of a name. Raises Refused or TryAgain."""

USER_AGENT = "Bakeoff"
_JSON = "application/json"
_LONGEST_SLACK_TEXT = 2_900
_PART_OF_AN_ENTITY = re.compile(r"&[a-z]{0,3}$")
_THROTTLED = frozenset(
    {
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "LimitExceededException",
    }
)
_CALLERS_FAULT = range(400, 500)


@dataclass(frozen=True, slots=True)
class Channels:
    """The ways to send a notice.

    Attributes:
        sns: A boto3 SNS client.
        ses: A boto3 SES v2 client.
        post: Posts a body with headers to a URL. Raises Refused or TryAgain.
        read_secret: Reads a secret by its name.
        clock: The time.
        public_url: What links within the API begin with.
        email_sender: The verified address that e-mail comes from; without one there is no e-mail.
        signing_secret: Name of the secret that webhooks are signed with.
    """

    sns: Any
    ses: Any
    post: Post
    read_secret: Secrets
    clock: Clock
    public_url: str
    email_sender: str
    signing_secret: str

    def send(self, notification: Notification, recipient: Recipient) -> None:
        """Send a notice to one recipient.

        Raises:
            Refused: It cannot be sent, now or later.
            TryAgain: It was not taken this time.
        """
        match recipient:
            case Topic():
                self._publish(notification, recipient)
            case Email():
                self._mail(notification, recipient)
            case Slack():
                self._post_to_slack(notification, recipient)
            case Webhook():
                self._post_signed(notification, recipient)

    def _publish(self, notification: Notification, topic: Topic) -> None:
        # SNS takes subjects of printable ASCII only.
        subject = notification.subject.encode("ascii", "replace").decode()
        _ask_aws(
            self.sns.publish,
            TopicArn=topic.topic_arn,
            Subject="".join(each if each.isprintable() else " " for each in subject),
            Message=self._plain(notification),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in (("kind", notification.kind), ("experiment", notification.experiment))
            },
        )

    def _mail(self, notification: Notification, email: Email) -> None:
        if not self.email_sender:
            raise Refused("no sender of e-mail is configured")
        contents = {
            "Subject": _text(notification.subject),
            "Body": {"Text": _text(self._plain(notification)), "Html": _text(self._page(notification))},
        }
        _ask_aws(
            self.ses.send_email,
            FromEmailAddress=self.email_sender,
            Destination={"ToAddresses": [email.address]},
            Content={"Simple": contents},
        )

    def _post_to_slack(self, notification: Notification, slack: Slack) -> None:
        subject, text = _slack_text(notification.subject), _slack_text(notification.text)
        blocks: list[dict[str, Any]] = [
            {"type": "section", "text": {"type": "mrkdwn", "text": f"*{subject}*"}},
            {"type": "section", "text": {"type": "mrkdwn", "text": text}},
        ]
        link = self._link(notification)
        if link is not None:
            blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"<{_slack_text(link)}|Read more>"}})
        body = json.dumps({"text": subject, "blocks": blocks}).encode()
        self.post(self._url(slack), body, {"Content-Type": _JSON, "User-Agent": USER_AGENT})

    def _post_signed(self, notification: Notification, webhook: Webhook) -> None:
        document = notification.model_dump(mode="json", exclude={"recipients", "link", "kind", "created_at"})
        body = json.dumps(
            {
                # The three fields that Standard Webhooks recommends.
                "type": f"bakeoff.{notification.kind}",
                "timestamp": rfc3339(notification.created_at),
                "data": {**document, "link": self._link(notification)},
            }
        ).encode()
        secret = self.read_secret(self.signing_secret)
        headers = signed_headers(secret, notification.id, self.clock(), body)
        self.post(self._url(webhook), body, {"Content-Type": _JSON, "User-Agent": USER_AGENT, **headers})

    def _url(self, hook: Slack | Webhook) -> str:
        if hook.url is not None:
            return hook.url
        url = self.read_secret(hook.secret_name or "").strip()
        try:
            return checked_url(url)
        except ValueError:
            raise Refused(f"the secret {hook.secret_name} holds no URL that begins with https://") from None

    def _link(self, notification: Notification) -> str | None:
        link = notification.link
        return f"{self.public_url.rstrip('/')}{link}" if link is not None and link.startswith("/") else link

    def _plain(self, notification: Notification) -> str:
        link = self._link(notification)
        return notification.text if link is None else f"{notification.text}\n\n{link}"

    def _page(self, notification: Notification) -> str:
        paragraphs = [f"<p>{escape(part)}</p>".replace("\n", "<br>") for part in notification.text.split("\n\n")]
        link = self._link(notification)
        if link is not None:
            paragraphs.append(f'<p><a href="{escape(link)}">{escape(link)}</a></p>')
        return "".join(paragraphs)


def secret_reader(client: Any) -> Secrets:
    """Make what reads secrets.

    Args:
        client: A boto3 Secrets Manager client.
    """

    def read(name: str) -> str:
        if not name:
            raise Refused("no secret is configured")
        return str(_ask_aws(client.get_secret_value, SecretId=name)["SecretString"])

    return read


def _ask_aws(call: Callable[..., Mapping[str, Any]], **arguments: Any) -> Mapping[str, Any]:
    try:
        return call(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        lasting = status in _CALLERS_FAULT and code not in _THROTTLED
        raise (Refused if lasting else TryAgain)(code) from error
    except BotoCoreError as error:
        raise TryAgain(type(error).__name__) from error


def _text(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}


def _slack_text(text: str) -> str:
    escaped = escape(text, quote=False)
    if len(escaped) <= _LONGEST_SLACK_TEXT:
        return escaped
    return _PART_OF_AN_ENTITY.sub("", escaped[:_LONGEST_SLACK_TEXT]) + "…"
