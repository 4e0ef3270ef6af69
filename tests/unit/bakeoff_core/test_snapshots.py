"""Containers that start from one snapshot differ where they must."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from moto import mock_aws

from bakeoff_core import snapshots
from bakeoff_core.experiments import document
from bakeoff_core.snapshots import Snapshots, deployed_snapshots
from bakeoff_core.stores import aws, cache
from bakeoff_core.stores.cache import BoundedAgeCache


class Counted:
    def __init__(self) -> None:
        self.calls = 0

    def refresh(self) -> None:
        self.calls += 1


@pytest.fixture
def restore(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    state = random.getstate()
    made = Snapshots()
    for module in (aws, cache):
        monkeypatch.setattr(module, "on_restore", made.on_restore)
    yield made.refresh
    random.setstate(state)


def test_the_runtime_calls_what_is_registered_after_a_restore() -> None:
    hooks: list[Callable[[], None]] = []
    names: list[str] = []

    def find(name: str) -> object:
        names.append(name)
        return SimpleNamespace(register_before_snapshot=hooks.append, register_after_restore=hooks.append)

    made = deployed_snapshots(find)
    before, after = Counted(), Counted()
    made.before_snapshot(before.refresh)
    made.on_restore(after.refresh)
    calls = [(before.calls, after.calls)]
    for hook in hooks:
        hook()
        calls.append((before.calls, after.calls))
    assert (names, calls) == (["snapshot_restore_py"], [(0, 0), (1, 0), (1, 1)])


def test_without_the_runtime_nothing_is_called() -> None:
    def find(name: str) -> object:
        raise ImportError(name)

    made = deployed_snapshots(find)
    counted = Counted()
    made.on_restore(counted.refresh)
    assert counted.calls == 0


def test_copies_draw_other_random_numbers(restore: Callable[[], None]) -> None:
    snapshot = random.getstate()

    def copy() -> list[float]:
        random.setstate(snapshot)
        restore()
        return [random.uniform(0, 1) for _ in range(4)]  # noqa: S311 - jitter and samples, no secrets

    assert copy() != copy()


def test_an_object_that_is_gone_is_not_kept() -> None:
    made = Snapshots()
    gone, kept = Counted(), Counted()
    made.on_restore(gone.refresh)
    del gone
    made.on_restore(kept.refresh)
    made.refresh()
    assert kept.calls == 1
    assert len(made._refreshes) == 1


@mock_aws
@pytest.mark.parametrize(
    "make",
    [
        lambda: aws.client("s3"),
        lambda: aws.impatient_client("kinesis"),
        lambda: aws.table("t").meta.client,
        lambda: aws.impatient_table("t").meta.client,
    ],
)
def test_clients_leave_their_connections_behind_and_go_on(
    restore: Callable[[], None], make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    closed: list[Any] = []
    real = BaseClient.close

    def close(self: Any) -> None:
        closed.append(self)
        real(self)

    monkeypatch.setattr(BaseClient, "close", close)
    client = make()
    service = client.meta.service_model.service_name
    restore()
    assert [each.meta.service_model.service_name for each in closed] == [service]
    if client.meta.service_model.service_name == "s3":
        assert client.list_buckets()["Buckets"] == []


@mock_aws
def test_clients_are_made_before_a_snapshot_or_when_they_are_first_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    taken = Snapshots()
    monkeypatch.setattr(aws, "before_snapshot", taken.before_snapshot)
    made: list[str] = []
    real = boto3.Session.client

    def client(self: boto3.Session, service: str, **options: Any) -> Any:
        made.append(service)
        return real(self, service, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(boto3.Session, "client", client)
    for_later, for_now = aws.client("sqs"), aws.client("s3")
    assert made == []
    assert for_now.list_buckets()["Buckets"] == []
    assert made == ["s3"]
    taken.prepare()
    assert made == ["s3", "sqs"]
    assert for_later.list_queues().get("QueueUrls", []) == []
    assert made == ["s3", "sqs"]


def test_documents_check_their_first_content_with_what_was_made_before_a_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = Snapshots()
    monkeypatch.setattr(document, "before_snapshot", taken.before_snapshot)

    class Cart(document.Document):
        goods: int

    ready = [Cart.__pydantic_complete__]
    taken.prepare()
    ready.append(Cart.__pydantic_complete__)
    assert ready == [False, True]
    assert Cart(goods=2).goods == 2


def test_what_was_remembered_is_asked_for_again(restore: Callable[[], None]) -> None:
    asked: list[str] = []

    def load(key: str) -> int:
        asked.append(key)
        return len(asked)

    now = datetime(2026, 3, 1, tzinfo=UTC)
    remembered = BoundedAgeCache[str, int](load, timedelta(days=1).total_seconds(), lambda: now, lambda _key: None)
    assert [remembered.get("a"), remembered.get("a")] == [1, 1]
    restore()
    assert remembered.get("a") == 2


def test_this_process_has_snapshots() -> None:
    assert callable(snapshots.on_restore)
