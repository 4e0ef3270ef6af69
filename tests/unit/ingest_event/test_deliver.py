import base64
import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.events.model import Event
from bakeoff_core.settings import Settings
from bakeoff_core.stores.arms import ArmsKey
from bakeoff_core.stores.objects import InMemoryObjectStore
from bakeoff_core.stores.tallies import DynamoTallyStore, InMemoryTallyStore, Mark, NoTallies, Tally
from deliver import _build_deliverer
from deliver import deliver as deliver_event
from delivery import Deliverer, Record
from failed_batches import FailedBatches
from tests.support import NOON, SettableClock


def deliver(
    batch: dict[str, Any],
    objects: InMemoryObjectStore,
    tallies: InMemoryTallyStore | None = None,
    kinesis: Any = None,
) -> dict[str, Any]:
    deliverer = Deliverer(objects, tallies or InMemoryTallyStore(), SettableClock())
    return deliver_event(batch, deliverer, FailedBatches(kinesis))


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
    assert deliver(batch, objects) == {"batchItemFailures": []}
    assert objects.list("") == [f"{EVENTS}-7-9.ndjson.gz"]
    assert [each["event_id"] for each in lines_of(objects, f"{EVENTS}-7-9.ndjson.gz")] == ["e7", "e8", "e9"]


def test_a_repeated_batch_changes_nothing() -> None:
    objects = InMemoryObjectStore()
    batch = {"Records": [kinesis_record(7, line(7)), kinesis_record(8, b"{")]}
    deliver(batch, objects)
    before = {key: objects.get(key) for key in objects.list("")}
    deliver(batch, objects)
    assert {key: objects.get(key) for key in objects.list("")} == before


def test_records_of_two_hours_go_to_two_partitions() -> None:
    objects = InMemoryObjectStore()
    next_hour = datetime(2026, 3, 1, 13, 0, 1, tzinfo=UTC)
    batch = {"Records": [kinesis_record(1, line(1)), kinesis_record(2, line(2), next_hour)]}
    deliver(batch, objects)
    assert objects.list("") == [
        f"{EVENTS}-1-1.ndjson.gz",
        "events/dt=2026-03-01/hour=13/shardId-000000000000-2-2.ndjson.gz",
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "invalid JSON: EOF while parsing a value at line 1 column 0"),
        (b"\xff\xfe", "invalid JSON: expected value at line 1 column 1"),
        (b"[]", "must be an object"),
        (line(1).replace(b'"schema_version":1', b'"schema_version":99'), "schema_version: input should be 1, got 99"),
        (b'{"event_id":"e"}', "event_type: field required; timestamp: field required; received_at: field required"),
    ],
)
def test_what_cannot_be_read_is_kept_with_its_reason_and_holds_nothing_up(data: bytes, reason: str) -> None:
    objects = InMemoryObjectStore()
    batch = {"Records": [kinesis_record(1, line(1)), kinesis_record(2, data), kinesis_record(3, line(3))]}
    assert deliver(batch, objects) == {"batchItemFailures": []}
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
    outcome = Deliverer(objects, InMemoryTallyStore(), SettableClock()).deliver([Record("shard", "1", NOON, data)])
    assert outcome.delivered + outcome.quarantined == 1
    assert len(objects.list("")) == 1


def test_the_fallback_queue_is_drained_into_the_same_lake() -> None:
    objects = InMemoryObjectStore()
    batch = {"Records": [sqs_record("m1", line(1)), sqs_record("m2", line(2))]}
    assert deliver(batch, objects) == {"batchItemFailures": []}
    (key,) = objects.list("")
    assert key.startswith("events/dt=2026-03-01/hour=12/fallback-2-")
    assert [each["event_id"] for each in lines_of(objects, key)] == ["e1", "e2"]


def test_the_order_of_a_batch_does_not_name_its_file() -> None:
    objects = InMemoryObjectStore()
    records = [kinesis_record(n, line(n)) for n in (8, 9, 10)]
    deliver({"Records": [records[1], records[2], records[0]]}, objects)
    assert objects.list("") == [f"{EVENTS}-8-10.ndjson.gz"]


