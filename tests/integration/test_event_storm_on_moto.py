"""A small storm over the real stores on AWS as moto plays it, with faults below the stores, in the clients."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from random import Random
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from bakeoff.standin.source_events import kinesis_record
from bakeoff_core.lake.compaction import Compactor
from bakeoff_core.stores.aws import client, table
from bakeoff_core.stores.objects import S3ObjectStore
from bakeoff_core.stores.tallies import DynamoTallyStore
from tests.aws import create_table
from tests.integration.test_event_storms import assert_counts, settled, summary_of
from tests.storms import KEY, Crash, Weather, ids_in_files, storm

STORM = Weather(refused=0.3, unanswered=0.1, failing=0.1, crash_before=0.05, crash_after=0.05, repeated=0.3, split=0.4)


class Faulty:
    """A client some of whose calls fail: without effect, after their effect, or with the process."""

    def __init__(self, real: Any, names: Sequence[str], random: Random) -> None:
        self._real = real
        self._names = names
        self._random = random
        self.calm = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        return self._unreliable(name, real) if name in self._names else real

    def _unreliable(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            if not self.calm:
                self._fail(name, STORM.failing / 2, STORM.crash_before)
            answer = real(**arguments)
            if not self.calm:
                self._fail(name, STORM.failing / 2, STORM.crash_after)
            return answer

        return call

    def _fail(self, name: str, failing: float, crashing: float) -> None:
        if self._random.random() < failing:
            error = {"Error": {"Code": "InternalServerError", "Message": ""}}
            raise self._random.choice([ReadTimeoutError(endpoint_url=""), ClientError(error, name)])  # type: ignore[arg-type]
        if self._random.random() < crashing:
            raise Crash


class FaultyTable:
    """A table whose client is faulty."""

    def __init__(self, real: Any, random: Random) -> None:
        self.name = real.name
        self.meta = self
        self.client = Faulty(real.meta.client, ["transact_write_items"], random)


class MotoShards:
    """The stream on moto: refuses and stays silent by the weather, and shows its shards as the stand-in reads them."""

    def __init__(self, random: Random) -> None:
        self._real = boto3.client("kinesis")
        self._random = random

    def put_records(self, *, StreamName: str, Records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3
        refused = [self._random.random() < STORM.refused for _ in Records]
        taken = [record for record, no in zip(Records, refused, strict=True) if not no]
        if taken:
            self._real.put_records(StreamName=StreamName, Records=taken)  # type: ignore[arg-type]  # as they came
        if self._random.random() < STORM.unanswered:
            raise ReadTimeoutError(endpoint_url="kinesis")
        return {"Records": [{"ErrorCode": "ProvisionedThroughputExceededException"} if no else {} for no in refused]}

    @property
    def shards(self) -> list[list[dict[str, Any]]]:
        """The records of each shard, as Lambda hands them over."""
        return [self._records(shard["ShardId"]) for shard in self._real.list_shards(StreamName="events")["Shards"]]

    def _records(self, shard: str) -> list[dict[str, Any]]:
        iterator = self._real.get_shard_iterator(StreamName="events", ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        found: list[dict[str, Any]] = []
        while True:
            answer = self._real.get_records(ShardIterator=iterator)
            if not answer["Records"]:
                return found
            found += [
                kinesis_record(record, shard=shard, stream_arn="arn:stream/events", region="us-east-1")
                for record in answer["Records"]
            ]
            iterator = answer["NextShardIterator"]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        boto3.client("kinesis").create_stream(StreamName="events", ShardCount=2)
        boto3.client("s3").create_bucket(Bucket="lake")
        create_table("arms", "name", "item")
        create_table("ids", "event_id")
        yield


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 300), *(pytest.param(seed, 1_000, marks=pytest.mark.slow) for seed in (2, 3))]
)
def test_every_accepted_event_counts_exactly_once(aws: None, seed: int, count: int) -> None:
    random = Random(seed)  # noqa: S311 - a simulation
    s3 = Faulty(client("s3"), ["put_object", "delete_objects"], random)
    arms = FaultyTable(table("arms"), random)
    ids = table("ids")
    objects = S3ObjectStore(s3, "lake")
    tallies = DynamoTallyStore(arms, ids, timedelta(days=400), sleep=lambda _seconds: None)
    weathered, _fate = storm(STORM, seed)
    weathered = replace(weathered, kinesis=MotoShards(random), objects=objects, tallies=tallies)

    truth = weathered.send(count)
    # moto stamps records with the real time, which is the arrival that their files are named for.
    weathered.deliver()
    s3.calm = arms.client.calm = True
    assert ids_in_files(objects) == truth.ids
    assert DynamoTallyStore(table("arms"), ids, timedelta(days=400)).tallies(KEY) == truth.tallies
    before = summary_of(objects)
    assert_counts(before, truth)

    s3.calm = False
    weathered.clock.now = boto3.client("kinesis").describe_stream(StreamName="events")["StreamDescription"][
        "StreamCreationTimestamp"
    ] + timedelta(days=1)
    while objects.list("events/"):
        try:
            Compactor(objects, weathered.clock).run()
        except Exception:  # noqa: BLE001, S112 - whatever the faults lead to, the next run goes on
            continue
        weathered.clock.advance(4_000)
    s3.calm = True
    assert settled(asdict(summary_of(objects))) == settled(asdict(before))
