import json

import pytest

from authorization import Authorizer
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.identity.key_ring import KeyRing
from bakeoff_core.identity.keys import PresentedKey, Rate
from bakeoff_core.identity.scopes import Scope
from bakeoff_core.stores.api_keys import InMemoryApiKeyStore
from identities import Identity
from key_verification import KeyVerifier, RecentKeys
from request_rates import RequestRates
from tests.authorizer_requests import request
from tests.support import SettableClock


class Stack:
    """An authorizer with its keys."""

    def __init__(self, *, admin_by_iam: bool = False) -> None:
        clock, store = SettableClock(), InMemoryApiKeyStore()
        self.ring = KeyRing(store, clock)
        verifier = KeyVerifier(RecentKeys(store, 10, clock, lambda _key_id: None), clock)
        self.authorizer = Authorizer(verifier, RequestRates(store, Rate(100, 100), clock), admin_by_iam=admin_by_iam)

    def key(self, *scopes: Scope, rate: Rate | None = None) -> PresentedKey:
        return self.ring.create("test", frozenset(scopes), created_by="ana", rate=rate)

    def allows(self, route: str, key: object) -> bool:
        return bool(self.authorizer.decide(request(route, {"x-api-key": str(key)}))["isAuthorized"])


def test_functions_are_told_who_asks() -> None:
    stack = Stack()
    key = stack.key("read", "client")
    assert stack.authorizer.decide(request("GET /models", {"authorization": f"Bearer {key}"})) == {
        "isAuthorized": True,
        "context": {"key_id": key.key_id, "scopes": "client read", "throttled": False, "retry_after": 0},
    }


def test_a_request_without_a_key_is_refused() -> None:
    assert Stack().authorizer.decide(request("GET /models")) == {"isAuthorized": False}


def test_client_and_read_are_apart_and_admin_includes_both() -> None:
    stack = Stack()
    keys = {scope: stack.key(scope) for scope in ("client", "read", "admin")}
    opened = {
        scope: [stack.allows(route, key) for route in ("POST /predict", "GET /models", "POST /models/load")]
        for scope, key in keys.items()
    }
    assert opened == {"client": [True, False, False], "read": [False, True, False], "admin": [True, True, True]}


@pytest.mark.parametrize("route", ["GET /nothing", "POST /models", "$default", "OPTIONS /models"])
def test_a_route_that_is_in_no_table_is_refused_to_everybody(route: str) -> None:
    stack = Stack()
    event = request("GET /x", {"x-api-key": str(stack.key("client", "read", "admin"))}) | {"routeKey": route}
    assert stack.authorizer.decide(event) == {"isAuthorized": False}


def test_with_iam_no_key_opens_an_administrative_route() -> None:
    stack = Stack(admin_by_iam=True)
    key = stack.key("admin")
    assert not stack.allows("POST /ab_test/experiments", key)
    assert not stack.allows("POST /models/load", key)
    assert stack.allows("GET /ab_test/experiments", key)
    assert stack.allows("POST /predict", key)


def test_a_caller_who_asks_too_often_is_let_through_to_be_told_so() -> None:
    stack = Stack()
    key = stack.key("client", rate=Rate(0.5, 1))
    event = request("POST /predict", {"x-api-key": str(key)})
    contexts = [stack.authorizer.decide(event)["context"] for _ in range(2)]
    assert [(context["throttled"], context["retry_after"]) for context in contexts] == [(False, 0), (True, 2)]


def test_a_caller_who_cannot_be_told_from_others_is_not_let_through() -> None:
    class Failing:
        def verify(self, credential: str) -> Identity:
            raise DependencyUnavailable("the table of API keys")

    rates = RequestRates(InMemoryApiKeyStore(), Rate(1, 1), SettableClock())
    with pytest.raises(DependencyUnavailable):
        Authorizer(Failing(), rates).decide(request(headers={"x-api-key": "x"}))


def test_logs_name_keys_and_hold_none(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    stack = Stack()
    key, weak = stack.key("admin"), stack.key("client", rate=Rate(0.1, 1))
    wrong = PresentedKey(key.key_id, "0" * 48)
    unknown = PresentedKey("0" * 12, "ab" * 24)
    for shown in (key, weak, weak, wrong, unknown, "hunter2"):
        for route in ("POST /predict", "POST /models/load"):
            stack.authorizer.decide(request(route, {"x-api-key": str(shown)}, ["bakeoff_key=cookie-secret"]))
            stack.authorizer.decide(request(route, {"authorization": f"Bearer {shown}"}))
    metrics = capsys.readouterr().out
    lines = [vars(record) for record in caplog.records]
    for secret in (key.secret, weak.secret, wrong.secret, unknown.secret, "hunter2", "cookie-secret"):
        assert secret not in metrics + str(lines)
    refusals = {(line["reason"], line["key_id"], line["route"]) for line in lines if line["msg"] == "request refused"}
    assert ("scope", weak.key_id, "POST /models/load") in refusals
    assert ("wrong_secret", key.key_id, "POST /predict") in refusals
    assert ("malformed", None, "POST /predict") in refusals
    assert {line["key_id"] for line in lines if line["msg"] == "request throttled"} == {weak.key_id}
    counted = [json.loads(line) for line in metrics.splitlines() if "request_refused_total" in line]
    assert {"scope", "wrong_secret", "unknown", "malformed"} <= {line.get("reason") for line in counted}
