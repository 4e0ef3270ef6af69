from datetime import timedelta

import pytest

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.stores.aws import table
from bakeoff_core.stores.sent_notices import DynamoSentNotices, InMemorySentNotices, SentNotices
from tests.aws import create_table
from tests.support import NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> SentNotices:
    if request.param == "memory":
        return InMemorySentNotices()
    request.getfixturevalue("aws")
    create_table("notices", "key")
    return DynamoSentNotices(table("notices"))


def test_one_claims_and_the_other_finds_it_busy(store: SentNotices) -> None:
    assert store.claim("a", NOON, MINUTE) == "claimed"
    assert store.claim("a", NOON, MINUTE) == "busy"
    assert store.claim("b", NOON, MINUTE) == "claimed"


def test_what_is_settled_stays_so(store: SentNotices) -> None:
    store.claim("a", NOON, MINUTE)
    store.settle("a", NOON)
    assert store.claim("a", NOON + timedelta(days=1), MINUTE) == "settled"
    store.release("a")
    assert store.claim("a", NOON, MINUTE) == "settled"


def test_what_is_released_can_be_claimed_at_once(store: SentNotices) -> None:
    store.claim("a", NOON, MINUTE)
    store.release("a")
    assert store.claim("a", NOON, MINUTE) == "claimed"


def test_whoever_was_stopped_loses_the_claim_with_its_lease(store: SentNotices) -> None:
    store.claim("a", NOON, MINUTE)
    assert store.claim("a", NOON + timedelta(seconds=59), MINUTE) == "busy"
    assert store.claim("a", NOON + MINUTE, MINUTE) == "claimed"
    assert store.claim("a", NOON + MINUTE, MINUTE) == "busy"


def test_what_was_never_claimed_can_be_released(store: SentNotices) -> None:
    store.release("a")
    assert store.claim("a", NOON, MINUTE) == "claimed"


def test_the_table_forgets_in_time(aws: None) -> None:
    create_table("notices", "key")
    DynamoSentNotices(table("notices"), timedelta(days=1)).claim("a", NOON, MINUTE)
    item = table("notices").get_item(Key={"key": "a"})["Item"]
    assert item["expires_at"] == (NOON + timedelta(days=1)).timestamp()


def test_a_table_that_does_not_answer_is_said(aws: None) -> None:
    store = DynamoSentNotices(table("no-such-table"))
    with pytest.raises(DependencyUnavailable, match="sent notices"):
        store.claim("a", NOON, MINUTE)
    with pytest.raises(DependencyUnavailable):
        store.settle("a", NOON)
    with pytest.raises(DependencyUnavailable):
        store.release("a")
