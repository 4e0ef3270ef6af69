"""Who is looking at the dashboard, and what their key allows."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

ADMIN = "admin"


class Caller(BaseModel):
    """Who asks.

    Attributes:
        key_id: The caller's key; None where the API asks for none.
        scopes: What the key allows; None where the API asks for none.
        may_change: Whether that includes changing experiments.
    """

    model_config = ConfigDict(frozen=True)

    key_id: str | None = None
    scopes: tuple[str, ...] | None = None
    may_change: bool = True


def caller_of(event: Mapping[str, Any]) -> Caller:
    """Read who asks from the request's event, where the authorizer noted it.

    Args:
        event: A Lambda event of format 2.0 or 1.0.
    """
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    noted = authorizer.get("lambda") or {}
    scopes = noted.get("scopes")
    if scopes is None:
        return Caller()
    named = tuple(scopes.replace(",", " ").split()) if isinstance(scopes, str) else tuple(map(str, scopes))
    key_id = noted.get("key_id")
    return Caller(key_id=None if key_id is None else str(key_id), scopes=named, may_change=ADMIN in named)
