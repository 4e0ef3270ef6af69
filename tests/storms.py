"""Storms: everything between a caller and the files fails at random, and nothing may be lost or counted twice.

The code under test is the real one, from the entry points down to the stores. What stands in for AWS holds data
as AWS does, and fails by a seed: before a call, so that nothing happened, or after it, so that something did.
"""

import base64
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from botocore.exceptions import ReadTimeoutError

from bakeoff.standin.retries import Attempt, BatchFailedError, RetryPolicy, deliver_in_order, failed_items
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.events.intake import EventIntake
from bakeoff_core.events.model import Event
from bakeoff_core.events.recorder import EventRecorder
from bakeoff_core.http import HttpApi
from bakeoff_core.stores.arms import ArmsKey
from bakeoff_core.stores.objects import InMemoryObjectStore, ObjectStore
from bakeoff_core.stores.streams import InMemoryEventSink, KinesisEventStream
from bakeoff_core.stores.tallies import InMemoryTallyStore, Mark, Tally, TallyStore
from deliver import deliver
from delivery import Deliverer
from failed_batches import FailedBatches
from ingest import build_api
from tests.support import NOON, SettableClock, http_event

SHARDS = 3
GROUPS = ("control", "treatment")

_EVENTS_A_REQUEST = 500
_RECORDS_A_BATCH = 2_000


class Crash(Exception):
    """The function's process ends here."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How likely what is to fail, each as a probability.

    Attributes:
        refused: A record, by Kinesis.
        unanswered: A PutRecords call, after Kinesis took its records.
        failing: A write, without effect.
        crash_before: The process, right before a write.
        crash_after: The process, right after a write.
        repeated: A batch that was delivered is delivered again, later.
        split: A batch comes in two overlapping parts.
        reordered: A batch's records come in another order.
    """

    refused: float = 0
    unanswered: float = 0
    failing: float = 0
    crash_before: float = 0
    crash_after: float = 0
    repeated: float = 0
    split: float = 0
    reordered: float = 0


