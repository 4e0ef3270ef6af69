"""Keys over real HTTP against the whole stack: scopes, ends, limits, audit trails, and logs without secrets."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from bakeoff.api import Api, ApiError
from bakeoff.demo.job import Job
from bakeoff.main import app
from bakeoff.stack import key_ring
from bakeoff.standin.standin import Standin
from bakeoff_core.clock import utc_now
from bakeoff_core.identity.key_ring import KeyRing
from bakeoff_core.identity.keys import PresentedKey, Rate
from bakeoff_core.identity.scopes import Scope

ROUTES = {
    "client": ("POST", "/ab_test/assign", {"user_id": "user-1", "experiment_name": "recommendation_model_v2"}),
    "read": ("GET", "/ab_test/experiments", None),
    "admin": ("POST", "/models/load", {"model_name": "recommendation", "model_version": "v1"}),
}
FORBIDDEN = (403, '{"message": "Forbidden"}')


@pytest.fixture(scope="module")
def ring(started: Standin) -> KeyRing:
    return key_ring(started.environment)


@pytest.fixture(scope="module")
def anonymous(started: Standin) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=started.url, timeout=60) as client:
        yield client


def ask(client: httpx.Client, scope: str, **options: Any) -> httpx.Response:
    method, path, body = ROUTES[scope]
    return client.request(method, path, json=body, **options)


def test_each_key_opens_what_its_scope_says(started: Standin, anonymous: httpx.Client) -> None:
    opened = {
        held: [wanted for wanted in ROUTES if ask(anonymous, wanted, headers={"X-API-Key": key}).is_success]
        for held, key in started.keys.items()
    }
    assert opened == {"client": ["client"], "read": ["read"], "admin": ["client", "read", "admin"]}


def test_a_key_does_in_either_header_and_in_a_cookie_for_reading(started: Standin, anonymous: httpx.Client) -> None:
    bearer = {"Authorization": f"Bearer {started.keys['admin']}"}
    cookie = {"Cookie": f"theme=dark; bakeoff_key={started.keys['admin']}"}
    assert ask(anonymous, "read", headers=bearer).status_code == 200
    assert ask(anonymous, "admin", headers=bearer).status_code == 200
    assert ask(anonymous, "read", headers=cookie).status_code == 200
    refused = ask(anonymous, "admin", headers=cookie)
    assert (refused.status_code, refused.text) == FORBIDDEN


def test_without_a_good_key_two_routes_answer(ring: KeyRing, anonymous: httpx.Client) -> None:
    gone = ring.create("gone", frozenset({"admin"}), created_by="test", expires_at=utc_now() - timedelta(seconds=1))
    wrong = PresentedKey(gone.key_id, "0" * 48)
    unknown = PresentedKey("0" * 12, "0" * 48)
    revoked = ring.create("revoked", frozenset({"admin"}), created_by="test")
    ring.revoke(revoked.key_id)
    for key in (None, "", "x", gone, wrong, unknown, revoked):
        headers = {} if key is None else {"X-API-Key": str(key)}
        for scope in ROUTES:
            refused = ask(anonymous, scope, headers=headers)
            assert (refused.status_code, refused.text) == FORBIDDEN
        assert anonymous.get("/", headers=headers).status_code == 200
        assert anonymous.get("/health", headers=headers).status_code == 200


def test_a_key_is_made_listed_rotated_and_revoked_by_commands(started: Standin, anonymous: httpx.Client) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["key", *arguments], env=dict(started.environment))
        assert result.exit_code == 0, result.output
        return result.output

    def opens(key: str) -> bool:
        return ask(anonymous, "read", headers={"X-API-Key": key}).status_code == 200

    made = run("create", "a shop", "--scope", "read", "--scope", "client", "--expires", "90d", "--rate", "50")
    first = made.split()[0]
    key_id = first.split("_")[1]
    assert opens(first)
    (listed,) = (each for each in json.loads(run("list", "--json")) if each["key_id"] == key_id)
    assert (listed["name"], listed["scopes"], listed["state"]) == ("a shop", ["client", "read"], "live")
    assert (listed["requests_per_second"], listed["burst"]) == (50, 100)
    assert key_id in run("list")
    second = run("rotate", key_id, "--overlap", "1h").split()[0]
    assert second.split("_")[1] == key_id
    wait_until(lambda: opens(second))
    assert opens(first)
    third = run("rotate", key_id, "--overlap", "0m").split()[0]
    wait_until(lambda: not opens(first))
    assert [opens(key) for key in (first, second, third)] == [False, False, True]
    assert run("revoke", key_id) == f"{key_id}: revoked\n"
    wait_until(lambda: not opens(third))
    (ended,) = (each for each in json.loads(run("list", "--json")) if each["key_id"] == key_id)
    assert ended["state"] == "revoked"
    secrets = [key.split("_")[2] for key in (first, second, third)]
    assert not any(secret in run("list") + run("list", "--json") for secret in secrets)
    again = CliRunner().invoke(app, ["key", "rotate", key_id], env=dict(started.environment))
    assert again.exit_code == 1
    assert "is revoked or expired" in again.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["create", "x", "--scope", "root"], "--scope: must be one of client, read, admin, got root"),
        (["create", "x", "--scope", "read", "--burst", "5"], "--burst: goes with --rate"),
        (["create", "x", "--scope", "read", "--expires", "soon"], "--expires: must be a number and m, h or d"),
        (["create", "a\nb", "--scope", "read"], "NAME: must be 1 to 100 characters"),
        (["revoke", "0" * 12], "no API key is called '000000000000'"),
        (["rotate", "usage#1"], "no API key is called 'usage#1'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(started: Standin, arguments: list[str], text: str) -> None:
    result = CliRunner().invoke(app, ["key", *arguments], env=dict(started.environment))
    assert result.exit_code == 1
    assert text in result.output
    assert "Traceback" not in result.output


def test_commands_without_a_table_say_what_to_do() -> None:
    result = CliRunner().invoke(app, ["key", "list"], env={"BAKEOFF_API_KEYS_TABLE": ""})
    assert result.exit_code == 1
    assert "ApiKeysTableName" in result.output


def test_a_key_beyond_its_limit_is_told_when_to_come_back(ring: KeyRing, anonymous: httpx.Client) -> None:
    scopes: frozenset[Scope] = frozenset({"client", "read"})
    for scope in ("client", "read"):  # a hot entry point, and one on FastAPI
        # Each of the authorizer's two containers has its burst before they hear of each other.
        key = ring.create("slow", scopes, created_by="test", rate=Rate(0.01, 1))
        answers = [ask(anonymous, scope, headers={"X-API-Key": str(key)}) for _ in range(4)]
        assert answers[0].status_code == 200
        refused = answers[-1]
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 200
        assert refused.json()["request_id"] == refused.headers["x-request-id"]


def test_the_audit_trail_names_the_key(ring: KeyRing, started: Standin) -> None:
    keys = [ring.create(name, frozenset({"admin"}), created_by="test") for name in ("ana", "ben")]
    ana, ben = (Api(started.url, str(key)) for key in keys)
    with ana, ben:
        groups = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
        ana.post("/ab_test/experiments", {"name": "audited", "groups": groups})
        ben.post("/ab_test/experiments/audited/start")
        ana.post("/ab_test/experiments/audited/stop")
        history = ben.get("/ab_test/experiments/audited/history")
    assert [(entry["action"], entry["actor"]) for entry in history] == [
        ("create", keys[0].key_id),
        ("start", keys[1].key_id),
        ("stop", keys[0].key_id),
    ]


def test_a_client_without_a_key_is_told_so(started: Standin) -> None:
    with Api(started.url) as api, pytest.raises(ApiError, match="403: Forbidden"):
        api.get("/models")


def test_no_log_holds_a_key(started: Standin, ring: KeyRing, anonymous: httpx.Client, job: Job) -> None:
    key = ring.create("logged", frozenset({"client"}), created_by="test", rate=Rate(0.01, 1))
    for scope in ROUTES:
        ask(anonymous, scope, headers={"X-API-Key": str(key)})
        ask(anonymous, scope, headers={"Authorization": f"Bearer bk_{key.key_id}_{'f' * 48}"})
        ask(anonymous, scope, headers={"Cookie": f"bakeoff_key={key}"})
    anonymous.post("/ab_test/assign", content=b"{", headers={"X-API-Key": started.keys["client"]})
    logs = "".join(file.read_text() for file in job.logs.glob("*.log") if file.name != "moto.log")
    assert key.key_id in logs  # refusals do name the key
    for secret in (key.secret, "f" * 48, *(each.split("_")[2] for each in started.keys.values())):
        assert secret not in logs


def wait_until(met: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.1)