def test_messages_in_other_company_do_not_overwrite_what_was_written() -> None:
    objects = InMemoryObjectStore()
    first, last = sqs_record("m1", line(1)), sqs_record("m9", line(9))
    for middle in (2, 3):
        deliver({"Records": [first, sqs_record(f"m{middle}", line(middle)), last]}, objects)
    ids = [each["event_id"] for key in objects.list("") for each in lines_of(objects, key)]
    assert sorted(ids) == ["e1", "e1", "e2", "e3", "e9", "e9"]
    deliver({"Records": [last, sqs_record("m2", line(2)), first]}, objects)
    assert len(objects.list("")) == 2


def test_events_from_the_future_beyond_a_few_minutes_go_to_quarantine() -> None:
    objects = InMemoryObjectStore()

    def ahead(seconds: float) -> bytes:
        event = Event.from_line(line(1)).model_copy(update={"timestamp": NOON + timedelta(seconds=seconds)})
        return event.to_line()

    batch = {
        "Records": [kinesis_record(1, ahead(300)), kinesis_record(2, ahead(300.001)), kinesis_record(3, ahead(-1e8))]
    }
    assert deliver(batch, objects) == {"batchItemFailures": []}
    assert len(lines_of(objects, f"{EVENTS}-1-3.ndjson.gz")) == 2
    (entry,) = lines_of(objects, f"{QUARANTINE}-1-3.ndjson.gz")
    assert entry["reason"] == (
        "timestamp: lies more than 300 seconds after its arrival at 2026-03-01T12:00:00.000000Z, "
        "got 2026-03-01T12:05:00.001000Z"
    )
    strict = Deliverer(objects, InMemoryTallyStore(), SettableClock(), timedelta(seconds=10))
    assert strict.deliver([Record("shard", "1", NOON, ahead(11))]).quarantined == 1


KEY = ArmsKey("checkout", 1)


def of_arm(number: int, event_type: str) -> bytes:
    return (
        Event.from_line(line(number))
        .model_copy(
            update={"event_type": event_type, "experiment_name": "checkout", "group_name": "a", "config_version": 1}
        )
        .to_line()
    )


def test_arms_are_tallied_once_an_event_id_however_batches_overlap() -> None:
    objects, tallies = InMemoryObjectStore(), InMemoryTallyStore()
    records = [kinesis_record(n, of_arm(n, "click" if n % 3 else "exposure")) for n in range(1, 10)]
    for part in (records, records, records[:4], records[4:], [*records[3:], kinesis_record(10, of_arm(9, "click"))]):
        deliver({"Records": part}, objects, tallies)
    assert tallies.tallies(KEY) == {"a": Tally(exposures=3, rewards=6)}


def test_an_id_that_two_events_of_a_batch_have_counts_for_the_first() -> None:
    tallies = InMemoryTallyStore()
    records = [kinesis_record(1, of_arm(1, "click")), kinesis_record(2, of_arm(1, "exposure"))]
    deliver({"Records": records}, InMemoryObjectStore(), tallies)
    assert tallies.tallies(KEY) == {"a": Tally(exposures=0, rewards=1)}


class FailingTallies(InMemoryTallyStore):
    def add(self, marks: Mapping[str, Mark], now: datetime) -> int:
        raise DependencyUnavailable("the arm table")


def test_what_could_not_be_tallied_must_come_again() -> None:
    objects = InMemoryObjectStore()
    batch = {"Records": [kinesis_record(1, of_arm(1, "exposure"))]}
    assert deliver(batch, objects, FailingTallies()) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    tallies = InMemoryTallyStore()
    assert deliver(batch, objects, tallies) == {"batchItemFailures": []}
    assert tallies.tallies(KEY) == {"a": Tally(1, 0)}


