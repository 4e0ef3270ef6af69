"""The simulation of scale: that it counts right, and that it runs the project's own code."""

from datetime import timedelta
from math import inf
from random import Random

import pytest

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.stores.arms import ArmsKey
from bakeoff_core.stores.experiments import Audit
from bakeoff_core.stores.tallies import DynamoTallyStore, InMemoryTallyStore
from benchmarks.scale_model import HUNDRED_MILLION, MILLION, TEN_BILLION, needs
from benchmarks.scale_sim import (
    DEFAULT_COUNTER_SHARDS,
    START,
    CountedStore,
    Fleet,
    Ledger,
    Population,
    ShardedStream,
    SteppedClock,
    counter_load,
    experiment,
    fan_out,
    full_batch,
    hot_additions,
    hot_experiment,
    longest,
    marks_of,
    partition_keys,
    shard_of,
    shard_skew,
)
from tests.cloudformation import source

SMALL = Fleet(containers=40, rate=10, seconds=60, changed_at=35)


def test_a_key_falls_on_the_shard_whose_part_of_the_range_its_md5_is_in() -> None:
    # md5("a") begins with 0cc1, md5("b") with 92eb
    assert [shard_of(key, 16) for key in ("a", "b")] == [0x0, 0x9]
    assert [shard_of(key, 2) for key in ("a", "b")] == [0, 1]
    assert shard_of("b", 1) == 0


def test_the_stream_counts_what_each_shard_gets() -> None:
    stream = ShardedStream(2)
    stream.put_records(Records=[{"PartitionKey": key} for key in ("a", "b", "b")])
    assert stream.records == [1, 2]


def test_units_are_the_partition_keys() -> None:
    assert partition_keys(3) == ["user-0", "user-1", "user-2"]


def test_a_robot_fills_its_shard_and_nobody_spreads_it() -> None:
    weights = Population("robot", units=100, robot=0.5).weights()
    assert (len(weights), weights[0]) == (101, 0.5)
    assert sum(weights) == pytest.approx(1)
    (one,) = shard_skew(Population("robot", units=100, robot=0.5), [10])
    assert 5 <= one.skew <= 7
    # its shard takes a tenth of what all take, which is loaded to four fifths
    assert one.throttled >= 0.5 - 0.1 / 0.8


def test_units_alike_fill_a_single_shard_evenly() -> None:
    (one,) = shard_skew(Population("alike", units=100), [1])
    assert one.skew == pytest.approx(1)
    assert one.throttled == 0


def test_zipf_weighs_by_rank() -> None:
    weights = Population("zipf", units=4, exponent=1).weights()
    assert weights == pytest.approx([0, 12 / 25, 6 / 25, 4 / 25, 3 / 25])


def test_the_ledger_adds_up_what_the_store_in_memory_does() -> None:
    ledger, memory = Ledger(Random(1)), InMemoryTallyStore()  # noqa: S311 - a simulation
    store = DynamoTallyStore(ledger, ledger, timedelta(days=1))
    batch = marks_of(full_batch(Random(2), 0, experiments=4))  # noqa: S311 - a simulation
    assert store.add(batch, START) == memory.add(batch, START) == len(batch)
    assert store.add(batch, START) == memory.add(batch, START) == 0
    tallies = memory.tallies(ArmsKey("hot", 1))
    assert {group: ledger.counts[f"hot 00000001#tally#{group}"] for group in "ab"} == {
        group: tally.exposures for group, tally in tallies.items()
    }
    assert ledger.succeeded < ledger.transactions


def test_a_batch_is_mixed_as_traffic_is() -> None:
    batch = full_batch(Random(3), 0, experiments=50)  # noqa: S311 - a simulation
    exposures = [event for event in batch if event.event_type == "exposure"]
    assert len(batch) == len({event.event_id for event in batch}) == 2_000
    assert len(exposures) == pytest.approx(2_000 / 2.2, rel=0.1)
    assert sum(event.experiment_name == "hot" for event in exposures) / len(exposures) == pytest.approx(0.5, abs=0.05)


def test_the_model_says_how_often_a_batch_adds_to_an_arm() -> None:
    need = needs(HUNDRED_MILLION)
    assert hot_additions(HUNDRED_MILLION, batches=8) == pytest.approx(need.tally_transactions / need.files, rel=0.15)


def test_counters_in_one_item_fail_at_ten_billion_and_spread_ones_do_not() -> None:
    single = counter_load(TEN_BILLION, 1, batches=2)
    assert (single.conflicts, single.failed, single.attempts) == (1, 1, inf)
    assert single.units > 1_000
    spread = counter_load(TEN_BILLION, 256, batches=2)
    assert spread.units == pytest.approx(single.units / 256)
    assert spread.failed == 0
    assert 1 <= spread.attempts < 1.5


def test_the_default_is_that_of_the_template() -> None:
    assert source()["Parameters"]["CounterShards"]["Default"] == DEFAULT_COUNTER_SHARDS


def test_the_store_throttles_and_is_away() -> None:
    clock = SteppedClock()
    store = CountedStore(clock, capacity=1, away=(5, 6))
    store.put(experiment("x"), Audit("t", "create", START))
    assert store.get("x").name == "x"
    with pytest.raises(DependencyUnavailable):
        store.get("x")
    clock.seconds = 1
    assert store.get("x").name == "x"
    clock.seconds = 5.5
    with pytest.raises(DependencyUnavailable):
        store.get("x")
    assert (store.asked["x", 0], store.asked["x", 5], store.refused) == (2, 1, 2)


def test_few_containers_with_much_traffic_read_seldom() -> None:
    found = hot_experiment(MILLION, seconds=40, sample=4)
    # 8.7 requests/s of each of 4 containers, half of them of one experiment: one reading in some 7.5 seconds
    assert found.containers == 4
    assert found.reads == pytest.approx(4 / 7.5, rel=0.25)
    assert 0.9 < found.hit_rate < 1
    assert found == hot_experiment(MILLION, seconds=40, sample=4)


def test_answers_that_serve_equally_long_are_read_again_together() -> None:
    together, apart = fan_out(SMALL, longest), fan_out(SMALL)
    assert together.peak > 4 * together.mean
    assert apart.peak < 4 * apart.mean
    assert apart.mean == pytest.approx(40 / 7.5, rel=0.15)
    assert (together.stale, apart.refused) == (0, 0)


def test_a_change_is_everywhere_within_the_bound() -> None:
    found = fan_out(SMALL)
    assert 0 < found.half < found.last <= 10


def test_a_table_that_is_away_is_left_alone() -> None:
    away = Fleet(containers=40, rate=10, seconds=60, changed_at=50, away=(25, 31))
    found = fan_out(away)
    assert 0 < found.refused < 40 * 10 * 6 / 10
    assert 0 < found.stale < 0.2
    assert found.last <= 10
