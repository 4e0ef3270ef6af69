"""What a caller gets while DynamoDB is down, slow or throttling: an answer, within seconds."""

import socket
import time
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import numpy as np
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from bakeoff_core.assignment.allocation import AllocationStores, Allocator, by_hash
from bakeoff_core.assignment.assigner import Assigner
from bakeoff_core.stores.arms import DynamoArmStore
from bakeoff_core.stores.assignments import DynamoAssignmentStore
from bakeoff_core.stores.aws import impatient_table
from bakeoff_core.stores.experiments import Audit, CachedExperiments, DynamoExperimentStore
from tests.aws import create_table, serialise_moto
from tests.support import NOON, SettableClock, experiment

ALGORITHMS = ("random", "weighted", "bandit")


class House:
    """Assignment on three DynamoDB tables, one experiment an algorithm, its configuration read once."""

    def __init__(self) -> None:
        create_table("experiments", "name", "item")
        create_table("assignments", "key")
        create_table("arms", "name", "item")
        self.tables = {name: impatient_table(name) for name in ("experiments", "assignments", "arms")}
        self.clock, self.stale = SettableClock(), list[str]()
        store = DynamoExperimentStore(self.tables["experiments"])
        self.experiments = CachedExperiments(store, 10, self.clock, self.stale.append)
        self.running = {name: experiment(name=name, assignment_algorithm=name) for name in ALGORITHMS}
        for each in self.running.values():
            store.put(each, Audit("t", "create", NOON))
        self.assigner = self.container(seed=0)
        for name in ALGORITHMS:
            self.assigner.assign(name, "an earlier user", {})
        self.clock.advance(60)

    def container(self, seed: int) -> Assigner:
        stores = AllocationStores(
            DynamoAssignmentStore(self.tables["assignments"]), DynamoArmStore(self.tables["arms"])
        )
        allocator = Allocator(stores, np.random.default_rng(seed).random, self.clock, 10, {})
        return Assigner(self.experiments, self.clock, allocator)

    def hook(self, answer: Callable[..., Any]) -> None:
        """Let something else answer every call from now on."""
        for table in self.tables.values():
            table.meta.client.meta.events.register_first("before-send.dynamodb", answer)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    serialise_moto(monkeypatch)
    with mock_aws():
        yield House()


def down(request: Any, **_: Any) -> None:
    raise EndpointConnectionError(endpoint_url=request.url)


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def throttling(request: Any, **_: Any) -> AWSResponse:
    kind = b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}'
    return AWSResponse(request.url, 400, HTTPHeaders(), _Body(kind))


@pytest.mark.parametrize("fault", [down, throttling])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_caller_gets_the_group_of_the_hash_while_dynamodb_fails(
    house: House, algorithm: str, fault: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    house.hook(fault)
    capsys.readouterr()
    began = time.monotonic()
    answers = [house.assigner.assign(algorithm, f"user-{number}", {}) for number in range(2)]
    assert time.monotonic() - began < 15
    for number, answer in enumerate(answers):
        expected = by_hash(house.running[algorithm], f"user-{number}")
        assert answer.reason == "split"
        assert answer.group is not None
        assert (answer.group.name, answer.propensity) == (expected.group, 0.5)
    assert house.stale == [algorithm] * 2
    lines = [line for line in capsys.readouterr().out.splitlines() if '"assignment_fallback_total"' in line]
    assert sum('"cause":"assignments"' in line for line in lines) == 2
    # Another container, which never met these users, gives them the same groups.
    assert house.container(seed=5).assign(algorithm, "user-0", {}).group == answers[0].group


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_was_kept_is_read_again_once_dynamodb_recovers(house: House, algorithm: str) -> None:
    before = house.assigner.assign(algorithm, "an earlier user", {}).group
    house.hook(down)
    house.assigner.assign(algorithm, "an earlier user", {})
    for table in house.tables.values():
        table.meta.client.meta.events.unregister("before-send.dynamodb", down)
    assert house.assigner.assign(algorithm, "an earlier user", {}).group == before
    kept = house.assigner.assign(algorithm, "a new user", {}).group
    assert house.container(seed=9).assign(algorithm, "a new user", {}).group == kept


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and requests and never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connections.append(listener.accept()[0])
            except OSError:
                return

    thread = Thread(target=accept, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for connection in connections:
        connection.close()
    thread.join()


def test_a_caller_does_not_wait_for_a_dynamodb_that_does_not_answer(
    silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", silent_server)
    stores = AllocationStores(DynamoAssignmentStore(impatient_table("a")), DynamoArmStore(impatient_table("b")))
    allocator = Allocator(stores, np.random.default_rng(0).random, SettableClock(), 10, {})
    running = experiment(assignment_algorithm="random")
    began = time.monotonic()
    assert allocator(running, "user-1", NOON) == by_hash(running, "user-1")
    assert time.monotonic() - began < 5
