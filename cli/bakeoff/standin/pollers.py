"""Event-source mappings: Lambda's pollers, which read a stream or a queue and invoke a function with batches."""

import json
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bakeoff.standin.functions import Function, InvocationError
from bakeoff.standin.retries import Attempt, BatchFailedError, Record, RetryPolicy, deliver_in_order, failed_items
from bakeoff.standin.source_events import kinesis_failure, kinesis_record, sqs_record

if TYPE_CHECKING:
    from mypy_boto3_kinesis.client import KinesisClient
    from mypy_boto3_sqs.client import SQSClient

_SECONDS_BETWEEN_LOOKS = 0.2
_LONGEST_PAUSE_SECONDS = 2.0
_SECONDS_TO_STOP = 5
_RECORDS_PER_READ = 10_000
_MESSAGES_PER_READ = 10

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """An event-source mapping with every expression evaluated."""

    source_arn: str
    batch_size: int
    window_seconds: float
    reports_failures: bool
    retry: RetryPolicy
    starting_position: str = "TRIM_HORIZON"
    failure_queue_url: str | None = None


class Poller(ABC):
    """Reads a source in a thread, gathers batches, and hands them on."""

    def __init__(self, name: str, mapping: SourceMapping) -> None:
        self.mapping = mapping
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._looks = threading.Condition()
        self._looks_begun = 0
        self._last_empty_look = 0
        self._batch: list[Record] = []
        self._window_ends = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading; a batch under way gets a few seconds, and then ends with its function."""
        self._stopping.set()
        self._hurry.set()
        self._thread.join(_SECONDS_TO_STOP)

    def drain(self, timeout: float) -> None:
        """Deliver what the source holds, without waiting for batches to fill.

        Raises:
            TimeoutError: There was still something left.
        """
        with self._looks:
            begun = self._looks_begun
            self._hurry.set()
            if not self._looks.wait_for(lambda: self._last_empty_look > begun, timeout):
                raise TimeoutError(f"{self._thread.name}: not drained after {timeout} seconds")

    @abstractmethod
    def read(self) -> Sequence[Record]:
        """Read what has come in since the last time."""

    @abstractmethod
    def deliver(self, records: Sequence[Record]) -> None:
        """Deliver a batch, whatever it takes."""

    def pause(self, retry: int) -> bool:
        """Wait before a retry; answers False when the poller is to stop."""
        return not self._stopping.wait(min(_LONGEST_PAUSE_SECONDS, 0.05 * 2**retry))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look()
            except Exception:
                logger.exception("%s: failed, and goes on", self._thread.name)
                self._stopping.wait(_LONGEST_PAUSE_SECONDS)

    def _look(self) -> None:
        """Read once, deliver what is due, and rest if there was nothing."""
        with self._looks:
            self._looks_begun += 1
            hurry = self._hurry.is_set()
        found = self.read()
        if found and not self._batch:
            self._window_ends = time.monotonic() + self.mapping.window_seconds
        self._batch.extend(found)
        while len(self._batch) >= self.mapping.batch_size:
            self.deliver(self._batch[: self.mapping.batch_size])
            del self._batch[: self.mapping.batch_size]
        if self._batch and not found and (hurry or time.monotonic() >= self._window_ends):
            self.deliver(self._batch)
            self._batch = []
        if not found:
            self._note_an_empty_look(hurry=hurry, empty_handed=not self._batch)
            self._hurry.wait(_SECONDS_BETWEEN_LOOKS)

    def _note_an_empty_look(self, *, hurry: bool, empty_handed: bool) -> None:
        with self._looks:
            if hurry:
                self._hurry.clear()
            if empty_handed:
                self._last_empty_look = self._looks_begun
                self._looks.notify_all()


class KinesisPoller(Poller):
    """One shard of a stream and its function."""

    def __init__(
        self,
        shard: str,
        mapping: SourceMapping,
        function: Function,
        *,
        kinesis: "KinesisClient",
        sqs: "SQSClient",
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(f"{function.name} {shard}", mapping)
        self._shard = shard
        self._function = function
        self._kinesis = kinesis
        self._sqs = sqs
        self._clock = clock
        self._iterator = ""

    def read(self) -> Sequence[Record]:
        """Read the shard on."""
        if not self._iterator:
            self._iterator = self._kinesis.get_shard_iterator(
                StreamName=self.mapping.source_arn.rpartition("/")[2],
                ShardId=self._shard,
                ShardIteratorType=self.mapping.starting_position,  # type: ignore[arg-type]  # from the template
            )["ShardIterator"]
        answer = self._kinesis.get_records(
            ShardIterator=self._iterator, Limit=min(self.mapping.batch_size, _RECORDS_PER_READ)
        )
        self._iterator = answer["NextShardIterator"]
        region = self._kinesis.meta.region_name
        return [
            kinesis_record(record, shard=self._shard, stream_arn=self.mapping.source_arn, region=region)
            for record in answer["Records"]
        ]

    def deliver(self, records: Sequence[Record]) -> None:
        """Deliver a batch in the shard's order."""
        deliver_in_order(records, self.mapping.retry, send=self._send, give_up=self._give_up, pause=self.pause)

    def _send(self, records: Sequence[Record]) -> int | None:
        ids = [record["kinesis"]["sequenceNumber"] for record in records]
        answer = _call(self._function, records)
        failed = failed_items(answer, ids) if self.mapping.reports_failures else []
        return ids.index(failed[0]) if failed else None

    def _give_up(self, attempt: Attempt) -> None:
        logger.error("%s: gave up %d records of %s", self._function.name, len(attempt.records), self._shard)
        if self.mapping.failure_queue_url is not None:
            body = kinesis_failure(attempt, shard=self._shard, function_arn=self._function.arn, now=self._clock())
            self._sqs.send_message(QueueUrl=self.mapping.failure_queue_url, MessageBody=json.dumps(body))


class SqsPoller(Poller):
    """A queue and its function."""

    def __init__(self, mapping: SourceMapping, function: Function, *, sqs: "SQSClient") -> None:
        name = mapping.source_arn.rpartition(":")[2]
        super().__init__(f"{function.name} {name}", mapping)
        self._function = function
        self._sqs = sqs
        self._url = sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def read(self) -> Sequence[Record]:
        """Receive the messages that are visible."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(self.mapping.batch_size, _MESSAGES_PER_READ),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=0,
        )
        region = self._sqs.meta.region_name
        return [
            sqs_record(message, queue_arn=self.mapping.source_arn, region=region)
            for message in answer.get("Messages", [])
        ]

    def deliver(self, records: Sequence[Record]) -> None:
        """Deliver a batch and delete what succeeded; the rest comes back by the queue's own rules."""
        ids = [record["messageId"] for record in records]
        try:
            answer = _call(self._function, records)
            failed = failed_items(answer, ids) if self.mapping.reports_failures else []
        except BatchFailedError:
            return
        for record in records:
            if record["messageId"] not in failed:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=record["receiptHandle"])


def _call(function: Function, records: Sequence[Record]) -> Any:
    try:
        return function.call({"Records": records})
    except InvocationError as error:
        logger.warning("%s", error)
        raise BatchFailedError(str(error)) from error
