"""Delivery: batches of records become files that an analyst can query, whatever is delivered twice."""

import base64
import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from pydantic import ValidationError

from bakeoff_core.clock import rfc3339
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.events.model import Event
from bakeoff_core.stores.objects import ObjectStore
from bakeoff_core.telemetry import count, logger
from bakeoff_core.validation import field_errors

_CONTENT_TYPE = "application/gzip"


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it arrived.

    Attributes:
        source: The shard, or the queue.
        sequence: Where in the source the record stands; the same in every delivery of the same record.
        arrived_at: When the source took it.
        data: Its bytes.
    """

    source: str
    sequence: str
    arrived_at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a batch."""

    delivered: int = 0
    quarantined: int = 0
    failed: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class _Unreadable:
    record: Record
    reason: str


class Deliverer:
    """Writes records to the lake under keys that depend on the records alone.

    The same batch delivered again overwrites the same objects, so nothing is doubled. A batch that was
    split in between leaves objects that overlap; the analysis counts an event id once.

    Args:
        objects: The event bucket.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def deliver(self, records: Sequence[Record]) -> Delivery:
        """Write records by source and hour of arrival, the unreadable ones to quarantine.

        Args:
            records: In the order of their sources.

        Returns:
            The counts, and the records that could not be written and must come again.
        """
        delivered = quarantined = 0
        failed: list[Record] = []
        for (source, hour), group in groupby(records, key=_source_and_hour):
            part = list(group)
            try:
                events, unreadable = self._write(source, hour, part)
            except DependencyUnavailable:
                logger.exception("records not delivered", source=source, records=len(part))
                failed += part
                continue
            delivered += events
            quarantined += unreadable
        if quarantined:
            count("event_quarantined_total", quarantined)
        return Delivery(delivered, quarantined, tuple(failed))

    def _write(self, source: str, hour: datetime, part: Sequence[Record]) -> tuple[int, int]:
        results = [_read(record) for record in part]
        events = [result for result in results if isinstance(result, Event)]
        unreadable = [result for result in results if isinstance(result, _Unreadable)]
        name = f"{hour:dt=%Y-%m-%d/hour=%H}/{source}-{part[0].sequence}-{part[-1].sequence}.ndjson.gz"
        self._put(f"events/{name}", (event.to_line() for event in events))
        self._put(f"quarantine/{name}", map(_quarantine_line, unreadable))
        return len(events), len(unreadable)

    def _put(self, key: str, lines: Iterable[bytes]) -> None:
        body = b"".join(line + b"\n" for line in lines)
        if body:
            self._objects.put(key, gzip.compress(body, mtime=0), _CONTENT_TYPE)


def _source_and_hour(record: Record) -> tuple[str, datetime]:
    return record.source, record.arrived_at.replace(minute=0, second=0, microsecond=0)


def _read(record: Record) -> Event | _Unreadable:
    try:
        return Event.from_line(record.data)
    except ValidationError as error:
        return _Unreadable(record, "; ".join(map(str, field_errors(error))))


def _quarantine_line(unreadable: _Unreadable) -> bytes:
    record = unreadable.record
    return json.dumps(
        {
            "reason": unreadable.reason,
            "source": record.source,
            "sequence": record.sequence,
            "arrived_at": rfc3339(record.arrived_at),
            "data": base64.b64encode(record.data).decode(),
        }
    ).encode()
