"""What a caller shows to say who it is."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

COOKIE = "bakeoff_key"
_SCHEME = "bearer "


def credential_of(event: Mapping[str, Any]) -> str | None:
    """Find what a request shows: `X-API-Key`, else `Authorization: Bearer`, else for GET alone the cookie.

    A browser sends a cookie by itself, so that it opens nothing that could change something.

    Args:
        event: An authorizer's event of payload format 2.0.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    key = headers.get("x-api-key")
    if key:
        return str(key).strip()
    authorization = str(headers.get("authorization") or "")
    if authorization:
        return authorization[len(_SCHEME) :].strip() if authorization.lower().startswith(_SCHEME) else None
    return _cookie(event) if event["requestContext"]["http"]["method"] == "GET" else None


def _cookie(event: Mapping[str, Any]) -> str | None:
    for text in event.get("cookies") or ():
        try:
            found = SimpleCookie(text).get(COOKIE)
        except CookieError:
            continue
        if found is not None:
            return found.value
    return None
