from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta, timezone

import boto3
import pytest

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.stores.aws import table
from bakeoff_core.stores.runs import DynamoRunStore, InMemoryRunStore, Run, RunDone, RunStore, RunTaken
from tests.aws import create_table
from tests.support import NOON

LEASE = timedelta(minutes=6)
RUN = Run("e", "report", NOON)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> RunStore:
    if request.param == "memory":
        return InMemoryRunStore()
    request.getfixturevalue("aws")
    create_table("runs", "experiment", "run")
    return DynamoRunStore(table("runs"))


def test_a_run_is_begun_once_and_done_once(store: RunStore) -> None:
    assert store.claim(RUN, "a", as_of=NOON, now=NOON, lease=LEASE) == NOON
    with pytest.raises(RunTaken):
        store.claim(RUN, "b", as_of=NOON, now=NOON + LEASE - timedelta(microseconds=1), lease=LEASE)
    store.finish(RUN, "a", NOON)
    for claimant in "ab":
        with pytest.raises(RunDone):
            store.claim(RUN, claimant, as_of=NOON, now=NOON + timedelta(days=1), lease=LEASE)


def test_runs_of_other_times_kinds_and_experiments_are_others(store: RunStore) -> None:
    for run in (RUN, Run("f", "report", NOON), Run("e", "look", NOON), Run("e", "report", NOON + timedelta(hours=1))):
        store.claim(run, "a", as_of=NOON, now=NOON, lease=LEASE)
        store.finish(run, "a", NOON)
    same_moment = NOON.astimezone(timezone(timedelta(hours=2)))
    with pytest.raises(RunDone):
        store.claim(Run("e", "report", same_moment), "a", as_of=NOON, now=NOON, lease=LEASE)


def test_a_crashed_run_is_begun_again_at_once_by_its_claimant(store: RunStore) -> None:
    store.claim(RUN, "a", as_of=NOON, now=NOON, lease=LEASE)
    later = NOON + timedelta(seconds=90)
    assert store.claim(RUN, "a", as_of=later, now=later, lease=LEASE) == NOON
    with pytest.raises(RunTaken):
        store.claim(RUN, "b", as_of=NOON, now=NOON + LEASE, lease=LEASE)


def test_a_crashed_run_is_taken_over_after_its_lease(store: RunStore) -> None:
    store.claim(RUN, "a", as_of=NOON, now=NOON, lease=LEASE)
    later = NOON + LEASE
    taken = store.claim(RUN, "b", as_of=later, now=later, lease=LEASE)
    assert (taken, taken.tzinfo) == (NOON, UTC)
    store.finish(RUN, "a", later)  # comes back from the dead, and has lost its say
    with pytest.raises(RunTaken):
        store.claim(RUN, "a", as_of=later, now=later, lease=LEASE)
    store.finish(RUN, "b", later)
    with pytest.raises(RunDone):
        store.claim(RUN, "a", as_of=later, now=later + LEASE, lease=LEASE)


def test_of_many_claimants_at_once_one_begins(store: RunStore) -> None:
    def begins(number: int) -> bool:
        try:
            store.claim(RUN, str(number), as_of=NOON, now=NOON, lease=LEASE)
        except RunTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begins, range(24))) == 1


def test_an_experiment_is_never_looked_at_back_in_time(store: RunStore) -> None:
    assert store.reach("e", NOON)
    assert store.reach("e", NOON)
    assert store.reach("e", NOON + timedelta(microseconds=1))
    assert not store.reach("e", NOON)
    assert store.reach("f", NOON - timedelta(days=1))


def test_what_was_handed_out_is_never_handed_out_again(store: RunStore) -> None:
    assert store.dispatched_until() is None
    store.dispatch_until(NOON)
    store.dispatch_until(NOON - timedelta(hours=1))
    assert store.dispatched_until() == NOON
    store.dispatch_until(NOON + timedelta(hours=1))
    assert store.dispatched_until() == NOON + timedelta(hours=1)


def test_runs_leave_the_table_in_time_and_progress_does_not(aws: None) -> None:
    create_table("runs", "experiment", "run")
    store = DynamoRunStore(table("runs"))
    store.claim(RUN, "a", as_of=NOON, now=NOON, lease=LEASE)
    store.finish(RUN, "a", NOON + timedelta(days=1))
    store.reach("e", NOON)
    store.dispatch_until(NOON)
    ends = {item["run"]: item.get("expires_at") for item in boto3.resource("dynamodb").Table("runs").scan()["Items"]}
    assert ends == {
        "report#2026-03-01T12:00:00.000000Z": (NOON + timedelta(days=41)).timestamp(),
        "newest": None,
        "until": None,
    }


def test_a_table_that_is_gone_is_unavailable(aws: None) -> None:
    store = DynamoRunStore(table("gone"))
    with pytest.raises(DependencyUnavailable):
        store.claim(RUN, "a", as_of=NOON, now=NOON, lease=LEASE)
    with pytest.raises(DependencyUnavailable):
        store.dispatched_until()
