"""What administrators do with API keys: make them, renew their secrets, revoke them."""

from dataclasses import replace
from datetime import datetime, timedelta

from bakeoff_core.clock import Clock
from bakeoff_core.errors import KeyEnded
from bakeoff_core.identity.keys import ApiKey, PresentedKey, Rate, new_key, rotated
from bakeoff_core.identity.scopes import Scope
from bakeoff_core.stores.api_keys import ApiKeyStore


class KeyRing:
    """The keys of a stack.

    Args:
        store: Where they are kept.
        clock: The time.
    """

    def __init__(self, store: ApiKeyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def list(self) -> list[ApiKey]:
        """Read all keys, the revoked and expired among them, oldest first."""
        return self._store.list()

    def create(
        self,
        name: str,
        scopes: frozenset[Scope],
        *,
        created_by: str,
        expires_at: datetime | None = None,
        rate: Rate | None = None,
    ) -> PresentedKey:
        """Make a key and return it; it is not to be had again.

        Args:
            name: What its maker calls it.
            scopes: What it opens.
            created_by: Who makes it.
            expires_at: From when on it opens nothing.
            rate: Its own limits; None takes the stack's.
        """
        key, presented = new_key(
            name, scopes, created_by=created_by, now=self._clock(), expires_at=expires_at, rate=rate
        )
        self._store.add(key)
        return presented

    def rotate(self, key_id: str, overlap: timedelta) -> PresentedKey:
        """Give a key a new secret and return it; it is not to be had again.

        Args:
            key_id: The key.
            overlap: For how long the present secret stays valid.

        Raises:
            KeyNotFound: There is no such key.
            KeyEnded: It is revoked or expired.
        """
        made: PresentedKey | None = None

        def renew(key: ApiKey) -> ApiKey:
            nonlocal made
            now = self._clock()
            if not key.is_live(now):
                raise KeyEnded(key.key_id)
            renewed, made = rotated(key, overlap=overlap, now=now)
            return renewed

        self._store.change(key_id, renew)
        assert made is not None  # noqa: S101 - a store that returns has called `renew`
        return made

    def revoke(self, key_id: str) -> ApiKey:
        """End a key for good; one that is revoked already stays as it is. Raises KeyNotFound."""

        def end(key: ApiKey) -> ApiKey:
            return key if key.revoked_at else replace(key, revoked_at=self._clock())

        return self._store.change(key_id, end)
