import json
from collections.abc import Callable
from itertools import cycle
from typing import Any

import boto3
import pytest

from bakeoff_core.events.model import Event
from bakeoff_core.stores.aws import client
from bakeoff_core.stores.streams import EventSink, InMemoryEventSink, KinesisEventStream, SqsEventQueue
from tests.support import NOON

Read = Callable[[], list[Event]]


def event(index: int, **changes: Any) -> Event:
    return Event(
        event_id=f"e{index}", event_type="click", user_id=f"u{index}", timestamp=NOON, received_at=NOON, **changes
    )


@pytest.fixture(params=["memory", "kinesis", "sqs"])
def sink_and_read(request: pytest.FixtureRequest) -> tuple[EventSink, Read]:
    if request.param == "memory":
        memory = InMemoryEventSink()
        return memory, lambda: memory.events
    request.getfixturevalue("aws")
    if request.param == "kinesis":
        boto3.client("kinesis").create_stream(StreamName="events", ShardCount=1)
        return KinesisEventStream(client("kinesis"), "events", sleep=no_pause), read_stream
    url = boto3.client("sqs").create_queue(QueueName="fallback")["QueueUrl"]
    return SqsEventQueue(client("sqs"), url), lambda: read_queue(url)


def no_pause(_seconds: float) -> None:
    pytest.fail("nothing was refused")


def read_stream() -> list[Event]:
    kinesis = boto3.client("kinesis")
    (shard,) = kinesis.list_shards(StreamName="events")["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName="events", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return [Event.from_line(record["Data"]) for record in kinesis.get_records(ShardIterator=iterator)["Records"]]


def read_queue(url: str) -> list[Event]:
    sqs = boto3.client("sqs")
    found = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(Event.from_line(message["Body"].encode()))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_takes_many_events_in_order(sink_and_read: tuple[EventSink, Read]) -> None:
    sink, read = sink_and_read
    events = [event(index) for index in range(523)]
    assert sink.put(events) == []
    assert sorted(read(), key=lambda each: int(each.event_id[1:])) == events


def test_takes_nothing_when_there_is_nothing(sink_and_read: tuple[EventSink, Read]) -> None:
    sink, read = sink_and_read
    assert sink.put([]) == []
    assert read() == []


def test_takes_a_unit_with_a_name_longer_than_a_partition_key(sink_and_read: tuple[EventSink, Read]) -> None:
    sink, read = sink_and_read
    long_name = event(1).model_copy(update={"user_id": "é" * 512})
    assert sink.put([long_name]) == []
    assert read() == [long_name]


def test_what_is_too_large_is_refused_and_holds_nothing_up(sink_and_read: tuple[EventSink, Read]) -> None:
    sink, read = sink_and_read
    large = event(1, metadata={"text": "x" * 1024**2})
    assert sink.put([event(0), large, event(2)]) == [large]
    assert sorted(read(), key=lambda each: each.event_id) == [event(0), event(2)]


def test_takes_events_that_are_large_together(sink_and_read: tuple[EventSink, Read]) -> None:
    sink, read = sink_and_read
    events = [event(index, metadata={"text": "x" * 120_000}) for index in range(10)]
    assert sink.put(events[:9]) == []
    assert sink.put(events) == []
    assert len(read()) == 19


def test_what_does_not_answer_refuses_everything(aws: None) -> None:
    events = [event(1), event(2)]
    pauses: list[float] = []
    assert KinesisEventStream(client("kinesis"), "missing", sleep=pauses.append).put(events) == events
    assert len(pauses) == 3
    missing = "https://sqs.us-east-1.amazonaws.com/123456789012/missing"
    assert SqsEventQueue(client("sqs"), missing).put(events) == events


class RefusingKinesis:
    """A stream that refuses records by a script, and remembers what it was sent."""

    def __init__(self, refusals: list[set[str]]) -> None:
        self.calls: list[list[str]] = []
        self._refusals = refusals

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3
        ids = [json.loads(record["Data"])["event_id"] for record in Records]
        refused = self._refusals[len(self.calls)] if len(self.calls) < len(self._refusals) else set()
        self.calls.append(ids)
        return {
            "Records": [
                {"ErrorCode": "ProvisionedThroughputExceededException"} if each in refused else {"SequenceNumber": "1"}
                for each in ids
            ]
        }


def test_only_refused_records_are_tried_again_after_growing_pauses() -> None:
    kinesis = RefusingKinesis([{"e1", "e2"}, {"e2"}])
    pauses: list[float] = []
    stream = KinesisEventStream(kinesis, "events", sleep=pauses.append, uniform=lambda _low, high: high)
    assert stream.put([event(0), event(1), event(2)]) == []
    assert kinesis.calls == [["e0", "e1", "e2"], ["e1", "e2"], ["e2"]]
    assert pauses == [0.1, 0.2]


def test_records_refused_every_time_come_back() -> None:
    kinesis = RefusingKinesis([{"e1"}] * 9)
    stream = KinesisEventStream(kinesis, "events", sleep=lambda _seconds: None)
    assert stream.put([event(0), event(1)]) == [event(1)]
    assert kinesis.calls == [["e0", "e1"], ["e1"], ["e1"], ["e1"]]


def test_a_call_holds_no_more_than_the_stream_takes() -> None:
    kinesis = RefusingKinesis([])
    stream = KinesisEventStream(kinesis, "events")
    sizes = cycle([600_000, 1_000])
    stream.put([event(index, metadata={"text": "x" * next(sizes)}) for index in range(40)])
    assert [len(call) for call in kinesis.calls] == [16, 16, 8]
    stream.put([event(index) for index in range(501)])
    assert [len(call) for call in kinesis.calls[3:]] == [500, 1]
