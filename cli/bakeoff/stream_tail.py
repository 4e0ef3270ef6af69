"""Following the event stream: every record of every shard, as it comes."""

from collections.abc import Callable, Iterator
from typing import Any

_RECORDS_A_CALL = 500
_SECONDS_BETWEEN_LOOKS = 1.0  # a shard answers five reads a second, and delivery reads too


def follow(
    kinesis: Any, stream: str, sleep: Callable[[float], None], *, from_start: bool = False, until_now: bool = False
) -> Iterator[bytes]:
    """Read the data of the stream's records.

    Args:
        kinesis: A boto3 Kinesis client.
        stream: The stream's name.
        sleep: Waits for that many seconds.
        from_start: Begin with the oldest record kept; with the next new one if not.
        until_now: End when all that is there was read; go on for ever if not.
    """
    kind = "TRIM_HORIZON" if from_start else "LATEST"
    pages = kinesis.get_paginator("list_shards").paginate(StreamName=stream)
    shards = [shard["ShardId"] for page in pages for shard in page["Shards"]]
    iterators = {
        shard: kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType=kind)["ShardIterator"]
        for shard in shards
    }
    while iterators:
        found = False
        for shard, iterator in list(iterators.items()):
            answer = kinesis.get_records(ShardIterator=iterator, Limit=_RECORDS_A_CALL)
            for record in answer["Records"]:
                found = True
                yield record["Data"]
            following = answer.get("NextShardIterator")
            at_the_tip = not answer["Records"] and not answer.get("MillisBehindLatest")
            if following is None or (until_now and at_the_tip):
                del iterators[shard]
            else:
                iterators[shard] = following
        if iterators and not found:
            sleep(_SECONDS_BETWEEN_LOOKS)
