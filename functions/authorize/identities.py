"""Whom a credential stands for."""

from dataclasses import dataclass
from typing import Protocol

from bakeoff_core.identity.keys import Rate
from bakeoff_core.identity.scopes import Scope


class Refused(Exception):
    """A credential opens nothing.

    Attributes:
        reason: Why, for the log; the caller is not told.
        key_id: Whose it says it is, where that is known.
    """

    def __init__(self, reason: str, key_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a caller is.

    Attributes:
        key_id: Names the caller in logs and audit trails.
        scopes: What it may do.
        rate: Its own limits; None takes the stack's.
    """

    key_id: str
    scopes: frozenset[Scope]
    rate: Rate | None = None


class Verifier(Protocol):
    """Tells whom a credential stands for."""

    def verify(self, credential: str) -> Identity:
        """Check a credential.

        Raises:
            Refused: It opens nothing.
            DependencyUnavailable: It cannot be checked now.
        """
        ...
