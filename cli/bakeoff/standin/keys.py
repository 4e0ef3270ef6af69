"""The API keys of a stack on this machine: one a scope, with a new secret in every run."""

from datetime import datetime, timedelta

from bakeoff_core.identity.key_ring import KeyRing
from bakeoff_core.identity.scopes import SCOPES, Scope

_MAKER = "bakeoff serve"


def new_keys(ring: KeyRing, now: datetime) -> dict[Scope, str]:
    """Make a key of each scope, or give those that an earlier run left new secrets and end the old ones.

    Args:
        ring: The stack's keys.
        now: The time.
    """
    left = {key.name: key.key_id for key in ring.list() if key.created_by == _MAKER and key.is_live(now)}
    return {
        scope: str(
            ring.rotate(left[scope], overlap=timedelta(0))
            if scope in left
            else ring.create(scope, frozenset({scope}), created_by=_MAKER)
        )
        for scope in SCOPES
    }
