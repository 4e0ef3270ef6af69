"""What happens at scale where plain arithmetic does not tell: the project's own code, with much traffic made up.

Hot experiments, shards of the stream, the counters of arms, and a change of a configuration that many containers have
in memory. Everything is drawn from a seed, so that the same comes out each time.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from math import inf
from random import Random
from typing import Any

from botocore.exceptions import ClientError

from bakeoff_core.assignment.assigner import Assigner
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.events.model import Event
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.counters import Shards
from bakeoff_core.stores.experiments import Audit, CachedExperiments, InMemoryExperimentStore
from bakeoff_core.stores.streams import KinesisEventStream
from bakeoff_core.stores.tallies import DynamoTallyStore, Mark, mark_of
from benchmarks.report import Row, at_least, at_most, main
from benchmarks.scale_model import (
    BATCH_RECORDS,
    GIVEN,
    HUNDRED_MILLION,
    HUNDRED_MILLION_SAMPLED,
    LIMITS,
    MILLION,
    TEN_BILLION,
    Setup,
    conflict_share,
    needs,
)

TITLE = "Scale"

SEED = 20_260_105
START = datetime(2026, 1, 5, tzinfo=UTC)
SCALES = (MILLION, HUNDRED_MILLION, TEN_BILLION)
CONFIGURATION_MAX_AGE = 10
DEFAULT_COUNTER_SHARDS = 8  # of template.yaml
_TRANSACTION_UNITS = 2  # of writing an item of a kilobyte


def _random(name: str) -> Random:
    return Random(f"{SEED} {name}")  # noqa: S311 - a simulation


def experiment(name: str) -> Experiment:
    """Make a running experiment of two groups.

    Args:
        name: Its name.
    """
    return Experiment.model_validate(
        {
            "name": name,
            "groups": [{"name": "a", "weight": 0.5}, {"name": "b", "weight": 0.5}],
            "metrics": ["click_rate"],
            "status": "running",
            "created_at": START,
            "updated_at": START,
        }
    )


class SteppedClock:
    """A clock that the simulation sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> datetime:
        """Tell the simulated time."""
        return START + timedelta(seconds=self.seconds)


class CountedStore(InMemoryExperimentStore):
    """Experiments in memory that are counted as they are read, and refused beyond a capacity.

    Args:
        clock: The time.
        capacity: Readings of an item in a second, beyond which it is throttled.
        away: From when until when nothing is answered.
    """

    def __init__(self, clock: SteppedClock, capacity: float = inf, away: tuple[float, float] = (inf, inf)) -> None:
        super().__init__()
        self._clock = clock
        self._capacity = capacity
        self._away = away
        self.asked: Counter[tuple[str, int]] = Counter()
        self.refused = 0

    def get(self, name: str) -> Experiment:
        """Read an experiment, unless it is read too often or the table is away."""
        second = (name, int(self._clock.seconds))
        self.asked[second] += 1
        if self._away[0] <= self._clock.seconds < self._away[1] or self.asked[second] > self._capacity:
            self.refused += 1
            raise DependencyUnavailable("the experiment table")
        return super().get(name)


# Hot experiments


@dataclass(frozen=True, slots=True)
class HotExperiment:
    """What a configuration cache makes of traffic that mostly goes to one experiment.

    Attributes:
        containers: That serve.
        hit_rate: Share of the requests for which nothing was read.
        reads: Readings of the busiest experiment's item a second, of all containers.
        share: What they are of a partition's limit.
        others: Readings of all other experiments' items a second.
    """

    containers: int
    hit_rate: float
    reads: float
    share: float
    others: float


