"""What the authorizer, or IAM, says of the caller of a request."""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any

from bakeoff_core.errors import ForeignOrigin, TooManyRequests
from bakeoff_core.http.events import header

_NOBODY = "anonymous"
_ORIGIN_HEADER = "x-origin-secret"


def actor_of(event: Mapping[str, Any]) -> str:
    """Name the caller as audit trails do: by the id of its key, by its token's subject, or by its IAM user or role.

    Args:
        event: A Lambda event of payload format 2.0, or from a function URL.
    """
    authorizer = _authorizer(event)
    key = (authorizer.get("lambda") or {}).get("key_id")
    return str(key or (authorizer.get("iam") or {}).get("userArn") or _NOBODY)


def check_origin(event: Mapping[str, Any], secret: str) -> None:
    """Refuse a request that did not come through the stack's own CloudFront, where a web ACL looks at it.

    A request that IAM let through needs no other proof.

    Args:
        event: A Lambda event of payload format 2.0, or from a function URL.
        secret: What CloudFront adds as a header; empty where there is none, and all requests may come.

    Raises:
        ForeignOrigin: The request lacks it.
    """
    if not secret or _authorizer(event).get("iam"):
        return
    if not compare_digest((header(event, _ORIGIN_HEADER) or "").encode(), secret.encode()):
        raise ForeignOrigin


def check_rate(event: Mapping[str, Any]) -> None:
    """Refuse a request that its caller's key is not to make yet.

    Raises:
        TooManyRequests: The authorizer says so.
    """
    limits = _authorizer(event).get("lambda") or {}
    if limits.get("throttled"):
        raise TooManyRequests(int(limits["retry_after"]))


def _authorizer(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return (event.get("requestContext") or {}).get("authorizer") or {}
