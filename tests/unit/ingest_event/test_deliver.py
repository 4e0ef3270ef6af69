import base64
import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.events.model import Event
from bakeoff_core.stores.objects import InMemoryObjectStore
from deliver import deliver
from delivery import Deliverer, Record
from tests.support import NOON


def line(number: int) -> bytes:
    return Event(
        event_id=f"e{number}", event_type="click", user_id=f"u{number}", timestamp=NOON, received_at=NOON
    ).to_line()


def kinesis_record(sequence: int, data: bytes, arrived_at: datetime = NOON) -> dict[str, Any]:
    return {
        "eventSource": "aws:kinesis",
        "eventID": f"shardId-000000000000:{sequence}",
        "kinesis": {
            "sequenceNumber": str(sequence),
            "approximateArrivalTimestamp": arrived_at.timestamp(),
            "data": base64.b64encode(data).decode(),
            "partitionKey": "u",
        },
    }


def sqs_record(message_id: str, data: bytes) -> dict[str, Any]:
    return {
        "eventSource": "aws:sqs",
        "messageId": message_id,
        "attributes": {"SentTimestamp": str(int(NOON.timestamp() * 1_000))},
        "body": data.decode(),
    }


def lines_of(objects: InMemoryObjectStore, key: str) -> list[Any]:
    return [json.loads(each) for each in gzip.decompress(objects.get(key)).splitlines()]


EVENTS = "events/dt=2026-03-01/hour=12/shardId-000000000000"
QUARANTINE = "quarantine/dt=2026-03-01/hour=12/shardId-000000000000"


def test_a_batch_becomes_one_file_named_for_its_shard_and_sequence_numbers() -> None:
    objects = InMemoryObjectStore()
    batch = {"Records": [kinesis_record(n, line(n)) for n in (7, 8, 9)]}
    assert deliver(batch, Deliverer(objects)) == {"batchItemFailures": []}
    assert objects.list("") == [f"{EVENTS}-7-9.ndjson.gz"]
    assert [each["event_id"] for each in lines_of(objects, f"{EVENTS}-7-9.ndjson.gz")] == ["e7", "e8", "e9"]


def test_a_repeated_batch_changes_nothing() -> None:
    objects = InMemoryObjectStore()
    batch = {"Records": [kinesis_record(7, line(7)), kinesis_record(8, b"{")]}
    deliver(batch, Deliverer(objects))
    before = {key: objects.get(key) for key in objects.list("")}
    deliver(batch, Deliverer(objects))
    assert {key: objects.get(key) for key in objects.list("")} == before


def test_records_of_two_hours_go_to_two_partitions() -> None:
    objects = InMemoryObjectStore()
    next_hour = datetime(2026, 3, 1, 13, 0, 1, tzinfo=UTC)
    batch = {"Records": [kinesis_record(1, line(1)), kinesis_record(2, line(2), next_hour)]}
    deliver(batch, Deliverer(objects))
    assert objects.list("") == [
        f"{EVENTS}-1-1.ndjson.gz",
        "events/dt=2026-03-01/hour=13/shardId-000000000000-2-2.ndjson.gz",
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b"\xff\xfe", "invalid JSON: expected value at line 1 column 1"),
        (b"[]", "input should be an object"),
        (line(1).replace(b'"schema_version":1', b'"schema_version":99'), "schema_version: input should be 1, got 99"),
        (b'{"event_id":"e"}', "event_type: field required; timestamp: field required; received_at: field required"),
    ],
)
def test_what_cannot_be_read_is_kept_with_its_reason_and_holds_nothing_up(data: bytes, reason: str) -> None:
    objects = InMemoryObjectStore()
    batch = {"Records": [kinesis_record(1, line(1)), kinesis_record(2, data), kinesis_record(3, line(3))]}
    assert deliver(batch, Deliverer(objects)) == {"batchItemFailures": []}
    assert [each["event_id"] for each in lines_of(objects, f"{EVENTS}-1-3.ndjson.gz")] == ["e1", "e3"]
    (entry,) = lines_of(objects, f"{QUARANTINE}-1-3.ndjson.gz")
    assert base64.b64decode(entry.pop("data")) == data
    assert entry.pop("reason").startswith(reason)
    assert entry == {
        "source": "shardId-000000000000",
        "sequence": "2",
        "arrived_at": "2026-03-01T12:00:00.000000Z",
    }


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_a_quarantine_entry(data: bytes) -> None:
    objects = InMemoryObjectStore()
    outcome = Deliverer(objects).deliver([Record("shard", "1", NOON, data)])
    assert outcome.delivered + outcome.quarantined == 1
    assert len(objects.list("")) == 1


def test_the_fallback_queue_is_drained_into_the_same_lake() -> None:
    objects = InMemoryObjectStore()
    batch = {"Records": [sqs_record("m1", line(1)), sqs_record("m2", line(2))]}
    assert deliver(batch, Deliverer(objects)) == {"batchItemFailures": []}
    (key,) = objects.list("")
    assert key == "events/dt=2026-03-01/hour=12/fallback-m1-m2.ndjson.gz"
    assert [each["event_id"] for each in lines_of(objects, key)] == ["e1", "e2"]


class FullBucket(InMemoryObjectStore):
    def put(self, key: str, body: bytes, content_type: str) -> None:
        if "hour=12" in key:
            raise DependencyUnavailable("the object store")
        super().put(key, body, content_type)


def test_what_could_not_be_written_must_come_again() -> None:
    objects = FullBucket()
    next_hour = datetime(2026, 3, 1, 13, 0, 1, tzinfo=UTC)
    batch = {"Records": [kinesis_record(n, line(n)) for n in (1, 2)] + [kinesis_record(3, line(3), next_hour)]}
    assert deliver(batch, Deliverer(objects)) == {
        "batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]
    }
    assert objects.list("") == ["events/dt=2026-03-01/hour=13/shardId-000000000000-3-3.ndjson.gz"]
    messages = {"Records": [sqs_record("m1", line(1))]}
    assert deliver(messages, Deliverer(objects)) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
