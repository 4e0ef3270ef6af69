"""Whom a deployment can tell: recipients that could never be reached are refused when they are written down."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from bakeoff_core.errors import FieldError
from bakeoff_core.experiments.model import ExperimentDefinition
from bakeoff_core.experiments.recipients import Email, Recipient, Recipients, Topic
from bakeoff_core.networks import Network, may_be_posted_to


@dataclass(frozen=True, slots=True)
class Reach:
    """What stands between a deployment and recipients.

    Attributes:
        email: Whether it has a sender of e-mail.
        topics: The SNS topics that it may publish to.
        secrets: The secrets that it may read, by ARN.
        networks: The private networks that webhooks may be in. A host with a name is looked up when there is something
            to send.
    """

    email: bool = True
    topics: frozenset[str] | None = None
    secrets: frozenset[str] | None = None
    networks: tuple[Network, ...] | None = None

    def errors(self, definition: ExperimentDefinition) -> Iterator[FieldError]:
        """Name every recipient of an experiment that cannot be reached, and say why."""
        parts = {"schedule": definition.schedule, "alert_rules": definition.alert_rules}
        for name, part in parts.items():
            recipients: Recipients = () if part is None else part.recipients
            for index, recipient in enumerate(recipients):
                if refusal := self._refusal(recipient):
                    yield FieldError(f"{name}.recipients[{index}].{refusal[0]}", refusal[1])

    def _refusal(self, recipient: Recipient) -> tuple[str, str] | None:
        match recipient:
            case Email() if not self.email:
                return "address", "cannot be reached: the stack has no EmailSender"
            case Email():
                return None
            case Topic():
                known = self.topics is None or recipient.topic_arn in self.topics
                return None if known else ("topic_arn", "is none of the stack's NotificationTopicArns")
            case _ if recipient.url is not None:
                known = self.networks is None or _leads_out(recipient.url, self.networks)
                return None if known else ("url", "is an address of a private network, and of none of WebhookNetworks")
            case _:
                name = recipient.secret_name
                known = name is None or self.secrets is None or name in {*map(_name_of, self.secrets), *self.secrets}
                return None if known else ("secret_name", "is none of the stack's NotificationSecretArns")


def _leads_out(url: str, networks: Sequence[Network]) -> bool:
    parts = urlsplit(url)
    try:
        address = ip_address(parts.hostname or "")
    except ValueError:
        return True  # a name, which is looked up when there is something to send
    return may_be_posted_to(address, parts.scheme, networks)


def _name_of(secret_arn: str) -> str:
    # Secrets Manager adds a hyphen and six characters to the name.
    return secret_arn.split(":", 6)[-1].rpartition("-")[0]
