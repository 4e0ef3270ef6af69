from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from bakeoff_core.errors import DependencyUnavailable, KeyNotFound
from bakeoff_core.identity.keys import ApiKey, Rate, new_key, rotated
from bakeoff_core.stores.api_keys import ApiKeyStore, DynamoApiKeyStore, InMemoryApiKeyStore
from bakeoff_core.stores.aws import table
from tests.aws import create_table
from tests.support import NOON


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> ApiKeyStore:
    if request.param == "memory":
        return InMemoryApiKeyStore()
    request.getfixturevalue("aws")
    create_table("api_keys", "key_id")
    return DynamoApiKeyStore(table("api_keys"))


def made(name: str = "shop", minutes: int = 0, **fields: Any) -> ApiKey:
    key, _ = new_key(
        name, frozenset({"client", "read"}), created_by="ana", now=NOON + timedelta(minutes=minutes), **fields
    )
    return key


def test_an_unknown_key_is_not_found(store: ApiKeyStore) -> None:
    with pytest.raises(KeyNotFound, match="0123456789ab"):
        store.get("0123456789ab")
    with pytest.raises(KeyNotFound):
        store.change("0123456789ab", lambda key: key)


def test_a_key_is_read_as_it_was_added(store: ApiKeyStore) -> None:
    plain = made()
    full, _ = rotated(
        made(expires_at=NOON + timedelta(days=90), rate=Rate(0.1, 7.5)), overlap=timedelta(hours=1), now=NOON
    )
    full = replace(full, revoked_at=NOON + timedelta(microseconds=1))
    for key in (plain, full):
        store.add(key)
        assert store.get(key.key_id) == key


def test_keys_are_listed_oldest_first_without_the_counts_of_requests(store: ApiKeyStore) -> None:
    keys = [made(str(minutes), minutes) for minutes in (2, 0, 1)]
    for key in keys:
        store.add(key)
        store.take(key.key_id, 5, NOON)
    assert [key.name for key in store.list()] == ["0", "1", "2"]


def test_changes_at_once_are_all_made(store: ApiKeyStore) -> None:
    key = made()
    store.add(key)

    def longer(present: ApiKey) -> ApiKey:
        return replace(present, name=present.name + "+")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: store.change(key.key_id, longer), range(3)))
    assert store.get(key.key_id).name == "shop+++"


def test_what_refuses_a_change_leaves_the_key(store: ApiKeyStore) -> None:
    key = made()
    store.add(key)

    def refuse(_key: ApiKey) -> ApiKey:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.change(key.key_id, refuse)
    assert store.get(key.key_id) == key


def test_requests_are_counted_by_caller(store: ApiKeyStore) -> None:
    assert store.take("a", 3, NOON) == 3
    assert store.take("a", 4, NOON) == 7
    assert store.take("https://login.example.com#ana", 1, NOON) == 1
    with pytest.raises(KeyNotFound):
        store.get("usage#a")


def test_the_table_holds_no_secret_and_forgets_counts_alone(aws: None) -> None:
    create_table("api_keys", "key_id")
    store = DynamoApiKeyStore(table("api_keys"))
    key, presented = new_key("shop", frozenset({"admin"}), created_by="ana", now=NOON)
    store.add(key)
    store.take(key.key_id, 1, NOON)
    kept, count = sorted(
        boto3.client("dynamodb").scan(TableName="api_keys")["Items"], key=lambda item: item["key_id"]["S"]
    )
    assert presented.secret not in str(kept)
    assert "forget_at" not in kept
    assert count["forget_at"] == {"N": str(int((NOON + timedelta(days=1)).timestamp()))}


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.get("a"),
        lambda store: store.list(),
        lambda store: store.add(made()),
        lambda store: store.take("a", 1, NOON),
    ],
)
def test_a_table_that_does_not_answer_is_unavailable(aws: None, call: Callable[[ApiKeyStore], object]) -> None:
    with pytest.raises(DependencyUnavailable):
        call(DynamoApiKeyStore(table("no_such_table")))
