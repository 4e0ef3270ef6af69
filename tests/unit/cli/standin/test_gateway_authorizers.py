"""Authorizers in front of routes, over HTTP, with functions that answer as told."""

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import httpx
import pytest

from bakeoff.standin.functions import Function, FunctionTimeoutError, InvocationError
from bakeoff.standin.gateway import Gateway, GatewayServer, Port
from bakeoff.standin.routing import Router
from bakeoff.standin.template import Route
from bakeoff.standin.worker import InvocationResult
from tests.support import NOON


class Told:
    """A function that keeps its events and answers as told."""

    name = "Told"

    def __init__(self, answer: Callable[[], InvocationResult]) -> None:
        self.answer = answer
        self.events: list[dict[str, Any]] = []

    def invoke(self, payload: bytes) -> InvocationResult:
        self.events.append(json.loads(payload))
        return self.answer()


def result(document: object, *, failed: bool = False) -> Callable[[], InvocationResult]:
    return lambda: InvocationResult(json.dumps(document).encode(), function_error=failed)


def raising(error: Exception) -> Callable[[], InvocationResult]:
    def answer() -> InvocationResult:
        raise error

    return answer


@pytest.fixture
def guard() -> Told:
    return Told(result({"isAuthorized": True, "context": {"key_id": "a", "throttled": False}}))


@pytest.fixture
def behind() -> Told:
    return Told(result({"statusCode": 201, "body": "made"}))


@pytest.fixture
def http(guard: Told, behind: Told) -> Iterator[httpx.Client]:
    routes = (Route("POST", "/closed/{name}", "Behind", "Guard"), Route("GET", "/", "Behind"))
    functions = cast("dict[str, Function]", {"Guard": guard, "Behind": behind})
    gateway = Gateway(functions, Router(routes), lambda: NOON)
    with Port(0) as port, GatewayServer(gateway, port), httpx.Client(base_url=port.url) as client:
        yield client


def test_the_function_is_told_what_the_authorizer_said(http: httpx.Client, guard: Told, behind: Told) -> None:
    answer = http.post("/closed/x", json={"a": 1}, headers={"X-API-Key": "secret"})
    assert (answer.status_code, answer.text) == (201, "made")
    (asked,), (served,) = guard.events, behind.events
    assert asked["routeKey"] == "POST /closed/{name}"
    assert asked["headers"]["x-api-key"] == "secret"
    assert asked["routeArn"].endswith("/$default/POST/closed/x")
    assert "body" not in asked
    assert "authorizer" not in asked["requestContext"]
    assert served["requestContext"]["authorizer"] == {"lambda": {"key_id": "a", "throttled": False}}
    assert served["body"] == '{"a":1}'


def test_it_is_asked_about_every_request_to_its_routes_and_no_other(
    http: httpx.Client, guard: Told, behind: Told
) -> None:
    for _ in range(3):
        http.post("/closed/x", headers={"X-API-Key": "secret"})
    assert len(guard.events) == 3
    assert http.get("/").status_code == 201
    assert http.get("/closed/x").status_code == 404
    assert len(guard.events) == 3
    assert "authorizer" not in behind.events[-1]["requestContext"]


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (result({"isAuthorized": False}), 403, "Forbidden"),
        (result({"isAuthorized": "yes"}), 500, "Internal Server Error"),
        (result({}), 500, "Internal Server Error"),
        (result({"isAuthorized": True}, failed=True), 500, "Internal Server Error"),
        (result({"errorMessage": "Unauthorized"}, failed=True), 500, "Internal Server Error"),
        (raising(InvocationError("died")), 500, "Internal Server Error"),
        (raising(FunctionTimeoutError("late")), 500, "Internal Server Error"),
    ],
)
def test_whoever_is_not_let_through_reaches_no_function(
    http: httpx.Client,
    guard: Told,
    behind: Told,
    answer: Callable[[], InvocationResult],
    status: int,
    message: str,
) -> None:
    guard.answer = answer
    got = http.post("/closed/x")
    assert (got.status_code, got.json()) == (status, {"message": message})
    assert behind.events == []