def hot_experiment(setup: Setup, seconds: int = 90, sample: int = 20) -> HotExperiment:
    """Send requests, of which one experiment gets a large share, through some of the containers.

    Args:
        setup: The scale.
        seconds: For how long, after as long as an answer serves, in which the containers come to know what there is.
        sample: Containers that are simulated; what they read is scaled up.
    """
    random, clock, need = _random("hot"), SteppedClock(), needs(setup)
    store = CountedStore(clock)
    names = [f"experiment-{number}" for number in range(setup.experiments)]
    for name in names:
        store.put(experiment(name), Audit("simulation", "create", START))
    containers = min(sample, need.predict_containers)
    assigners = [
        Assigner(
            CachedExperiments(store, setup.configuration_seconds, clock, lambda _name: None, uniform=random.uniform),
            clock,
        )
        for _ in range(containers)
    ]
    rate = need.requests * containers / need.predict_containers
    requests, moment = 0, 0.0
    begin = setup.configuration_seconds
    while (moment := moment + random.expovariate(rate)) < begin + seconds:
        clock.seconds = moment
        hot = random.random() < GIVEN.hot_share
        name = names[0] if hot else names[random.randrange(1, len(names))]
        assigners[random.randrange(containers)].assign(name, f"user-{random.randrange(10**6)}", {})
        requests += moment >= begin
    read = Counter[str]()
    for (name, second), count in store.asked.items():
        read[name] += count if second >= begin else 0
    scale = need.predict_containers / containers / seconds
    # Each reading of a small item is half a unit.
    reads = read[names[0]] * scale
    return HotExperiment(
        containers=need.predict_containers,
        hit_rate=1 - read.total() / requests,
        reads=reads,
        share=reads / 2 / LIMITS["partition_reads"].value,
        others=(read.total() - read[names[0]]) * scale,
    )


# Shards of the stream


class ShardedStream:
    """A Kinesis client that counts the records of each shard, which it chooses as Kinesis does.

    Args:
        shards: How many there are, each with an equal part of the keys' hashes.
    """

    def __init__(self, shards: int) -> None:
        self.records = [0] * shards

    def put_records(self, *, Records: Sequence[Mapping[str, Any]], **_: object) -> Mapping[str, Any]:  # noqa: N803
        """Take records."""
        for record in Records:
            self.records[shard_of(record["PartitionKey"], len(self.records))] += 1
        return {"Records": [{} for _ in Records]}


def shard_of(partition_key: str, shards: int) -> int:
    """Choose the shard of a key: the part of the range of 128-bit numbers in which its MD5 falls."""
    return int.from_bytes(md5(partition_key.encode(), usedforsecurity=False).digest()) * shards >> 128


@dataclass(frozen=True, slots=True)
class ShardSkew:
    """How unevenly units fall onto shards.

    Attributes:
        shards: How many there are.
        skew: Records of the fullest shard over those of the mean one.
        throttled: Share of the records that come to a shard beyond what it takes, where all shards together are loaded
            to four fifths.
    """

    shards: int
    skew: float
    throttled: float


@dataclass(frozen=True, slots=True)
class Population:
    """Who sends events.

    Attributes:
        name: As the tables call it.
        units: How many there are.
        exponent: Of Zipf's law; 0 where all send alike.
        robot: The share of all events that is one unit's.
    """

    name: str
    units: int = 20_000
    exponent: float = 0
    robot: float = 0

    def weights(self) -> list[float]:
        """Each unit's share of the events."""
        raw = [(rank + 1) ** -self.exponent for rank in range(self.units)]
        rest = (1 - self.robot) / sum(raw)
        return [self.robot, *(each * rest for each in raw)]


POPULATIONS = (
    Population("all alike"),
    Population("power users, Zipf 0.6", exponent=0.6),
    Population("power users, Zipf 1", exponent=1),
    Population("one robot sends 1%", robot=0.01),
)
SHARD_COUNTS = (4, 16, 64, 256)
_LOAD = 0.8


def shard_skew(population: Population, counts: Iterable[int] = SHARD_COUNTS) -> list[ShardSkew]:
    """Put an event of each unit onto streams, and weigh the units by how many events they send.

    Args:
        population: Who sends events.
        counts: The numbers of shards.
    """
    weights = population.weights()
    keys = partition_keys(len(weights))
    found = []
    for shards in counts:
        loads = [0.0] * shards
        for key, weight in zip(keys, weights, strict=True):
            loads[shard_of(key, shards)] += weight
        capacity = 1 / shards / _LOAD
        throttled = sum(max(0.0, load - capacity) for load in loads)
        found.append(ShardSkew(shards, max(loads) * shards, throttled))
    return found


