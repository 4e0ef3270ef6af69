"""Lambda entry point: from the stream, and the queues beside it, to files (Kinesis and SQS)."""

from bakeoff_core.startup import end_startup

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bakeoff_core.batches import named_records
from bakeoff_core.clock import utc_now
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.settings import Settings
from bakeoff_core.stores.aws import client, tables
from bakeoff_core.stores.counters import Shards
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.tallies import DynamoTallyStore, NoTallies, TallyStore
from bakeoff_core.telemetry import count, logger, seconds, size
from delivery import Deliverer, Delivery, Record
from failed_batches import Batch, FailedBatches, batch_of

_QUEUE = "fallback"
_MALFORMED = "malformed"
_SHARD = re.compile(r"[A-Za-z0-9-]{1,128}")

Entry = Mapping[str, Any]


def deliver(event: Mapping[str, Any], deliverer: Deliverer, failed_batches: FailedBatches) -> dict[str, Any]:
    """Deliver a batch and say which of its records must come again.

    A record that is not as AWS writes them goes to quarantine whole. One that cannot be named cannot be asked for
    again: it is logged, and counted as lost.

    Args:
        event: A Kinesis event, or an SQS event of the fallback queue or of the queue of failed batches.
        deliverer: Writes the records.
        failed_batches: Reads the batches that a message of the latter queue stands for.

    Returns:
        A partial-batch response. For Kinesis, Lambda goes back to the lowest sequence number in it.
    """
    direct: list[tuple[str, Record]] = []
    failures: list[str] = []
    for entry, identifier in named_records(event):
        batch = _pointer(entry)
        if batch is None:
            direct.append((identifier, _record(entry, identifier)))
        elif not _redeliver(batch, deliverer, failed_batches):
            failures.append(identifier)
    failures = _deliver_direct(direct, deliverer) + failures
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failures]}


def _deliver_direct(identified: Sequence[tuple[str, Record]], deliverer: Deliverer) -> list[str]:
    if not identified:
        return []
    identifier_of = {id(record): identifier for identifier, record in identified}
    outcome = deliverer.deliver([record for _identifier, record in identified])
    _measure(outcome)
    return [identifier_of[id(record)] for record in outcome.failed]


def _redeliver(batch: Batch, deliverer: Deliverer, failed_batches: FailedBatches) -> bool:
    try:
        for records in failed_batches.read(batch):
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


def _pointer(entry: Entry) -> Batch | None:
    body = entry.get("body")
    return batch_of(body) if isinstance(body, str) and "kinesis" not in entry else None


def _record(entry: Entry, identifier: str) -> Record:
    try:
        return _from_kinesis(entry) if "kinesis" in entry else _from_sqs(entry)
    except (ArithmeticError, AttributeError, KeyError, OSError, TypeError, ValueError):
        logger.exception("record not understood", record_id=identifier)
        return Record(_MALFORMED, identifier, utc_now(), json.dumps(entry).encode(), ordered=False)


def _from_kinesis(entry: Entry) -> Record:
    kinesis = entry["kinesis"]
    sequence, (shard, _, _) = kinesis["sequenceNumber"], entry["eventID"].rpartition(":")
    if not (_SHARD.fullmatch(shard) and sequence.isdecimal()):
        raise ValueError("neither shard nor sequence number can be part of a name")
    arrived_at = datetime.fromtimestamp(kinesis["approximateArrivalTimestamp"], UTC)
    return Record(shard, sequence, arrived_at, base64.b64decode(kinesis["data"], validate=True))


def _from_sqs(entry: Entry) -> Record:
    arrived_at = datetime.fromtimestamp(int(entry["attributes"]["SentTimestamp"]) / 1_000, UTC)
    return Record(_QUEUE, entry["messageId"], arrived_at, entry["body"].encode(errors="surrogatepass"), ordered=False)


def _build_deliverer(settings: Settings) -> Deliverer:
    return Deliverer(
        S3ObjectStore(client("s3"), settings.event_bucket),
        _build_tallies(settings),
        utc_now,
        timedelta(seconds=settings.max_future_seconds),
    )


def _build_tallies(settings: Settings) -> TallyStore:
    if not settings.tallied_events_table:
        return NoTallies()
    table = tables()
    return DynamoTallyStore(
        table(settings.arms_table),
        table(settings.tallied_events_table),
        timedelta(days=settings.event_retention_days),
        Shards(settings.counter_shards),
    )


_deliverer = _build_deliverer(Settings.from_environment())
_failed_batches = FailedBatches(client("kinesis"))
end_startup()


@logger.inject_lambda_context
def handler(event: Mapping[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Deliver the records of an event-source mapping."""
    return deliver(event, _deliverer, _failed_batches)
