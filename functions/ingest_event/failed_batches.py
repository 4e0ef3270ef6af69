"""Batches that the stream's consumer gave up: Lambda leaves where they stand, and they are read again."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from bakeoff_core.stores.aws import aws_failures
from bakeoff_core.telemetry import count, logger
from delivery import Record

_RECORDS_A_CALL = 1_000
_TRIMMED = frozenset({"InvalidArgumentException", "ResourceNotFoundException"})


class FailedBatches:
    """Reads a batch from the stream once more, by the message that Lambda wrote when it gave the batch up.

    Args:
        client: A boto3 Kinesis client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, message: str) -> Iterator[list[Record]]:
        """Read the records of a batch, in pages.

        What the stream keeps no longer is lost; that is logged and counted, and yields nothing.

        Args:
            message: The body of a message in the on-failure queue.

        Raises:
            DependencyUnavailable: The stream does not answer.
        """
        batch = json.loads(message)["KinesisBatchInfo"]
        last = int(batch["endSequenceNumber"])
        iterator = self._iterator(batch)
        while iterator:
            with aws_failures("the event stream"):
                answer = self._client.get_records(ShardIterator=iterator, Limit=_RECORDS_A_CALL)
            found = [record for record in answer["Records"] if int(record["SequenceNumber"]) <= last]
            if found:
                yield [_record(record, batch["shardId"]) for record in found]
            done = len(found) < len(answer["Records"]) or any(int(r["SequenceNumber"]) == last for r in found)
            at_the_tip = not answer["Records"] and not answer.get("MillisBehindLatest")
            iterator = None if done or at_the_tip else answer.get("NextShardIterator")

    def _iterator(self, batch: Mapping[str, Any]) -> str | None:
        with aws_failures("the event stream"):
            try:
                iterator: str = self._client.get_shard_iterator(
                    StreamName=batch["streamArn"].rpartition("/")[2],
                    ShardId=batch["shardId"],
                    ShardIteratorType="AT_SEQUENCE_NUMBER",
                    StartingSequenceNumber=batch["startSequenceNumber"],
                )["ShardIterator"]
            except ClientError as error:
                if error.response["Error"]["Code"] not in _TRIMMED:
                    raise
                logger.error("batch no longer in the stream", batch=dict(batch))
                count("event_lost_total", batch["batchSize"])
                return None
        return iterator


def _record(record: Mapping[str, Any], shard: str) -> Record:
    return Record(shard, record["SequenceNumber"], record["ApproximateArrivalTimestamp"], record["Data"])
