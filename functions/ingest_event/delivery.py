"""Delivery: batches of records become files that an analyst can query, whatever is delivered twice."""

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import groupby

from pydantic import ValidationError

from bakeoff_core.clock import Clock, rfc3339
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.events.model import Event
from bakeoff_core.lake.keys import DELIVERED, QUARANTINE, partition
from bakeoff_core.stores.objects import ObjectStore
from bakeoff_core.stores.tallies import Mark, TallyStore, mark_of
from bakeoff_core.telemetry import logger
from bakeoff_core.validation import field_errors

_CONTENT_TYPE = "application/gzip"
_GZIP = zlib.MAX_WBITS | 16  # the format around the compressed bytes
_DEFAULT_MAX_FUTURE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it arrived.

    Attributes:
        source: The shard, or the queue.
        sequence: Where in the source the record stands; the same in every delivery of the same record.
        arrived_at: When the source took it.
        data: Its bytes.
        ordered: Whether the source hands over what lies between two records along with them, as a shard does.
    """

    source: str
    sequence: str
    arrived_at: datetime
    data: bytes
    ordered: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a batch.

    Attributes:
        delivered: Events written.
        quarantined: Records written to quarantine.
        tallied: Events that an arm's tally had not seen before.
        written_bytes: What was written, compressed.
        lag: How long ago the oldest record arrived.
        failed: The records that could not be written or tallied, and must come again.
    """

    delivered: int = 0
    quarantined: int = 0
    tallied: int = 0
    written_bytes: int = 0
    lag: timedelta = timedelta()
    failed: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class _Unreadable:
    record: Record
    reason: str


class Deliverer:
    """Writes records to the lake under keys that depend on the records alone, and tallies arms.

    The same batch delivered again overwrites the same objects, so nothing is doubled. A batch that was
    split in between leaves objects that overlap; the analysis counts an event id once, and so do the tallies. An
    event is tallied after it was written, and a batch that was stopped in between comes again.

    Args:
        objects: The event bucket.
        tallies: The tallies of arms.
        clock: The time.
        max_future: How far an event's time may lie after its arrival; one beyond goes to quarantine.
    """

    def __init__(
        self, objects: ObjectStore, tallies: TallyStore, clock: Clock, max_future: timedelta = _DEFAULT_MAX_FUTURE
    ) -> None:
        self._objects = objects
        self._tallies = tallies
        self._clock = clock
        self._max_future = max_future

    def deliver(self, records: Sequence[Record]) -> Delivery:
        """Write records by source and hour of arrival, the unreadable ones to quarantine.

        Args:
            records: In the order of their sources.

        Returns:
            What became of them.
        """
        now = self._clock()
        parts: list[Delivery] = []
        for (source, hour), group in groupby(records, key=_source_and_hour):
            part = list(group)
            try:
                parts.append(self._deliver_part(source, hour, part, now))
            except DependencyUnavailable:
                logger.exception("records not delivered", source=source, records=len(part))
                parts.append(Delivery(failed=tuple(part)))
        return Delivery(
            delivered=sum(part.delivered for part in parts),
            quarantined=sum(part.quarantined for part in parts),
            tallied=sum(part.tallied for part in parts),
            written_bytes=sum(part.written_bytes for part in parts),
            lag=max((now - record.arrived_at for record in records), default=timedelta()),
            failed=tuple(record for part in parts for record in part.failed),
        )

    def _deliver_part(self, source: str, hour: datetime, part: Sequence[Record], now: datetime) -> Delivery:
        # One event after the other, for all of a batch in memory at once would be many times its size.
        events, unreadable = _Lines(), _Lines()
        marks: dict[str, Mark] = {}
        for record in part:
            result = self._read(record)
            if isinstance(result, _Unreadable):
                unreadable.add(_quarantine_line(result))
                continue
            events.add(result.to_line())
            if (mark := mark_of(result)) is not None:
                marks.setdefault(result.event_id, mark)
        name = f"{partition(hour)}{source}-{_range(part)}.ndjson.gz"
        written = self._put(f"{DELIVERED}{name}", events) + self._put(f"{QUARANTINE}{name}", unreadable)
        tallied = self._tallies.add(marks, now)
        return Delivery(events.count, unreadable.count, tallied, written)

    def _put(self, key: str, lines: "_Lines") -> int:
        if not lines.count:
            return 0
        compressed = lines.compressed()
        self._objects.put(key, compressed, _CONTENT_TYPE)
        return len(compressed)

    def _read(self, record: Record) -> Event | _Unreadable:
        try:
            event = Event.from_line(record.data)
        except ValidationError as error:
            return _Unreadable(record, "; ".join(map(str, field_errors(error))))
        if event.timestamp - record.arrived_at > self._max_future:
            limit = f"{self._max_future.total_seconds():g} seconds"
            arrived = rfc3339(record.arrived_at)
            return _Unreadable(
                record,
                f"timestamp: lies more than {limit} after its arrival at {arrived}, got {rfc3339(event.timestamp)}",
            )
        return event


class _Lines:
    """Lines that are compressed as they come; the same lines make the same bytes, for gzip's header holds no time."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj(wbits=_GZIP)
        self._pieces: list[bytes] = []
        self.count = 0

    def add(self, line: bytes) -> None:
        """Add a line, without its end."""
        self.count += 1
        if piece := self._compressor.compress(line + b"\n"):
            self._pieces.append(piece)

    def compressed(self) -> bytes:
        """Finish the file."""
        return b"".join([*self._pieces, self._compressor.flush()])


def _source_and_hour(record: Record) -> tuple[str, datetime]:
    return record.source, record.arrived_at.replace(minute=0, second=0, microsecond=0)


def _range(part: Sequence[Record]) -> str:
    """Name a part so that another part of the same name holds the same records.

    Between two sequence numbers of a shard there is never more or less. A queue gives its messages
    out in any company, so the name needs all of them.
    """
    if part[0].ordered:
        sequences = sorted((record.sequence for record in part), key=lambda sequence: (len(sequence), sequence))
        return f"{sequences[0]}-{sequences[-1]}"
    digest = blake2b("\n".join(sorted(record.sequence for record in part)).encode(), digest_size=16).hexdigest()
    return f"{len(part)}-{digest}"


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
