"""Batches that the stream's consumer gave up: Lambda leaves where they stand, and they are read again."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bakeoff_core.stores.aws import aws_failures
from bakeoff_core.telemetry import count, logger
from delivery import Record

Sequence = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,128}$")]

_RECORDS_A_CALL = 1_000
_TRIMMED = frozenset({"InvalidArgumentException", "ResourceNotFoundException"})


class Batch(BaseModel):
    """Where a batch that was given up stands in the stream."""

    model_config = ConfigDict(frozen=True)

    stream_arn: str = Field(alias="streamArn")
    shard_id: str = Field(alias="shardId")
    start: Sequence = Field(alias="startSequenceNumber")
    end: Sequence = Field(alias="endSequenceNumber")
    size: int = Field(alias="batchSize", ge=0)


class _Message(BaseModel):
    batch: Batch = Field(alias="KinesisBatchInfo")
    event_id: None = None  # what has one is an event


def batch_of(message: str) -> Batch | None:
    """Read the message that Lambda wrote when it gave a batch up, or None where somebody else wrote it.

    An event may hold the same words further inside.

    Args:
        message: The body of a message in a queue.
    """
    if '"KinesisBatchInfo"' not in message:
        return None
    try:
        return _Message.model_validate_json(message).batch
    except ValidationError:
        return None


class FailedBatches:
    """Reads a batch from the stream once more, by the message that Lambda wrote when it gave the batch up.

    Args:
        client: A boto3 Kinesis client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, batch: Batch) -> Iterator[list[Record]]:
        """Read the records of a batch, in pages.

        What the stream keeps no longer is lost; that is logged and counted, and yields nothing.

        Args:
            batch: Where it stands.

        Raises:
            DependencyUnavailable: The stream does not answer.
        """
        last = int(batch.end)
        iterator = self._iterator(batch)
        while iterator:
            with aws_failures("the event stream"):
                answer = self._client.get_records(ShardIterator=iterator, Limit=_RECORDS_A_CALL)
            found = [record for record in answer["Records"] if int(record["SequenceNumber"]) <= last]
            if found:
                yield [_record(record, batch.shard_id) for record in found]
            done = len(found) < len(answer["Records"]) or any(int(r["SequenceNumber"]) == last for r in found)
            at_the_tip = not answer["Records"] and not answer.get("MillisBehindLatest")
            iterator = None if done or at_the_tip else answer.get("NextShardIterator")

    def _iterator(self, batch: Batch) -> str | None:
        with aws_failures("the event stream"):
            try:
                iterator: str = self._client.get_shard_iterator(
                    StreamName=batch.stream_arn.rpartition("/")[2],
                    ShardId=batch.shard_id,
                    ShardIteratorType="AT_SEQUENCE_NUMBER",
                    StartingSequenceNumber=batch.start,
                )["ShardIterator"]
            except ClientError as error:
                if error.response["Error"]["Code"] not in _TRIMMED:
                    raise
                logger.error("batch no longer in the stream", batch=batch.model_dump(by_alias=True))
                count("event_lost_total", batch.size)
                return None
        return iterator


def _record(record: Mapping[str, Any], shard: str) -> Record:
    return Record(shard, record["SequenceNumber"], record["ApproximateArrivalTimestamp"], record["Data"])