def partition_keys(units: int) -> list[str]:
    """Have the stream's own code choose the partition keys of an event of each unit.

    Args:
        units: How many units there are.
    """
    keys: list[str] = []

    class Listening(ShardedStream):
        def put_records(self, *, Records: Sequence[Mapping[str, Any]], **_: object) -> Mapping[str, Any]:  # noqa: N803
            keys.extend(record["PartitionKey"] for record in Records)
            return {"Records": [{} for _ in Records]}

    KinesisEventStream(Listening(1), "events").put([_event(number) for number in range(units)])
    return keys


def _event(number: int, event_type: str = "exposure", name: str = "hot", group: str = "a") -> Event:
    return Event(
        event_id=f"event-{number}",
        event_type=event_type,
        user_id=f"user-{number}",
        timestamp=START,
        received_at=START,
        experiment_name=name,
        group_name=group,
        config_version=1,
    )


# Counters


class Ledger:
    """A table of DynamoDB in memory: transactions add to items, and some meet another transaction.

    Args:
        random: Chooses them.
        conflicts: Their share.
    """

    def __init__(self, random: Random, conflicts: float = 0) -> None:
        self.name = "arms"
        self.meta = self
        self.client = self
        self.counts: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self.transactions = 0
        self.succeeded = 0
        self._ids: set[str] = set()
        self._random = random
        self._conflicts = conflicts

    def transact_write_items(self, *, TransactItems: Sequence[Mapping[str, Any]]) -> None:  # noqa: N803
        """Write all or nothing."""
        self.transactions += 1
        ids = [each["Put"]["Item"]["event_id"] for each in TransactItems if "Put" in each]
        updates = [each["Update"] for each in TransactItems if "Update" in each]
        reasons = ["ConditionalCheckFailed" if each in self._ids else "None" for each in ids]
        if self._random.random() < self._conflicts:
            reasons += ["TransactionConflict"] * len(updates)
        if any(reason != "None" for reason in reasons):
            response = {
                "Error": {"Code": "TransactionCanceledException", "Message": ""},
                "CancellationReasons": [{"Code": reason} for reason in reasons],
            }
            raise ClientError(response, "TransactWriteItems")  # type: ignore[arg-type] # as botocore makes them
        self.succeeded += 1
        self._ids.update(ids)
        for update in updates:
            key = f"{update['Key']['name']} {update['Key']['item']}"
            self.writes[key] += 1
            self.counts[key] += sum(update["ExpressionAttributeValues"].values())


@dataclass(frozen=True, slots=True)
class CounterLoad:
    """What tallying the busiest experiment does to the items of an arm.

    Attributes:
        transactions: Transactions a second that add to it.
        shards: Items that it is spread over.
        units: Write units a second on one item.
        conflicts: Share of the transactions that meet another.
        attempts: Transactions tried for one that succeeds.
        waited: Seconds that a full batch waits between its attempts, on average.
        failed: Share of the batches that give up and come again.
    """

    transactions: float
    shards: int
    units: float
    conflicts: float
    attempts: float
    waited: float
    failed: float


def full_batch(random: Random, start: int, experiments: int) -> list[Event]:
    """Make a batch as delivery gets it: exposures and other events of the busiest experiment and of all others.

    Args:
        random: Draws which of them each event is.
        start: The number of its first event.
        experiments: How many experiments run.
    """
    exposed = 1 / (2 + GIVEN.events_per_request)
    batch = []
    for number in range(start, start + BATCH_RECORDS):
        hot = random.random() < GIVEN.hot_share
        name = "hot" if hot else f"experiment-{random.randrange(1, experiments)}"
        event_type = "exposure" if random.random() < exposed else "prediction"
        batch.append(_event(number, event_type, name, "ab"[random.randrange(2)]))
    return batch


def marks_of(events: Iterable[Event]) -> dict[str, Mark]:
    """Say what each event adds to which arm, by its id."""
    return {event.event_id: mark for event in events if (mark := mark_of(event)) is not None}


