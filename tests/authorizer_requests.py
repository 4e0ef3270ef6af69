"""Requests and keys for the tests of authorization."""

from collections.abc import Mapping, Sequence
from typing import Any


def request(
    route: str = "GET /models", headers: Mapping[str, str] | None = None, cookies: Sequence[str] = ()
) -> dict[str, Any]:
    """Make an authorizer's event as API Gateway does (payload format 2.0)."""
    method, path = route.split(" ")
    return {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": f"arn:aws:execute-api:us-east-1:123456789012:api/$default/{method}{path}",
        "identitySource": None,
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "cookies": list(cookies),
        "headers": dict(headers or {}),
        "requestContext": {
            "apiId": "api",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "gateway-1",
            "routeKey": route,
            "stage": "$default",
        },
    }
