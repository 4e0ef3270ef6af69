"""Lambda entry point: notices from their queue to topics, mailboxes, Slack and webhooks (SQS)."""

from bakeoff_core.startup import end_startup

import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from bakeoff_core.batches import named_records
from bakeoff_core.clock import utc_now
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.experiments.recipients import Recipient
from bakeoff_core.notifications import Notification
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import client, table
from bakeoff_core.stores.sent_notices import DynamoSentNotices
from bakeoff_core.telemetry import count, logger
from bakeoff_core.validation import field_errors
from channels import Channels, secret_reader
from hooks import Poster
from notifier import Notifier, Observer

_SECONDS_AN_ATTEMPT = 5


def notify(event: Mapping[str, Any], notifier: Notifier) -> dict[str, Any]:
    """Send the notices of a batch, and say which of them must come again.

    Args:
        event: An SQS event.
        notifier: Sends them.

    Returns:
        A partial-batch response.
    """
    failures = [name for record, name in named_records(event) if not _sent(record.get("body"), notifier)]
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failures]}


def _sent(body: object, notifier: Notifier) -> bool:
    try:
        return notifier.notify(Notification.model_validate_json(body if isinstance(body, str) else ""))
    except ValidationError as error:
        # It comes again until it lies among the dead letters, where somebody can look at it.
        logger.error("notice not understood", errors=[str(each) for each in field_errors(error)])
    except DependencyUnavailable:
        logger.exception("notice not sent")
    return False


def _on_sent(notification: Notification, recipient: Recipient) -> None:
    logger.info("notice sent", extra=_described(notification, recipient))
    count("notification_sent_total", channel=recipient.type)


def _on_refused(notification: Notification, recipient: Recipient, reason: str) -> None:
    logger.error("notice refused", extra={"reason": reason, **_described(notification, recipient)})
    count("notification_failed_total", channel=recipient.type)


def _on_failed(notification: Notification, recipient: Recipient, reason: str) -> None:
    logger.warning("notice not taken", extra={"reason": reason, **_described(notification, recipient)})
    count("notification_retried_total", channel=recipient.type)


def _described(notification: Notification, recipient: Recipient) -> dict[str, str]:
    # An address is personal data, and the URL of a webhook is as good as a password.
    return {
        "notice_id": notification.id,
        "kind": notification.kind,
        "experiment": notification.experiment,
        "channel": recipient.type,
    }


def _build_notifier(settings: Settings) -> Notifier:
    channels = Channels(
        sns=client("sns"),
        ses=client("sesv2"),
        post=Poster(_SECONDS_AN_ATTEMPT, settings.webhook_networks).post,
        read_secret=secret_reader(client("secretsmanager")),
        clock=utc_now,
        public_url=settings.public_url,
        email_sender=settings.email_sender,
        signing_secret=settings.webhook_secret,
    )
    return Notifier(
        channels,
        DynamoSentNotices(table(settings.notifications_table)),
        utc_now,
        time.sleep,
        Observer(_on_sent, _on_refused, _on_failed),
    )


_notifier = _build_notifier(Settings.from_environment())
end_startup()


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Send the notices of a batch."""
    return notify(event, _notifier)