def hot_additions(setup: Setup, batches: int = 8) -> float:
    """Tally full batches, and say how often one adds to an arm of the busiest experiment.

    Args:
        setup: The scale.
        batches: How many are tallied.
    """
    random = _random("additions")
    ledger = Ledger(random)
    store = DynamoTallyStore(ledger, ledger, timedelta(days=1))
    for number in range(batches):
        store.add(marks_of(full_batch(random, number * BATCH_RECORDS, setup.experiments)), START)
    return ledger.writes["hot 00000001#tally#a"] / batches


def counter_load(setup: Setup, shards: int, batches: int = 60) -> CounterLoad:
    """Tally full batches, with as many conflicts as there are transactions on each item at a scale.

    Args:
        setup: The scale.
        shards: Items that each arm is spread over.
        batches: How many are tallied.
    """
    random, need = _random("counters"), needs(setup)
    transactions = need.files * hot_additions(setup)
    conflicts = conflict_share(transactions, shards)
    ledger = Ledger(random, conflicts)
    waits: list[float] = []
    store = DynamoTallyStore(
        ledger,
        ledger,
        timedelta(days=1),
        Shards(shards, random.randrange),
        sleep=waits.append,
        uniform=random.uniform,
    )
    failed = 0
    for number in range(batches):
        try:
            store.add(marks_of(full_batch(random, number * BATCH_RECORDS, setup.experiments)), START)
        except DependencyUnavailable:
            failed += 1
    return CounterLoad(
        transactions=transactions,
        shards=shards,
        units=transactions / shards * _TRANSACTION_UNITS,
        conflicts=conflicts,
        attempts=ledger.transactions / ledger.succeeded if ledger.succeeded else inf,
        waited=sum(waits) / batches,
        failed=failed / batches,
    )


# Configurations


@dataclass(frozen=True, slots=True)
class FanOut:
    """How a configuration comes to containers.

    Attributes:
        mean: Readings of the mean second, once all have known it for a while.
        peak: Of the busiest second.
        half: Seconds after a change until half of the containers have it.
        last: Until the last answer without it.
        refused: Readings that the table refused.
        stale: Share of the requests that were answered from what was known while the table did not answer.
    """

    mean: float
    peak: float
    half: float
    last: float
    refused: int
    stale: float


_SETTLED = 20  # seconds after the start


def longest(_low: float, high: float) -> float:
    """Draw no time: every answer serves as long as it may."""
    return high


@dataclass(frozen=True, slots=True)
class Fleet:
    """Containers that come to be at about the same moment.

    Attributes:
        containers: How many.
        rate: Requests a second of each.
        begun_within: Seconds within which they begin.
        seconds: For how long they are watched.
        changed_at: When the configuration changes.
        away: From when until when the table does not answer.
        capacity: Readings a second that it takes.
    """

    containers: int = 600
    rate: float = 10
    begun_within: float = 1
    seconds: float = 90
    changed_at: float = 45
    away: tuple[float, float] = (inf, inf)
    capacity: float = inf


AT_ONCE = Fleet()
#: What a partition takes of readings, 6,000 a second, for the fleet of ten billion requests a day.
OUTAGE = replace(AT_ONCE, begun_within=10, away=(30, 36), capacity=600 * 6_000 / 34_723)