def test_lag_size_and_failures_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    objects = InMemoryObjectStore()
    clock = SettableClock(NOON + timedelta(seconds=90))
    deliverer = Deliverer(objects, InMemoryTallyStore(), clock)
    records = [kinesis_record(1, of_arm(1, "click")), kinesis_record(2, b"{"), kinesis_record(3, line(3))]
    deliver_event({"Records": records}, deliverer, FailedBatches(None))
    deliver_event({"Records": records}, Deliverer(FullBucket(), InMemoryTallyStore(), clock), FailedBatches(None))
    written = [json.loads(each) for each in capsys.readouterr().out.splitlines() if '"_aws"' in each]
    values = [(name, each[name]) for each in written for name in each if name.startswith(("event_", "delivery_"))]
    size = sum(len(objects.get(key)) for key in objects.list(""))
    assert values == [
        ("delivery_lag_seconds", [90.0]),
        ("event_delivered_total", [2.0]),
        ("event_quarantined_total", [1.0]),
        ("event_tallied_total", [1.0]),
        ("delivery_bytes", [float(size)]),
        ("delivery_lag_seconds", [90.0]),
        ("delivery_failed_total", [3.0]),
    ]


class FullBucket(InMemoryObjectStore):
    def put(self, key: str, body: bytes, content_type: str) -> None:
        if "hour=12" in key:
            raise DependencyUnavailable("the object store")
        super().put(key, body, content_type)


def test_what_could_not_be_written_must_come_again() -> None:
    objects = FullBucket()
    next_hour = datetime(2026, 3, 1, 13, 0, 1, tzinfo=UTC)
    batch = {"Records": [kinesis_record(n, line(n)) for n in (1, 2)] + [kinesis_record(3, line(3), next_hour)]}
    assert deliver(batch, objects) == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]}
    assert objects.list("") == ["events/dt=2026-03-01/hour=13/shardId-000000000000-3-3.ndjson.gz"]
    messages = {"Records": [sqs_record("m1", line(1))]}
    assert deliver(messages, objects) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


class ShardFake:
    """One shard that answers in small pages."""

    def __init__(self, numbers: range, *, trimmed: bool = False) -> None:
        self._numbers = list(numbers)
        self._trimmed = trimmed

    def get_shard_iterator(self, **arguments: str) -> dict[str, str]:
        assert (arguments["StreamName"], arguments["ShardId"]) == ("events", "shardId-000000000000")
        assert arguments["ShardIteratorType"] == "AT_SEQUENCE_NUMBER"
        if self._trimmed:
            raise ClientError({"Error": {"Code": "InvalidArgumentException", "Message": ""}}, "GetShardIterator")
        return {"ShardIterator": arguments["StartingSequenceNumber"]}

    def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803 - as boto3
        page = [number for number in self._numbers if number >= int(ShardIterator)][:2]
        return {
            "Records": [{"SequenceNumber": str(n), "ApproximateArrivalTimestamp": NOON, "Data": line(n)} for n in page],
            "NextShardIterator": str(page[-1] + 1) if page else ShardIterator,
            "MillisBehindLatest": 0,
        }


def given_up(first: int, last: int) -> dict[str, Any]:
    information = {
        "shardId": "shardId-000000000000",
        "startSequenceNumber": str(first),
        "endSequenceNumber": str(last),
        "batchSize": last - first + 1,
        "streamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/events",
    }
    return sqs_record("given-up", json.dumps({"KinesisBatchInfo": information}).encode())


@pytest.mark.parametrize(("first", "last", "kept"), [(3, 7, range(1, 20)), (3, 7, range(5, 20)), (3, 7, range(1, 6))])
def test_a_batch_that_was_given_up_is_read_again_from_the_stream(first: int, last: int, kept: range) -> None:
    objects = InMemoryObjectStore()
    batch = {"Records": [given_up(first, last), sqs_record("m1", line(1))]}
    assert deliver(batch, objects, kinesis=ShardFake(kept)) == {"batchItemFailures": []}
    ids = {each["event_id"] for key in objects.list("events/") for each in lines_of(objects, key)}
    assert ids == {"e1"} | {f"e{n}" for n in range(first, last + 1) if n in kept}


