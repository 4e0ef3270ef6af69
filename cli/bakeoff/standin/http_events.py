"""HTTP requests as API Gateway's events (payload format 2.0), and its answers back as HTTP."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from bakeoff.standin.routing import Match

_TEXT_TYPES = ("application/json", "application/javascript", "application/xml")


class MalformedAnswerError(Exception):
    """A function's answer is not what API Gateway takes."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came over the wire."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    client: str
    protocol: str


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer as it leaves."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = field(default=())


def to_event(request: HttpRequest, match: Match, *, api: str, request_id: str, now: datetime) -> dict[str, Any]:
    """Turn a request into the event that the function gets.

    Args:
        request: The request.
        match: Its route.
        api: The API's id.
        request_id: API Gateway's own id of the request.
        now: When it came.
    """
    headers = _joined((name.lower(), value) for name, value in request.headers)
    cookies = headers.pop("cookie", None)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": match.key,
        "rawPath": unquote(request.path),
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": api,
            "domainName": headers.get("host", ""),
            "domainPrefix": api,
            "http": {
                "method": request.method,
                "path": unquote(request.path),
                "protocol": request.protocol,
                "sourceIp": request.client,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": match.key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies.split("; ")
    if request.query:
        event["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
    if match.parameters:
        event["pathParameters"] = dict(match.parameters)
    if request.body:
        event["body"], event["isBase64Encoded"] = _encode(request.body, headers.get("content-type", ""))
    return event


def to_authorizer_event(event: Mapping[str, Any], route_arn: str) -> dict[str, Any]:
    """Turn the event that a function would get into the one that its authorizer gets before, without the body.

    Args:
        event: The function's.
        route_arn: What the request is for.
    """
    request = {name: value for name, value in event.items() if name not in {"body", "isBase64Encoded"}}
    return {**request, "type": "REQUEST", "routeArn": route_arn, "identitySource": None}


def authorized_context(payload: bytes) -> dict[str, Any] | None:
    """Read a simple response: what the authorizer says of the caller, or None where it refuses the request.

    Raises:
        MalformedAnswerError: It is none.
    """
    answer = json.loads(payload)
    if not isinstance(answer, dict) or not isinstance(answer.get("isAuthorized"), bool):
        raise MalformedAnswerError("isAuthorized: must be there, and true or false")
    return dict(answer.get("context") or {}) if answer["isAuthorized"] else None


def from_payload(payload: bytes) -> HttpAnswer:
    """Turn a function's answer into HTTP.

    An object with a `statusCode` says everything itself; any other JSON is the
    body of a 200.

    Raises:
        MalformedAnswerError: A field has a type that API Gateway refuses.
    """
    answer = json.loads(payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return HttpAnswer(200, payload, (("content-type", "application/json"),))
    try:
        status = int(answer["statusCode"])
        headers = {str(name).lower(): _header_value(value) for name, value in (answer.get("headers") or {}).items()}
        body = _decode(answer.get("body"), encoded=bool(answer.get("isBase64Encoded")))
    except (TypeError, ValueError, AttributeError) as error:
        raise MalformedAnswerError(str(error)) from error
    headers.pop("content-length", None)
    headers.setdefault("content-type", "text/plain;charset=UTF-8")
    cookies = [("set-cookie", str(cookie)) for cookie in answer.get("cookies") or ()]
    return HttpAnswer(status, body, (*headers.items(), *cookies))


def message(status: int, text: str) -> HttpAnswer:
    """An answer of API Gateway's own."""
    return HttpAnswer(status, json.dumps({"message": text}).encode(), (("content-type", "application/json"),))


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _encode(body: bytes, content_type: str) -> tuple[str, bool]:
    """Pass text on as it is; API Gateway sends everything else, form data among it, as base64."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type in _TEXT_TYPES or media_type.endswith(("+json", "+xml")):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def _decode(body: object, *, encoded: bool) -> bytes:
    if body is None:
        return b""
    if not isinstance(body, str):
        raise TypeError("body: must be a string")
    if not encoded:
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ValueError("body: is not base64") from error


def _header_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError("headers: must be strings")
