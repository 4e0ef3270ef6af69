"""The forms in which API Gateway and function URLs hand over a request."""

from collections.abc import Mapping
from typing import Any, Required
from urllib.parse import quote, urlencode

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from bakeoff_core.errors import InvalidInput

_DEFAULT_STAGE = "$default"
_OF_HTTP = {"method", "path", "protocol", "sourceIp", "userAgent"}

_Texts = dict[str, str]
_Lists = dict[str, list[str]]


_LENIENT = ConfigDict(extra="allow", strict=True)

# "lambda" is a word of Python's, and so no name for a field of a class.
_Authorizer = TypedDict("_Authorizer", {"lambda": dict[str, Any] | None, "iam": dict[str, Any] | None}, total=False)
_Authorizer.__pydantic_config__ = _LENIENT  # type: ignore[attr-defined]  # where pydantic looks for it


class _Http(TypedDict, total=False):
    __pydantic_config__ = _LENIENT  # type: ignore[misc]  # where pydantic looks for it

    method: Required[str]
    path: str
    protocol: str
    sourceIp: str
    userAgent: str


class _Context(TypedDict, total=False):
    __pydantic_config__ = _LENIENT  # type: ignore[misc]  # where pydantic looks for it

    http: Required[_Http]
    stage: str
    authorizer: _Authorizer | None


class _Request(TypedDict, total=False):
    __pydantic_config__ = _LENIENT  # type: ignore[misc]  # where pydantic looks for it

    routeKey: str
    rawPath: Required[str]
    rawQueryString: str
    cookies: list[str] | None
    headers: _Texts | None
    queryStringParameters: _Texts | None
    pathParameters: _Texts | None
    requestContext: Required[_Context]
    body: str | None
    isBase64Encoded: bool


class _Identity(TypedDict, total=False):
    __pydantic_config__ = _LENIENT  # type: ignore[misc]  # where pydantic looks for it

    sourceIp: str | None
    userAgent: str | None


class _Context1(TypedDict, total=False):
    __pydantic_config__ = _LENIENT  # type: ignore[misc]  # where pydantic looks for it

    stage: str
    protocol: str
    identity: _Identity | None
    authorizer: _Authorizer | None


class _Request1(TypedDict, total=False):
    __pydantic_config__ = _LENIENT  # type: ignore[misc]  # where pydantic looks for it

    resource: str
    httpMethod: Required[str]
    path: Required[str]
    headers: _Texts | None
    multiValueHeaders: _Lists | None
    queryStringParameters: _Texts | None
    multiValueQueryStringParameters: _Lists | None
    pathParameters: _Texts | None
    requestContext: _Context1 | None
    body: str | None
    isBase64Encoded: bool


_request = TypeAdapter(_Request)
_request_1 = TypeAdapter(_Request1)


def as_payload_2(event: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a request into the HTTP API's payload format 2.0, without its stage.

    Function URLs use that format already; format 1.0 is what REST APIs and older HTTP API routes send.

    Args:
        event: A Lambda event of format 2.0 or 1.0.

    Raises:
        InvalidInput: It is none.
    """
    request = checked_request(event)
    context = request["requestContext"]
    path = _without_stage(request["rawPath"], context.get("stage", _DEFAULT_STAGE))
    if _is_whole(request, path):
        return request
    return {
        **request,
        "rawPath": path,
        "rawQueryString": request.get("rawQueryString", ""),
        "headers": request.get("headers") or {},
        "requestContext": {
            **context,
            "stage": _DEFAULT_STAGE,
            "http": {"protocol": "HTTP/1.1", "sourceIp": "", "userAgent": "", **context["http"], "path": path},
        },
    }


def _is_whole(request: Mapping[str, Any], path: str) -> bool:
    """Say whether nothing has to be added to a request or changed in it, as is the rule behind an HTTP API."""
    context = request["requestContext"]
    return (
        context.get("stage") == _DEFAULT_STAGE
        and context["http"].get("path") == path == request["rawPath"]
        and context["http"].keys() >= _OF_HTTP
        and request.get("headers") is not None
        and "rawQueryString" in request
    )


def checked_request(event: Any) -> dict[str, Any]:
    """Take an event for a request of payload format 2.0, if it is one or can be made one.

    Raises:
        InvalidInput: It is none.
    """
    try:
        if isinstance(event, Mapping) and event.get("version") != "2.0":
            return _from_payload_1(dict(_request_1.validate_python(event)))
        return dict(_request.validate_python(event))
    except ValidationError:
        raise InvalidInput.of("event", "must be a request from API Gateway or a function URL") from None


def _without_stage(path: str, stage: str) -> str:
    prefix = f"/{stage}"
    if stage == _DEFAULT_STAGE or not (path == prefix or path.startswith(f"{prefix}/")):
        return path
    return path.removeprefix(prefix) or "/"


def header(event: Mapping[str, Any], name: str) -> str | None:
    """Look a header up, whatever its case.

    Args:
        event: A Lambda event of format 2.0.
        name: The header's name in lower case.
    """
    headers: Mapping[str, str] = event.get("headers") or {}
    if name in headers:
        return headers[name]
    return next((value for key, value in headers.items() if key.lower() == name), None)


def _from_payload_1(event: Mapping[str, Any]) -> dict[str, Any]:
    headers = {key.lower(): ",".join(values) for key, values in (event.get("multiValueHeaders") or {}).items()}
    headers |= {key.lower(): value for key, value in (event.get("headers") or {}).items() if key.lower() not in headers}
    query = event.get("multiValueQueryStringParameters") or {
        key: [value] for key, value in (event.get("queryStringParameters") or {}).items()
    }
    context = event.get("requestContext") or {}
    identity = context.get("identity") or {}
    method, path = event["httpMethod"], event["path"]
    return {
        "version": "2.0",
        "routeKey": f"{method} {event.get('resource', path)}",
        "rawPath": quote(path, safe="/%:@!$&'()*+,;=~", errors="replace"),
        "rawQueryString": urlencode(
            [(key, value) for key, values in query.items() for value in values], errors="replace"
        ),
        "cookies": [cookie.strip() for cookie in headers.pop("cookie", "").split(";") if cookie.strip()],
        "headers": headers,
        "queryStringParameters": {key: ",".join(values) for key, values in query.items()},
        "pathParameters": event.get("pathParameters") or {},
        "requestContext": {
            **context,
            "http": {
                "method": method,
                "path": path,
                "protocol": context.get("protocol", "HTTP/1.1"),
                "sourceIp": identity.get("sourceIp") or "",
                "userAgent": identity.get("userAgent") or "",
            },
        },
        "body": event.get("body"),
        "isBase64Encoded": event.get("isBase64Encoded", False),
    }
