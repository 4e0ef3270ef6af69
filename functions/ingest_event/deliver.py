"""Lambda entry point: from the stream, and the queues beside it, to files (Kinesis and SQS)."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bakeoff_core.clock import utc_now
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import client, table
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.tallies import DynamoTallyStore
from bakeoff_core.telemetry import count, logger, seconds, size
from delivery import Deliverer, Delivery, Record
from failed_batches import FailedBatches

_QUEUE = "fallback"

Entry = Mapping[str, Any]


def deliver(event: Mapping[str, Any], deliverer: Deliverer, failed_batches: FailedBatches) -> dict[str, Any]:
    """Deliver a batch and say which of its records must come again.

    Args:
        event: A Kinesis event, or an SQS event of the fallback queue or of the queue of failed batches.
        deliverer: Writes the records.
        failed_batches: Reads the batches that a message of the latter queue stands for.

    Returns:
        A partial-batch response. For Kinesis, Lambda goes back to the lowest sequence number in it.
    """
    entries: Sequence[Entry] = event["Records"]
    pointers = [entry for entry in entries if _is_pointer(entry)]
    direct = [_identified(entry) for entry in entries if not _is_pointer(entry)]
    failures = _deliver_direct(direct, deliverer)
    failures += [entry["messageId"] for entry in pointers if not _redeliver(entry["body"], deliverer, failed_batches)]
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failures]}


def _deliver_direct(identified: Sequence[tuple[str, Record]], deliverer: Deliverer) -> list[str]:
    if not identified:
        return []
    identifier_of = {id(record): identifier for identifier, record in identified}
    outcome = deliverer.deliver([record for _identifier, record in identified])
    _measure(outcome)
    return [identifier_of[id(record)] for record in outcome.failed]


def _redeliver(message: str, deliverer: Deliverer, failed_batches: FailedBatches) -> bool:
    try:
        for records in failed_batches.read(message):
            outcome = deliverer.deliver(records)
            _measure(outcome)
            if outcome.failed:
                return False
    except DependencyUnavailable:
        logger.exception("failed batch not read")
        return False
    return True


def _measure(outcome: Delivery) -> None:
    seconds("delivery_lag_seconds", outcome.lag.total_seconds())
    for name, value in (
        ("event_delivered_total", outcome.delivered),
        ("event_quarantined_total", outcome.quarantined),
        ("event_tallied_total", outcome.tallied),
        ("delivery_failed_total", len(outcome.failed)),
    ):
        if value:
            count(name, value)
    if outcome.written_bytes:
        size("delivery_bytes", outcome.written_bytes)


def _is_pointer(entry: Entry) -> bool:
    """Whether Lambda wrote this message when it gave a batch up; an event may hold the same words further inside."""
    if "kinesis" in entry or '"KinesisBatchInfo"' not in entry["body"]:
        return False
    try:
        document = json.loads(entry["body"])
    except ValueError:
        return False
    return isinstance(document, dict) and "KinesisBatchInfo" in document and "event_id" not in document


def _identified(entry: Entry) -> tuple[str, Record]:
    return _from_kinesis(entry) if "kinesis" in entry else _from_sqs(entry)


def _from_kinesis(entry: Entry) -> tuple[str, Record]:
    kinesis = entry["kinesis"]
    sequence = kinesis["sequenceNumber"]
    shard = entry["eventID"].rpartition(":")[0]
    arrived_at = datetime.fromtimestamp(kinesis["approximateArrivalTimestamp"], UTC)
    return sequence, Record(shard, sequence, arrived_at, base64.b64decode(kinesis["data"]))


def _from_sqs(entry: Entry) -> tuple[str, Record]:
    message_id = entry["messageId"]
    arrived_at = datetime.fromtimestamp(int(entry["attributes"]["SentTimestamp"]) / 1_000, UTC)
    return message_id, Record(_QUEUE, message_id, arrived_at, entry["body"].encode(), ordered=False)


def _build_deliverer(settings: Settings) -> Deliverer:
    return Deliverer(
        S3ObjectStore(client("s3"), settings.event_bucket),
        DynamoTallyStore(
            table(settings.arms_table),
            table(settings.tallied_events_table),
            timedelta(days=settings.event_retention_days),
        ),
        utc_now,
        timedelta(seconds=settings.max_future_seconds),
    )


_deliverer = _build_deliverer(Settings.from_environment())
_failed_batches = FailedBatches(client("kinesis"))


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Deliver the records of an event-source mapping."""
    return deliver(event, _deliverer, _failed_batches)
