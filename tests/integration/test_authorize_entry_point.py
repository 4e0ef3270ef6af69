"""The authorizing function on moto, and what functions are told of callers in AWS's own forms."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

import authorize
import experiments
from bakeoff_core.clock import utc_now
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.http.fastapi_app import lambda_handler
from bakeoff_core.identity.key_ring import KeyRing
from bakeoff_core.identity.keys import PresentedKey, Rate
from bakeoff_core.settings import Settings
from bakeoff_core.stores.api_keys import DynamoApiKeyStore
from bakeoff_core.stores.aws import table
from tests.authorizer_requests import request
from tests.aws import create_table
from tests.conftest import PROJECT_ROOT
from tests.support import LambdaContextFake, http_event

CONTEXT: Any = LambdaContextFake()
ARN = "arn:aws:iam::123456789012:user/ana"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        create_table("keys", "key_id")
        create_table("experiments", "name", "item")
        create_table("models", "name", "item")
        yield


@pytest.fixture
def ring(aws: None) -> KeyRing:
    return KeyRing(DynamoApiKeyStore(table("keys")), utc_now)


def deploy(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    chosen = Settings.model_validate({"api_keys_table": "keys", "key_cache_seconds": 0} | settings)
    monkeypatch.setattr(authorize, "_authorizer", authorize._build_authorizer(chosen))


def ask(key: object, route: str = "POST /predict") -> dict[str, Any]:
    return authorize.handler(request(route, {"x-api-key": str(key)}), CONTEXT)


def test_a_key_in_the_table_opens_what_it_says(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(monkeypatch)
    key = ring.create("shop", frozenset({"client"}), created_by="ana")
    answer = ask(key)
    assert (answer["isAuthorized"], answer["context"]["key_id"]) == (True, key.key_id)
    assert ask(key, "GET /models") == {"isAuthorized": False}
    ring.revoke(key.key_id)
    assert ask(key) == {"isAuthorized": False}


def test_the_stacks_limits_hold_where_a_key_has_none(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(monkeypatch, key_requests_per_second=0.001, key_burst=2)
    plain = ring.create("plain", frozenset({"client"}), created_by="ana")
    own = ring.create("own", frozenset({"client"}), created_by="ana", rate=Rate(0.001, 1))
    assert [ask(plain)["context"]["throttled"] for _ in range(3)] == [False, False, True]
    assert [ask(own)["context"]["throttled"] for _ in range(2)] == [False, True]


def test_containers_tell_each_other_through_the_table(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    key = ring.create("shop", frozenset({"client"}), created_by="ana", rate=Rate(0.001, 20))
    for _ in range(2):
        deploy(monkeypatch)
        for _ in range(3):
            assert not ask(key)["context"]["throttled"]
    counted = boto3.resource("dynamodb").Table("keys").get_item(Key={"key_id": f"usage#{key.key_id}"})["Item"]
    # Each container told of its first request when the second came, and will tell of the others a second later.
    assert counted["taken"] == 2
    assert [each.key_id for each in ring.list()] == [key.key_id]


def test_a_table_that_never_answers_fails_the_request_in_time(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as black_hole:
        black_hole.bind(("127.0.0.1", 0))
        black_hole.listen(64)
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{black_hole.getsockname()[1]}")
        deploy(monkeypatch)
        began = time.monotonic()
        with pytest.raises(DependencyUnavailable):
            ask(PresentedKey("0" * 12, "0" * 48))
        assert time.monotonic() - began < 6


def test_with_an_issuer_keys_open_nothing(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(monkeypatch, jwt_issuer="https://login.example.com", jwt_audience="bakeoff")
    assert ask(ring.create("shop", frozenset({"admin"}), created_by="ana")) == {"isAuthorized": False}


def test_by_iam_no_key_opens_what_changes_something(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(monkeypatch, admin_authentication="iam")
    key = ring.create("shop", frozenset({"admin"}), created_by="ana")
    assert ask(key, "POST /models/load") == {"isAuthorized": False}
    assert ask(key, "GET /models")["isAuthorized"]


def test_an_issuer_without_an_audience_does_not_start(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="BAKEOFF_JWT_AUDIENCE"):
        deploy(monkeypatch, jwt_issuer="https://login.example.com")


def test_words_of_scopes_are_read_from_the_environment() -> None:
    settings = Settings.from_environment({"BAKEOFF_JWT_SCOPES": "read=viewers, admin=owners"})
    assert settings.jwt_scopes == {"read": "viewers", "admin": "owners"}
    for wrong in ("viewers", "read=", "root=x", "read=a,,"):
        with pytest.raises(ValueError, match="jwt_scopes"):
            Settings.from_environment({"BAKEOFF_JWT_SCOPES": wrong})


def test_no_setting_has_events_logged(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    caplog.set_level("DEBUG")
    deploy(monkeypatch)
    key = ring.create("shop", frozenset({"client"}), created_by="ana")
    ask(key)
    ask(key, "GET /models")
    assert "request refused" in caplog.messages
    assert key.secret not in str([vars(record) for record in caplog.records if record.name == "service_undefined"])


def test_a_function_url_names_the_iam_user_in_the_audit_trail(aws: None) -> None:
    app = experiments._build_app(Settings(experiments_table="experiments", models_table="models", model_bucket="m"))
    handle = lambda_handler(app)

    def called(method: str, path: str, body: object = None) -> Any:
        event = http_event(method, path, None if body is None else json.dumps(body))
        # As a function URL with AWS_IAM hands a request over.
        event["routeKey"] = "$default"
        event["requestContext"] |= {
            "authentication": None,
            "routeKey": "$default",
            "domainName": "abc.lambda-url.us-east-1.on.aws",
            "authorizer": {
                "iam": {
                    "accessKey": "AKIAEXAMPLE",
                    "accountId": "123456789012",
                    "userArn": ARN,
                    "userId": "AIDAEXAMPLE",
                }
            },
        }
        answer = handle(event, CONTEXT)
        assert answer["statusCode"] < 300, answer
        return json.loads(answer["body"])

    called("POST", "/ab_test/experiments", {"name": "by_iam", "groups": [{"name": n, "weight": 1} for n in "ab"]})
    called("POST", "/ab_test/experiments/by_iam/start")
    assert [entry["actor"] for entry in called("GET", "/ab_test/experiments/by_iam/history")] == [ARN, ARN]


def test_with_keys_it_starts_without_cryptography_or_frameworks() -> None:
    code = (
        "import sys, authorize\n"
        "heavy = {'cryptography', 'jwt', 'fastapi', 'jinja2', 'scipy', 'duckdb', 'numpy'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    folders = [str(PROJECT_ROOT / folder) for folder in ("functions/authorize", "layers/bakeoff_core")]
    subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders), "BAKEOFF_API_KEYS_TABLE": "keys"},
        check=True,
        timeout=60,
    )
