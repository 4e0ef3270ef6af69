"""Lambda entry point: from the stream, or the queue that stands in for it, to files (Kinesis and SQS)."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import client
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.telemetry import count, logger
from delivery import Deliverer, Record

_QUEUE = "fallback"


def deliver(event: Mapping[str, Any], deliverer: Deliverer) -> dict[str, list[dict[str, str]]]:
    """Deliver a batch and say which of its records must come again.

    Args:
        event: A Kinesis or an SQS event.
        deliverer: Writes the records.

    Returns:
        A partial-batch response. For Kinesis, Lambda goes back to the lowest sequence number in it.
    """
    identified = [_from_kinesis(entry) if "kinesis" in entry else _from_sqs(entry) for entry in event["Records"]]
    identifier_of = {id(record): identifier for identifier, record in identified}
    outcome = deliverer.deliver([record for _identifier, record in identified])
    count("event_delivered_total", outcome.delivered)
    failures = [{"itemIdentifier": identifier_of[id(record)]} for record in outcome.failed]
    return {"batchItemFailures": failures}


def _from_kinesis(entry: Mapping[str, Any]) -> tuple[str, Record]:
    kinesis = entry["kinesis"]
    sequence = kinesis["sequenceNumber"]
    shard = entry["eventID"].rpartition(":")[0]
    arrived_at = datetime.fromtimestamp(kinesis["approximateArrivalTimestamp"], UTC)
    return sequence, Record(shard, sequence, arrived_at, base64.b64decode(kinesis["data"]))


def _from_sqs(entry: Mapping[str, Any]) -> tuple[str, Record]:
    message_id = entry["messageId"]
    arrived_at = datetime.fromtimestamp(int(entry["attributes"]["SentTimestamp"]) / 1_000, UTC)
    return message_id, Record(_QUEUE, message_id, arrived_at, entry["body"].encode())


_deliverer = Deliverer(S3ObjectStore(client("s3"), Settings.from_environment().event_bucket))


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], _context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Deliver the records of an event-source mapping."""
    return deliver(event, _deliverer)
