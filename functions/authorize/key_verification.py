"""API keys, recognised by what the table has of them."""

import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from bakeoff_core.clock import Clock
from bakeoff_core.errors import DependencyUnavailable, KeyNotFound
from bakeoff_core.identity.keys import ApiKey, PresentedKey, refuse_in_the_same_time
from bakeoff_core.stores.api_keys import ApiKeyStore
from bakeoff_core.stores.cache import Ages
from identities import Identity, Refused

_LONGEST_WITHOUT_THE_TABLE = timedelta(minutes=15)
_MOST = 1_000

_Value = TypeVar("_Value")


@dataclass(slots=True)
class _Known:
    """A key, when the table had it, until when that serves, and how many looks failed since."""

    key: ApiKey
    read_at: datetime
    until: datetime
    failures: int = 0


class RecentKeys:
    """Keys as the table had them lately, and ids that it did not know.

    Known and unknown ids have room of their own, so that nobody pushes keys out by making ids up.

    Args:
        store: The table.
        max_age_seconds: For how long a look serves.
        clock: The time.
        on_stale: Called with the id whenever an older look serves because the table does not answer.
        uniform: Draws a number between two others, for the time that a look serves.
    """

    def __init__(
        self,
        store: ApiKeyStore,
        max_age_seconds: float,
        clock: Clock,
        on_stale: Callable[[str], None],
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._store = store
        self._ages = Ages(max_age_seconds, uniform)
        self._clock = clock
        self._on_stale = on_stale
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._unknown: OrderedDict[str, datetime] = OrderedDict()

    def get(self, key_id: str) -> ApiKey | None:
        """Find a key, or None where there is none.

        Raises:
            DependencyUnavailable: The table does not answer, and was not asked about this key lately.
        """
        now = self._clock()
        unknown_until = self._unknown.get(key_id)
        if unknown_until is not None and now < unknown_until:
            return None
        known = self._known.get(key_id)
        if known is not None and now < known.until:
            self._known.move_to_end(key_id)
            if known.failures:
                self._on_stale(key_id)
            return known.key
        try:
            key = self._store.get(key_id)
        except KeyNotFound:
            self._known.pop(key_id, None)
            _put(self._unknown, key_id, now + self._ages.of_an_answer())
            return None
        except DependencyUnavailable:
            if known is None or now - known.read_at >= _LONGEST_WITHOUT_THE_TABLE:
                raise
            known.until = min(
                now + self._ages.after_a_failure(known.failures), known.read_at + _LONGEST_WITHOUT_THE_TABLE
            )
            known.failures += 1
            self._on_stale(key_id)
            return known.key
        self._unknown.pop(key_id, None)
        _put(self._known, key_id, _Known(key, now, now + self._ages.of_an_answer()))
        return key


class KeyVerifier:
    """Recognises API keys.

    Args:
        keys: Finds what is kept of them.
        clock: The time.
    """

    def __init__(self, keys: RecentKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def verify(self, credential: str) -> Identity:
        """Check a key, in a time that does not tell whether its id is known."""
        presented = PresentedKey.parse(credential)
        if presented is None:
            raise Refused("malformed")
        key, now = self._keys.get(presented.key_id), self._clock()
        if key is None:
            refuse_in_the_same_time(presented.secret)
            raise Refused("unknown")
        if not key.recognises(presented.secret, now):
            raise Refused("wrong_secret", key.key_id)
        if not key.is_live(now):
            raise Refused("revoked" if key.revoked_at else "expired", key.key_id)
        return Identity(key.key_id, key.scopes, key.rate)


def _put(entries: OrderedDict[str, _Value], key: str, value: _Value) -> None:
    entries[key] = value
    entries.move_to_end(key)
    while len(entries) > _MOST:
        entries.popitem(last=False)
