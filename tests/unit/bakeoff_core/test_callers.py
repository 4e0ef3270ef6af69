import json
from typing import Any

import pytest

from bakeoff_core.errors import TooManyRequests
from bakeoff_core.http import http_api
from bakeoff_core.http.callers import actor_of, check_rate
from bakeoff_core.http.fastapi_app import create_app, lambda_handler
from tests.support import LambdaContextFake, http_event

KEY = {"key_id": "5d0c83b1f2a4", "scopes": "admin", "throttled": False, "retry_after": 0}
ARN = "arn:aws:sts::123456789012:assumed-role/ops/ana"


def event(authorizer: dict[str, Any] | None, method: str = "GET") -> dict[str, Any]:
    made = http_event(method, "/things")
    made["requestContext"]["authorizer"] = authorizer
    return made


@pytest.mark.parametrize(
    ("authorizer", "actor"),
    [
        ({"lambda": KEY}, "5d0c83b1f2a4"),
        ({"lambda": {"key_id": "https://login.example.com#ana"}}, "https://login.example.com#ana"),
        ({"iam": {"userArn": ARN, "accountId": "123456789012"}}, ARN),
        ({"lambda": None}, "anonymous"),
        ({}, "anonymous"),
        (None, "anonymous"),
    ],
)
def test_an_actor_is_a_key_a_tokens_subject_or_an_arn(authorizer: dict[str, Any] | None, actor: str) -> None:
    assert actor_of(event(authorizer)) == actor


def test_without_a_context_nobody_is_known() -> None:
    assert actor_of({}) == "anonymous"
    check_rate({})


def test_a_callers_rate_is_checked_by_what_the_authorizer_says() -> None:
    check_rate(event({"lambda": KEY}))
    with pytest.raises(TooManyRequests) as refusal:
        check_rate(event({"lambda": KEY | {"throttled": True, "retry_after": 7}}))
    assert refusal.value.retry_after == 7


def test_both_kinds_of_entry_points_answer_429_and_say_when_to_come_back() -> None:
    served: list[str] = []
    hot = http_api()

    @hot.get("/things")
    def hot_things() -> dict[str, Any]:
        served.append(hot.actor)
        return {}

    app = create_app("things")

    @app.get("/things")
    async def things() -> dict[str, Any]:
        served.append("fastapi")
        return {}

    hot.errors_below("/things", lambda _path, _error: (500, {"of": "a protocol"}))
    throttled = event({"lambda": KEY | {"throttled": True, "retry_after": 7}})
    context: Any = LambdaContextFake()
    managing = lambda_handler(app)
    for handle in (hot.resolve, lambda event: managing(event, context)):
        answer = handle(throttled)
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        assert answer["statusCode"] == 429
        assert headers["retry-after"] == "7"
        assert headers["content-type"] == "application/problem+json"
        assert "x-request-id" in headers
        problem = json.loads(answer["body"])
        assert (problem["title"], problem["status"]) == ("Too Many Requests", 429)
        assert problem["request_id"] == headers["x-request-id"]
        assert served == []
        assert handle(event({"lambda": KEY}))["statusCode"] == 200
        served.clear()


def test_a_hot_route_knows_who_asks() -> None:
    api = http_api()

    @api.post("/things")
    def things() -> dict[str, Any]:
        return {"actor": api.actor}

    assert json.loads(api.resolve(event({"lambda": KEY}, "POST"))["body"]) == {"actor": "5d0c83b1f2a4"}