class StormyKinesis:
    """A stream of some shards."""

    def __init__(self, weather: Weather, random: Random) -> None:
        self.shards: list[list[dict[str, Any]]] = [[] for _ in range(SHARDS)]
        self._weather = weather
        self._random = random
        self._arrived = 0

    def put_records(self, *, StreamName: str, Records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as boto3
        answers = [self._take(record) for record in Records]
        if self._random.random() < self._weather.unanswered:
            raise ReadTimeoutError(endpoint_url="kinesis")
        return {"Records": answers}

    def _take(self, record: Mapping[str, Any]) -> dict[str, str]:
        if self._random.random() < self._weather.refused:
            return {"ErrorCode": "ProvisionedThroughputExceededException"}
        self._arrived += 1
        number = hash_of(record["PartitionKey"]) % SHARDS
        sequence = f"4959{self._arrived:016}"
        self.shards[number].append(
            {
                "eventID": f"shardId-{number:012}:{sequence}",
                "kinesis": {
                    "sequenceNumber": sequence,
                    "approximateArrivalTimestamp": (NOON + timedelta(milliseconds=40 * self._arrived)).timestamp(),
                    "data": base64.b64encode(record["Data"]).decode(),
                },
            }
        )
        return {"SequenceNumber": sequence}


def hash_of(text: str) -> int:
    """A hash that is the same in every process."""
    return sum(text.encode())


class Fate:
    """Decides what becomes of a write."""

    def __init__(self, weather: Weather, random: Random) -> None:
        self._weather = weather
        self._random = random
        self.calm = False

    def before(self) -> None:
        """Fail before the write, perhaps."""
        if self.calm:
            return
        if self._random.random() < self._weather.failing:
            raise DependencyUnavailable("the store")
        if self._random.random() < self._weather.crash_before:
            raise Crash

    def after(self) -> None:
        """Fail after the write, perhaps."""
        if not self.calm and self._random.random() < self._weather.crash_after:
            raise Crash


class StormyObjects(InMemoryObjectStore):
    """Objects whose writes may fail."""

    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self._fate = fate

    def put(self, key: str, body: bytes, content_type: str) -> None:
        self._fate.before()
        super().put(key, body, content_type)
        self._fate.after()

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._fate.before()
            super().delete([key])
            self._fate.after()


class StormyTallies(InMemoryTallyStore):
    """Tallies whose writes may fail."""

    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self._fate = fate

    def add(self, marks: Mapping[str, Mark], now: datetime) -> int:
        self._fate.before()
        new = super().add(marks, now)
        self._fate.after()
        return new


@dataclass(frozen=True, slots=True)
class Truth:
    """What callers were told is accepted."""

    ids: frozenset[str]
    units: dict[str, int]
    visits: dict[str, float]
    converted: dict[str, int]
    tallies: dict[str, Tally]


@dataclass(slots=True)
class Storm:
    """One way from callers to files.

    Attributes:
        weather: What fails.
        random: Decides when.
        kinesis: The stream.
        objects: The event bucket.
        tallies: The tallies.
        queue: The fallback queue.
    """

    weather: Weather
    random: Random
    kinesis: Any
    objects: ObjectStore
    tallies: TallyStore
    queue: InMemoryEventSink
    clock: SettableClock

    def send(self, count: int) -> Truth:
        """Send so many events, as often as it takes until each is accepted."""
        stream = KinesisEventStream(self.kinesis, "events", sleep=lambda _seconds: None, uniform=lambda low, _high: low)
        api = build_api(EventIntake(stream, self.clock))
        recorder = EventRecorder(stream, self.queue, self.clock)
        reports = [_report(number) for number in range(count)]
        accepted = {report["event_id"] for report in reports}
        pending = [report for number, report in enumerate(reports) if number % 10]
        for report in reports[::10]:
            recorder.record(_event(report, self.clock()))
        while pending:
            chunk, pending = pending[:_EVENTS_A_REQUEST], pending[_EVENTS_A_REQUEST:]
            pending += self._request(api, chunk)
        return _truth(reports, frozenset(accepted))

    def deliver(self) -> None:
        """Deliver everything, in whatever way the weather has it."""
        batches: list[tuple[bool, list[dict[str, Any]]]] = []
        for shard in self.kinesis.shards:
            start = 0
            while start < len(shard):
                size = self.random.randint(1, _RECORDS_A_BATCH)
                batches.append((True, shard[start : start + size]))
                start += size
        messages = [_message(event, index) for index, event in enumerate(self.queue.events)]
        batches += [(False, messages[start : start + 100]) for start in range(0, len(messages), 100)]
        if self.weather.repeated:
            self.random.shuffle(batches)
        while batches:
            ordered, batch = batches.pop()
            for part in self._parts(batch):
                self._deliver(ordered, part)
            if self.random.random() < self.weather.repeated:
                batches.insert(self.random.randint(0, len(batches)), (ordered, batch))

    def _request(self, api: HttpApi, chunk: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = api.resolve(http_event("POST", "/ab_test/events", json.dumps(chunk)))
        if answer["statusCode"] == 503:
            return chunk
        assert answer["statusCode"] == 202, answer
        results = json.loads(answer["body"])["results"]
        return [chunk[result["index"]] for result in results if result["status"] == "rejected"]

    def _parts(self, batch: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        parts = [batch]
        if len(batch) > 2 and self.random.random() < self.weather.split:
            middle = self.random.randint(1, len(batch) - 1)
            overlap = self.random.randint(0, middle)
            parts = [batch[middle - overlap :], batch[:middle]]
        if self.random.random() < self.weather.reordered:
            parts = [self.random.sample(part, len(part)) for part in parts]
        return parts

    def _deliver(self, ordered: bool, records: Sequence[dict[str, Any]]) -> None:  # noqa: FBT001 - a test's own helper
        deliverer = Deliverer(self.objects, self.tallies, self.clock)

        def send(part: Sequence[Mapping[str, Any]]) -> int | None:
            ids = [_identifier(record) for record in part]
            try:
                failed = failed_items(deliver({"Records": part}, deliverer, FailedBatches(None)), ids)
            except Crash as crash:
                raise BatchFailedError from crash
            return ids.index(failed[0]) if failed else None

        def give_up(attempt: Attempt) -> None:
            raise AssertionError(f"gave up {len(attempt.records)} records")

        # A queue's messages come again together here; its own rules would shuffle them, which `split` does already.
        deliver_in_order(
            records,
            RetryPolicy(bisect=ordered, max_attempts=None),
            send=send,
            give_up=give_up,
            pause=lambda _retries: True,
        )


def storm(weather: Weather, seed: int) -> tuple[Storm, Fate]:
    """Make a storm over stores in memory."""
    random = Random(seed)  # noqa: S311 - a simulation
    fate = Fate(weather, random)
    return (
        Storm(
            weather,
            random,
            StormyKinesis(weather, random),
            StormyObjects(fate),
            StormyTallies(fate),
            InMemoryEventSink(),
            SettableClock(NOON),
        ),
        fate,
    )


def ids_in_files(objects: ObjectStore) -> set[str]:
    """The ids of all delivered events."""
    return {
        json.loads(line)["event_id"]
        for key in objects.list("events/")
        for line in gzip.decompress(objects.get(key)).splitlines()
    }


def _report(number: int) -> dict[str, Any]:
    """One of a unit's five events: an exposure, three visits and, for every other unit, a click."""
    unit, step = divmod(number, 5)
    at = NOON - timedelta(hours=3) + timedelta(seconds=step)
    event_type = "assignment" if step == 0 else "click" if step == 4 and unit % 2 else "visit"
    return {
        "event_id": f"e{number}",
        "user_id": f"u{unit}",
        "event_type": event_type,
        "event_value": float(number),
        "experiment_name": "checkout_button",
        "timestamp": at.isoformat(),
        "metadata": {"group_name": GROUPS[unit % 3 % 2], "config_version": 1},
    }


def _event(report: dict[str, Any], now: datetime) -> Event:
    return Event(
        event_id=report["event_id"],
        event_type=report["event_type"],
        user_id=report["user_id"],
        timestamp=report["timestamp"],
        received_at=now,
        event_value=report["event_value"],
        experiment_name=report["experiment_name"],
        group_name=report["metadata"]["group_name"],
        config_version=1,
        metadata=report["metadata"],
    )


def _truth(reports: Sequence[dict[str, Any]], ids: frozenset[str]) -> Truth:
    units: Counter[str] = Counter()
    visits: dict[str, float] = defaultdict(float)
    converted: Counter[str] = Counter()
    exposures: Counter[str] = Counter()
    rewards: Counter[str] = Counter()
    for report in reports:
        group, kind = report["metadata"]["group_name"], report["event_type"]
        exposed = kind == "assignment"
        units[group] += exposed
        exposures[group] += exposed
        rewards[group] += not exposed
        converted[group] += kind == "click"
        visits[group] += report["event_value"] if kind == "visit" else 0
    tallies = {group: Tally(exposures[group], rewards[group]) for group in GROUPS}
    return Truth(ids, dict(units), dict(visits), dict(converted), tallies)


def _message(event: Event, index: int) -> dict[str, Any]:
    return {
        "messageId": f"m{index:06}",
        "attributes": {"SentTimestamp": str(int(NOON.timestamp() * 1_000))},
        "body": event.to_line().decode(),
    }


def _identifier(record: Mapping[str, Any]) -> str:
    identifier: str = record["kinesis"]["sequenceNumber"] if "kinesis" in record else record["messageId"]
    return identifier


KEY = ArmsKey("checkout_button", 1)
