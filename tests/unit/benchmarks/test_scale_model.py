"""The capacity model, held to sums worked out by hand."""

from dataclasses import fields, replace

import pytest

from benchmarks.scale_model import (
    GIVEN,
    HUNDRED_MILLION,
    LIMITS,
    MILLION,
    SETUPS,
    TEN_BILLION,
    TEN_BILLION_SAMPLED,
    WHENCE,
    Assumptions,
    Setup,
    additions,
    bill,
    conflict_share,
    containers_for,
    needs,
    reads_too_much,
    settings,
)
from tests.cloudformation import source, stack

#: A thousand requests in the busiest second, all of them in one experiment, with an event each.
THOUSAND = Setup("a thousand a second", 86_400_000, experiments=1)
ROUND = replace(GIVEN, peak_to_mean=1, events_per_request=1, shard_skew=1, hot_share=1, sticky_share=1)


@pytest.mark.parametrize(
    ("rate", "milliseconds", "containers"),
    [
        (1_000, 500, 500),  # Little's law
        (1_000, 20, 100),  # ten requests a second each
        (1_000, 100, 100),
        (0.1, 20, 1),
        (0, 20, 0),
    ],
)
def test_containers_are_as_many_as_are_busy_at_once_or_as_get_ten_requests_a_second(
    rate: float, milliseconds: float, containers: int
) -> None:
    assert containers_for(rate, milliseconds) == containers


def test_a_thousand_requests_a_second_need_what_a_person_works_out() -> None:
    need = needs(THOUSAND, ROUND)
    assert need.requests == 1_000
    assert need.calls == 1_100
    assert (need.predict_containers, need.authorize_containers, need.ingest_containers) == (100, 110, 10)
    assert need.records == 3_000
    assert need.stream_bytes == 1_800_000
    assert need.shards == 3
    assert need.files == 1.5
    assert need.files_an_hour == 5_400
    assert need.tally_writes == 2_000
    # 667 exposures a batch, 333 of an arm: 333 / 98 + 1 transactions, of each 1.5 batches a second
    assert need.tally_transactions == pytest.approx(1.5 * (1_000 / 1.5 / 2 / 98 + 1))
    assert need.new_assignments == pytest.approx(300)
    assert need.assignments == pytest.approx(300 * 86_400 * 400)
    assert need.events_an_hour == pytest.approx(3_000 * 3_600)
    assert need.look_events == pytest.approx(3_000 * 86_400 * 30)
    assert need.look_bytes == pytest.approx(3_000 * 86_400 * 30 * 120)
    assert need.athena_bytes == pytest.approx(10 * need.look_bytes)
    # 100 containers, each reading half a unit every 7.5 seconds
    assert need.configuration_reads == pytest.approx(100 / 7.5 / 2)
    # 110 authorizers, each reading a whole unit every 7.5 seconds
    assert need.key_reads == pytest.approx(110 / 7.5)
    assert need.logs_a_day == pytest.approx(1_100 * 86_400 * 2_700)


def test_large_records_need_shards_by_their_bytes() -> None:
    assert needs(THOUSAND, replace(ROUND, event_bytes=10_000)).shards == 30


def test_without_tallies_nothing_is_added_to_arms() -> None:
    need = needs(replace(TEN_BILLION, tallies=False))
    assert (need.tally_writes, need.tally_transactions, need.counter_shards) == (0, 0, 1)


@pytest.mark.parametrize(("events", "transactions"), [(0, 0), (0.5, 0.5 / 98 + 0.5), (98, 2), (980, 11)])
def test_an_arm_begins_and_ends_within_transactions_of_its_neighbours(events: float, transactions: float) -> None:
    assert additions(events, 2) == pytest.approx(transactions)


def test_transactions_conflict_for_as_long_as_their_items_are_held() -> None:
    assert conflict_share(10, 1) == pytest.approx(0.2)
    assert conflict_share(10, 4) == pytest.approx(0.05)
    assert conflict_share(1_000, 1) == 1


def test_counters_are_spread_until_few_transactions_conflict() -> None:
    for setup in SETUPS:
        need = needs(setup)
        assert conflict_share(need.tally_transactions, need.counter_shards) <= GIVEN.conflict_share
        fewer = need.counter_shards // 2
        assert fewer == 0 or conflict_share(need.tally_transactions, fewer) > GIVEN.conflict_share


def test_duckdb_does_until_a_look_has_no_room_in_the_largest_function() -> None:
    fits, does_not = (replace(MILLION, requests_a_day=requests) for requests in (0.85e6, 0.86e6))
    assert needs(fits).look_disk_bytes < LIMITS["function_storage"].value * 1e6 < needs(does_not).look_disk_bytes
    assert (reads_too_much(needs(fits)), reads_too_much(needs(does_not))) == (False, True)
    assert settings(fits)["AnalysisEngine"] == "duckdb"
    assert "AnalysisMemory" not in settings(fits)
    many_small = replace(GIVEN, stored_event_bytes=10, analysed_event_bytes=0)
    assert needs(replace(MILLION, requests_a_day=5e6), many_small).look_seconds * 6 > 300
    assert settings(does_not)["AnalysisEngine"] == "athena"


@pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: setup.name)
def test_a_scale_is_set_up_with_parameters_that_the_template_takes(setup: Setup) -> None:
    declared, chosen = source()["Parameters"], settings(setup)
    for name, value in chosen.items():
        parameter = declared[name]
        assert value in parameter.get("AllowedValues", [value]), name
        if parameter["Type"] == "Number":
            assert parameter.get("MinValue", 0) <= int(value) <= parameter.get("MaxValue", float("inf")), name


def test_keys_are_remembered_until_one_item_bears_it() -> None:
    # 35,417 authorizers, 3,000 reads a second, answers that serve three quarters of the time: 16 seconds
    assert settings(TEN_BILLION)["KeyCacheSeconds"] == "20"
    assert settings(TEN_BILLION_SAMPLED)["KeyCacheSeconds"] == "30"
    assert settings(MILLION)["KeyCacheSeconds"] == "10"


def test_the_largest_scale_makes_a_stack() -> None:
    chosen = settings(TEN_BILLION_SAMPLED)
    assert stack(**chosen).properties("EventStream")["ShardCount"] == chosen["EventStreamShards"]


def test_a_bill_is_that_of_the_cost_command() -> None:
    services = bill(MILLION)
    # 365 / 12 days of a million requests, and a call for each ten of 0.2 events a request, at a dollar a million
    assert services["API Gateway"] == pytest.approx(365 / 12 * 1.02)
    assert "Athena" in services
    assert "Athena" not in bill(replace(MILLION, requests_a_day=0.5e6))
    assert sum(bill(TEN_BILLION_SAMPLED).values()) < sum(bill(TEN_BILLION).values()) / 100


def test_what_is_assumed_is_described_and_limits_have_sources() -> None:
    assert WHENCE.keys() <= {field.name for field in fields(Assumptions)}
    assert all(limit.source and limit.value > 0 for limit in LIMITS.values())


def test_more_requests_need_more_of_everything_that_grows_with_them() -> None:
    small, large = needs(MILLION), needs(replace(MILLION, requests_a_day=HUNDRED_MILLION.requests_a_day))
    for name in ("predict_containers", "records", "shards", "tally_writes", "look_events", "logs_a_day", "files"):
        assert getattr(small, name) < getattr(large, name), name
