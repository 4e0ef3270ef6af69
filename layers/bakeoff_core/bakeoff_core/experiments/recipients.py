"""Who is told of reports and alerts, and how they are reached."""

import re
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from bakeoff_core.experiments.document import Document

MOST_RECIPIENTS = 20

_TOPIC = r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$"
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")
_SECRET_NAME = r"^[A-Za-z0-9/_+=.@-]{1,512}$"  # noqa: S105 - what a name looks like
_LONGEST_URL = 2_048


def _address(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise ValueError("must be one e-mail address, such as team@example.com")
    return address


def checked_url(url: str) -> str:
    """Check the form of a URL that messages are posted to.

    A host that is an address of a private network is refused when the message is sent, as is one whose name leads
    to such an address.

    Raises:
        ValueError: It is no URL with https and a host, or it holds a user or a fragment.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("must be a URL that begins with https://")
    if parts.scheme == "http" and not _is_address(parts.hostname) and parts.hostname != "localhost":
        raise ValueError("must begin with https://; plain http is for addresses within one's own network")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("must hold no user, password or fragment")
    if any(ord(character) <= ord(" ") for character in url):
        raise ValueError("must hold no spaces")
    _ = parts.port  # raises ValueError where it is none
    return url


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


Url = Annotated[str, StringConstraints(max_length=_LONGEST_URL), AfterValidator(checked_url)]
SecretName = Annotated[str, StringConstraints(pattern=_SECRET_NAME)]


class _Hook(Document):
    """Something that is told by a request to its URL, which is written down here or kept as a secret."""

    url: Url | None = None
    secret_name: SecretName | None = None

    @model_validator(mode="after")
    def _reached_in_one_way(self) -> Self:
        if (self.url is None) == (self.secret_name is None):
            raise ValueError("exactly one of url and secret_name must be given")
        return self


class Topic(Document):
    """An SNS topic."""

    type: Literal["sns"]
    topic_arn: Annotated[str, StringConstraints(pattern=_TOPIC)]


class Email(Document):
    """A mailbox, reached by SES."""

    type: Literal["email"]
    address: Annotated[str, StringConstraints(max_length=254), AfterValidator(_address)]


class Slack(_Hook):
    """A channel of Slack, reached by its incoming webhook.

    Attributes:
        url: The webhook. Whoever may read the experiment sees it, and can post with it.
        secret_name: Or the name of the secret in Secrets Manager whose text is the URL.
    """

    type: Literal["slack"]


class Webhook(_Hook):
    """A service of one's own, which gets the notice as signed JSON.

    Attributes:
        url: Where it listens.
        secret_name: Or the name of the secret in Secrets Manager whose text is the URL.
    """

    type: Literal["webhook"]


Recipient = Annotated[Topic | Email | Slack | Webhook, Field(discriminator="type")]
Recipients = Annotated[tuple[Recipient, ...], Field(max_length=MOST_RECIPIENTS)]