def fan_out(fleet: Fleet, uniform: Callable[[float, float], float] | None = None) -> FanOut:
    """Let containers serve, each with a cache of its own, and change the configuration under them.

    Args:
        fleet: The containers.
        uniform: Draws how long an answer serves; None for the simulation's own random numbers.
    """
    random, clock = _random("fan-out"), SteppedClock()
    store = CountedStore(clock, fleet.capacity, fleet.away)
    store.put(experiment("hot"), Audit("simulation", "create", START))
    stale = Counter[str]()
    caches = [
        CachedExperiments(
            store, CONFIGURATION_MAX_AGE, clock, lambda name: stale.update([name]), uniform=uniform or random.uniform
        )
        for _ in range(fleet.containers)
    ]
    arrivals = [(random.uniform(0, fleet.begun_within), number) for number in range(fleet.containers)]
    heapq.heapify(arrivals)
    had: dict[int, float] = {}
    last, requests, unanswered, changed = 0.0, 0, 0, False
    while arrivals[0][0] < fleet.seconds:
        clock.seconds, number = arrivals[0]
        heapq.heapreplace(arrivals, (clock.seconds + random.expovariate(fleet.rate), number))
        if not changed and clock.seconds >= fleet.changed_at:
            changed = True
            store.put(
                InMemoryExperimentStore.get(store, "hot").model_copy(update={"status": "paused"}),
                Audit("simulation", "pause", START),
            )
        requests += 1
        try:
            status = caches[number].get("hot").status
        except DependencyUnavailable:
            unanswered += 1  # a container that never knew the configuration
            continue
        if changed:
            if status == "paused":
                had.setdefault(number, clock.seconds - fleet.changed_at)
            else:
                last = clock.seconds - fleet.changed_at
    by_second = [store.asked["hot", second] for second in range(_SETTLED, int(fleet.seconds))]
    return FanOut(
        mean=sum(by_second) / len(by_second),
        peak=max(by_second),
        half=sorted(had.values())[len(had) // 2] if had else inf,
        last=last,
        refused=store.refused,
        stale=(stale.total() + unanswered) / requests,
    )


# All of it


def run() -> Sequence[Row]:
    """Simulate, and hold what comes out to what AWS takes."""
    hot, remembered = hot_experiment(HUNDRED_MILLION), hot_experiment(HUNDRED_MILLION_SAMPLED)
    alike = {each.shards: each for each in shard_skew(POPULATIONS[0])}
    robot = {each.shards: each for each in shard_skew(POPULATIONS[-1])}
    single, spread = counter_load(TEN_BILLION, 1), counter_load(TEN_BILLION, needs(TEN_BILLION).counter_shards)
    default = counter_load(HUNDRED_MILLION, DEFAULT_COUNTER_SHARDS)
    together, apart, outage = fan_out(AT_ONCE, longest), fan_out(AT_ONCE), fan_out(OUTAGE)
    busiest = hot_experiment(TEN_BILLION)
    return [
        at_least(
            "share of requests whose configuration is in memory, a hundred million a day, 60 s",
            remembered.hit_rate,
            0.9,
            f"{hot.hit_rate:.2f} with ConfigurationMaxAgeSeconds of 10",
        ),
        at_most(
            "reads of the busiest experiment over a partition's, ten billion a day",
            busiest.share,
            1,
            f"{busiest.reads:,.0f} reads/s by {busiest.containers:,} containers",
        ),
        at_most("fullest shard over the mean one, 64 shards", alike[64].skew, GIVEN.shard_skew, "20,000 units alike"),
        Row("the same, one unit sending 1%", f"{robot[64].skew:.2f}", detail="no number of shards spreads one unit"),
        at_most(
            f"write units/s of a counter's item, ten billion a day, {spread.shards} items",
            spread.units,
            LIMITS["partition_writes"].value,
            f"{single.units:,.0f} on one item; {single.units * GIVEN.arms:,.0f} on all of the experiment's together, "
            "which DynamoDB has to split",
        ),
        at_most(
            f"transactions that meet another, a hundred million a day, {default.shards} items",
            default.conflicts,
            GIVEN.conflict_share,
            f"{counter_load(HUNDRED_MILLION, 1).conflicts:.2f} on one item",
        ),
        at_most(
            "busiest second over the mean one, containers begun at once",
            apart.peak / apart.mean,
            2,
            f"{together.peak / together.mean:.1f} if all answers served equally long",
        ),
        at_most(
            "seconds until no container answers by an old configuration",
            apart.last,
            CONFIGURATION_MAX_AGE,
            f"half have it after {apart.half:.1f} s",
        ),
        at_most(
            "reads over requests of the busiest second, table away for six seconds",
            outage.peak / OUTAGE.containers / OUTAGE.rate,
            0.1,
            f"{outage.peak:,} reads, {outage.mean:.0f} on average; 1 if each request asked it again",
        ),
    ]


if __name__ == "__main__":
    main(TITLE, run)
