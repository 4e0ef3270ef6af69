"""Batches of records, as Lambda hands them over from streams and queues."""

from collections.abc import Iterator, Mapping
from typing import Any

from bakeoff_core.telemetry import count, logger


def named_records(event: Any) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Take the records out of an event, each with the name under which it can be asked for again.

    What has no name, and an event without records, cannot be asked for again: it is logged, and counted as lost.

    Args:
        event: A Kinesis or SQS event.
    """
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list):
        logger.error("event without records")
        return
    for record in records:
        name = _name_of(record)
        if name is None:
            logger.error("record without an id")
            count("event_lost_total")
        else:
            yield record, name


def _name_of(record: Any) -> str | None:
    if not isinstance(record, Mapping):
        return None
    kinesis = record.get("kinesis")
    name = kinesis.get("sequenceNumber") if isinstance(kinesis, Mapping) else record.get("messageId")
    return name if isinstance(name, str) and name else None
