import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bakeoff.standin.http_events import (
    HttpRequest,
    MalformedAnswerError,
    authorized_context,
    from_payload,
    message,
    to_authorizer_event,
    to_event,
)
from bakeoff.standin.routing import Match
from bakeoff.standin.template import Route

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def event(body: bytes = b"", content_type: str = "application/json", query: str = "") -> dict[str, Any]:
    request = HttpRequest(
        method="POST",
        path="/things/a%20b",
        query=query,
        headers=(("Content-Type", content_type), ("X-One", "1"), ("X-One", "2"), ("Cookie", "a=1; b=2")),
        body=body,
        client="10.0.0.1",
        protocol="HTTP/1.1",
    )
    match = Match(Route("POST", "/things/{name}", "Thing"), {"name": "a b"})
    return to_event(request, match, api="api", request_id="id", now=NOW)


def test_headers_are_lower_case_and_joined_and_cookies_apart() -> None:
    made = event()
    assert made["headers"] == {"content-type": "application/json", "x-one": "1,2"}
    assert made["cookies"] == ["a=1", "b=2"]


def test_the_context_says_when_and_from_where() -> None:
    context = event()["requestContext"]
    assert context["time"] == "01/Mar/2026:12:30:00 +0000"
    assert context["timeEpoch"] == 1_772_368_200_000
    assert context["http"] == {
        "method": "POST",
        "path": "/things/a b",
        "protocol": "HTTP/1.1",
        "sourceIp": "10.0.0.1",
        "userAgent": "",
    }


def test_query_values_are_decoded_and_joined() -> None:
    made = event(query="a=1&a=2&b=%C3%A9")
    assert made["queryStringParameters"] == {"a": "1,2", "b": "é"}
    assert made["rawQueryString"] == "a=1&a=2&b=%C3%A9"
    assert "queryStringParameters" not in event()


@pytest.mark.parametrize(
    ("content_type", "body", "encoded"),
    [
        ("application/json", b"{}", False),
        ("application/problem+json; charset=utf-8", b"{}", False),
        ("text/csv", b"a,b", False),
        ("application/json", b"\xff", True),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("", b"a", True),
    ],
)
def test_text_is_passed_on_and_the_rest_encoded(content_type: str, body: bytes, *, encoded: bool) -> None:
    made = event(body, content_type)
    assert made["isBase64Encoded"] is encoded
    assert made["body"] == (base64.b64encode(body).decode() if encoded else body.decode())


def test_an_answer_with_a_status_says_everything_itself() -> None:
    answer = from_payload(
        json.dumps(
            {
                "statusCode": "201",
                "headers": {"X-A": 1, "X-B": True, "Content-Length": "99"},
                "cookies": ["a=1"],
                "body": "made",
            }
        ).encode()
    )
    assert (answer.status, answer.body) == (201, b"made")
    assert answer.headers == (
        ("x-a", "1"),
        ("x-b", "true"),
        ("content-type", "text/plain;charset=UTF-8"),
        ("set-cookie", "a=1"),
    )


@pytest.mark.parametrize("payload", [b'{"a": 1}', b"[1]", b'"text"', b"null"])
def test_any_other_answer_is_the_body(payload: bytes) -> None:
    answer = from_payload(payload)
    assert (answer.status, answer.body) == (200, payload)
    assert answer.headers == (("content-type", "application/json"),)


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": "many"},
        {"statusCode": None},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
        {"statusCode": 200, "headers": {"X": ["a"]}},
        {"statusCode": 200, "headers": ["a"]},
    ],
)
def test_a_malformed_answer_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswerError):
        from_payload(json.dumps(answer).encode())


def test_the_gateways_own_answers() -> None:
    answer = message(404, "Not Found")
    assert (answer.status, answer.body) == (404, b'{"message": "Not Found"}')


def test_an_authorizer_gets_the_request_without_its_body() -> None:
    made = event(b'{"a": 1}')
    asked = to_authorizer_event(made, "arn:route")
    assert (asked["version"], asked["type"], asked["routeArn"]) == ("2.0", "REQUEST", "arn:route")
    assert asked["identitySource"] is None
    assert not {"body", "isBase64Encoded"} & asked.keys()
    assert {name: asked[name] for name in ("routeKey", "headers", "cookies", "requestContext")} == {
        name: made[name] for name in ("routeKey", "headers", "cookies", "requestContext")
    }


def test_a_simple_response_lets_through_with_what_it_says_of_the_caller() -> None:
    assert authorized_context(b'{"isAuthorized": true, "context": {"key_id": "a"}}') == {"key_id": "a"}
    assert authorized_context(b'{"isAuthorized": true}') == {}
    assert authorized_context(b'{"isAuthorized": false, "context": {"key_id": "a"}}') is None


@pytest.mark.parametrize(
    "payload", [b"null", b"[]", b"{}", b'{"isAuthorized": "true"}', b'{"isAuthorized": 1}', b'{"policyDocument": {}}']
)
def test_what_is_no_simple_response_lets_nobody_through(payload: bytes) -> None:
    with pytest.raises(MalformedAnswerError, match="isAuthorized"):
        authorized_context(payload)
