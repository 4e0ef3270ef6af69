"""Where events go: the stream, and the queue that takes what the stream refuses."""

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from bakeoff_core.events.model import Event

MAX_EVENT_BYTES = 1024**2 - 1024
"""What an event may have as a line; a record has a mebibyte, and its partition key counts."""

_MAX_RECORDS_A_CALL = 500
_MAX_BYTES_A_CALL = 5 * 1024**2
_MAX_PARTITION_KEY = 256

_ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.05

PATIENCE_OF_A_CALLER = 2
"""Attempts while somebody waits for an answer that does not depend on the events."""

_MAX_MESSAGES_A_CALL = 10
_MAX_MESSAGE_BYTES_A_CALL = 1024**2

_Entry: TypeAlias = tuple[Event, dict[str, Any]]


class EventSink(Protocol):
    """Takes events. Every implementation passes tests/contract/test_event_sink.py."""

    def put(self, events: Sequence[Event]) -> list[Event]:
        """Hand events over, and return those that were refused for good. Never raises.

        What is too large is refused, and the others beside it are taken.
        """
        ...


def is_too_large(event: Event) -> bool:
    """Say whether an event is larger than any sink takes."""
    return len(event.to_line()) > MAX_EVENT_BYTES


class InMemoryEventSink:
    """Events in a list.

    Args:
        refuses: Says of an event whether it is refused.
    """

    def __init__(self, refuses: Callable[[Event], bool] = lambda _event: False) -> None:
        self.events: list[Event] = []
        self._refuses = refuses

    def put(self, events: Sequence[Event]) -> list[Event]:
        """Keep events, and return the refused ones."""
        refused: list[Event] = []
        for event in events:
            (refused if self._refuses(event) or is_too_large(event) else self.events).append(event)
        return refused


class KinesisEventStream:
    """A Kinesis stream, partitioned by unit; refused records are tried again with back-off and jitter.

    Args:
        client: A boto3 Kinesis client.
        stream: The stream's name.
        attempts: How often a record is offered before it counts as refused.
        seconds_left: How long there is yet to begin a call.
        sleep: Waits for that many seconds.
        uniform: Draws a number between two others, for the jitter.
    """

    def __init__(
        self,
        client: Any,
        stream: str,
        attempts: int = _ATTEMPTS,
        *,
        seconds_left: Callable[[], float] = lambda: math.inf,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._client = client
        self._stream = stream
        self._attempts = attempts
        self._seconds_left = seconds_left
        self._sleep = sleep
        self._uniform = uniform

    def put(self, events: Sequence[Event]) -> list[Event]:
        """Put events on the stream, and return those that it refused in every attempt."""
        refused: list[Event] = []
        for batch in _batches(_records(events, refused), _MAX_RECORDS_A_CALL, _MAX_BYTES_A_CALL):
            refused += self._put_batch(batch)
        return refused

    def _put_batch(self, batch: list[_Entry]) -> list[Event]:
        for attempt in range(self._attempts):
            pause = self._uniform(0, _FIRST_PAUSE_SECONDS * 2**attempt) if attempt else 0.0
            if self._seconds_left() < pause:
                break
            if pause:
                self._sleep(pause)
            batch = self._refused_of(batch)
            if not batch:
                break
        return [event for event, _record in batch]

    def _refused_of(self, batch: list[_Entry]) -> list[_Entry]:
        try:
            answer = self._client.put_records(StreamName=self._stream, Records=[record for _event, record in batch])
        except (BotoCoreError, ClientError):
            return batch
        return [entry for entry, outcome in zip(batch, answer["Records"], strict=True) if outcome.get("ErrorCode")]


def _records(events: Sequence[Event], too_large: list[Event]) -> Iterator[tuple[_Entry, int]]:
    """Make the record of each event and tell its size; set aside what no record holds."""
    for event in events:
        data = event.to_line()
        if len(data) > MAX_EVENT_BYTES:
            too_large.append(event)
            continue
        key = _partition_key(event.partition_key)
        yield (event, {"Data": data, "PartitionKey": key}), len(data) + len(key.encode())


def _batches(sized: Iterable[tuple[_Entry, int]], most: int, bytes_a_call: int) -> list[list[_Entry]]:
    """Cut into batches of one call each.

    Args:
        sized: Entries, and the bytes of each.
        most: How many entries a call takes.
        bytes_a_call: How many bytes all of them may have.
    """
    batches: list[list[_Entry]] = []
    room = 0
    for entry, size in sized:
        if not batches or len(batches[-1]) == most or size > room:
            batches.append([])
            room = bytes_a_call
        batches[-1].append(entry)
        room -= size
    return batches


def _partition_key(key: str) -> str:
    return key if len(key) <= _MAX_PARTITION_KEY else blake2b(key.encode(), digest_size=32).hexdigest()


class SqsEventQueue:
    """An SQS queue with one event a message.

    Args:
        client: A boto3 SQS client.
        queue_url: The queue's URL.
    """

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def put(self, events: Sequence[Event]) -> list[Event]:
        """Send events, and return those that the queue did not take."""
        refused: list[Event] = []
        for batch in _batches(_messages(events, refused), _MAX_MESSAGES_A_CALL, _MAX_MESSAGE_BYTES_A_CALL):
            refused += self._send(batch)
        return refused

    def _send(self, batch: list[_Entry]) -> list[Event]:
        entries = [{"Id": str(index), **message} for index, (_event, message) in enumerate(batch)]
        try:
            answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        except (BotoCoreError, ClientError):
            return [event for event, _message in batch]
        return [batch[int(failure["Id"])][0] for failure in answer.get("Failed", [])]


def _messages(events: Sequence[Event], too_large: list[Event]) -> Iterator[tuple[_Entry, int]]:
    """Make the message of each event and tell its size; set aside what no message holds."""
    for event in events:
        line = event.to_line()
        if len(line) > MAX_EVENT_BYTES:
            too_large.append(event)
            continue
        yield (event, {"MessageBody": line.decode()}), len(line)
