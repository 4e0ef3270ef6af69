"""The forms in which API Gateway and function URLs hand over a request."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

_DEFAULT_STAGE = "$default"


def as_payload_2(event: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a request into the HTTP API's payload format 2.0, without its stage.

    Function URLs use that format already; format 1.0 is what REST APIs and older HTTP API routes send.

    Args:
        event: A Lambda event of format 2.0 or 1.0.
    """
    event = event if event.get("version") == "2.0" else _from_payload_1(event)
    context = event["requestContext"]
    path = _without_stage(event["rawPath"], context.get("stage", _DEFAULT_STAGE))
    return {
        **event,
        "rawPath": path,
        "requestContext": {**context, "stage": _DEFAULT_STAGE, "http": {**context["http"], "path": path}},
    }


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
    return next((value for key, value in headers.items() if key.lower() == name), None)


def _from_payload_1(event: Mapping[str, Any]) -> dict[str, Any]:
    headers = {key.lower(): ",".join(values) for key, values in (event.get("multiValueHeaders") or {}).items()}
    headers |= {key.lower(): value for key, value in (event.get("headers") or {}).items() if key.lower() not in headers}
    query = event.get("multiValueQueryStringParameters") or {
        key: [value] for key, value in (event.get("queryStringParameters") or {}).items()
    }
    context = event.get("requestContext") or {}
    identity = context.get("identity") or {}
    method = event.get("httpMethod", "GET")
    path = event.get("path", "/")
    return {
        "version": "2.0",
        "routeKey": f"{method} {event.get('resource', path)}",
        "rawPath": quote(path, safe="/%:@!$&'()*+,;=~"),
        "rawQueryString": urlencode([(key, value) for key, values in query.items() for value in values]),
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
                "sourceIp": identity.get("sourceIp", ""),
                "userAgent": identity.get("userAgent", ""),
            },
        },
        "body": event.get("body"),
        "isBase64Encoded": event.get("isBase64Encoded", False),
    }