def test_a_batch_that_was_given_up_stays_in_its_queue_while_it_cannot_be_written() -> None:
    batch = {"Records": [given_up(3, 7)]}
    assert deliver(batch, FullBucket(), kinesis=ShardFake(range(1, 9))) == {
        "batchItemFailures": [{"itemIdentifier": "given-up"}]
    }


def test_a_batch_that_the_stream_keeps_no_longer_is_counted_as_lost(capsys: pytest.CaptureFixture[str]) -> None:
    objects = InMemoryObjectStore()
    assert deliver({"Records": [given_up(3, 7)]}, objects, kinesis=ShardFake(range(0), trimmed=True)) == {
        "batchItemFailures": []
    }
    assert '"event_lost_total":[5.0]' in capsys.readouterr().out.replace(" ", "")


def test_an_event_that_speaks_of_batches_is_an_event() -> None:
    objects = InMemoryObjectStore()
    speaking = Event.from_line(line(1)).model_copy(update={"metadata": {"KinesisBatchInfo": {}}})
    assert deliver({"Records": [sqs_record("m1", speaking.to_line())]}, objects) == {"batchItemFailures": []}
    assert len(objects.list("events/")) == 1


def test_settings_decide_on_the_future_and_on_how_long_ids_are_remembered() -> None:
    settings = Settings(
        event_bucket="b", arms_table="a", tallied_events_table="t", event_retention_days=30, max_future_seconds=60
    )
    deliverer = _build_deliverer(settings)
    assert deliverer._max_future == timedelta(minutes=1)
    assert isinstance(deliverer._tallies, DynamoTallyStore)
    assert deliverer._tallies._remember == timedelta(days=30)
    assert (deliverer._tallies._arms.name, deliverer._tallies._ids.name) == ("a", "t")
    assert deliverer._tallies._shards.count == 8


def test_a_stack_without_a_table_of_ids_keeps_no_tallies() -> None:
    deliverer = _build_deliverer(Settings(event_bucket="b", arms_table="a"))
    assert isinstance(deliverer._tallies, NoTallies)


@pytest.mark.parametrize(
    "fault",
    [
        {"kinesis": {"sequenceNumber": "7", "data": "e30=", "approximateArrivalTimestamp": "soon"}},
        {"kinesis": {"sequenceNumber": "7", "data": "no base64", "approximateArrivalTimestamp": 1}},
        {"kinesis": {"sequenceNumber": "7"}},
        {"kinesis": {"sequenceNumber": "../7", "data": "e30=", "approximateArrivalTimestamp": 1}},
        {
            "eventID": "../secrets:7",
            "kinesis": {"sequenceNumber": "7", "data": "e30=", "approximateArrivalTimestamp": 1},
        },
        {"messageId": "7", "body": 3},
        {"messageId": "7", "body": "{}", "attributes": {"SentTimestamp": "-9999999999999999"}},
    ],
)
def test_a_record_that_is_not_as_aws_writes_them_goes_to_quarantine_whole(fault: dict[str, Any]) -> None:
    objects = InMemoryObjectStore()
    entry = {"eventID": "shardId-000000000000:7", **fault}
    assert deliver({"Records": [entry, kinesis_record(8, line(8))]}, objects) == {"batchItemFailures": []}
    (quarantined,) = objects.list("quarantine/")
    (found,) = lines_of(objects, quarantined)
    assert json.loads(base64.b64decode(found["data"])) == entry
    assert quarantined.count("/") == 3
    assert len(objects.list("events/")) == 1


@pytest.mark.parametrize("event", [None, [], {}, {"Records": None}, {"Records": [None, {}, {"messageId": ""}]}])
def test_what_nobody_could_send_again_is_not_asked_for(event: Any) -> None:
    objects = InMemoryObjectStore()
    assert deliver(event, objects) == {"batchItemFailures": []}
    assert objects.list("") == []
