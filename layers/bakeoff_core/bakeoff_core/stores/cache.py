"""Remembering what a store said, for a bounded time, and for longer while the store is down."""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from bakeoff_core.clock import Clock
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.snapshots import on_restore

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedAgeCache(Generic[Key, Value]):
    """Answers of a store, none older than a bound while the store answers.

    Args:
        load: Reads the store.
        max_age_seconds: For how long an answer serves without another look.
        clock: The time.
        on_stale: Called with the key whenever an old answer serves because the store failed.
    """

    def __init__(
        self, load: Callable[[Key], Value], max_age_seconds: float, clock: Clock, on_stale: Callable[[Key], None]
    ) -> None:
        self._load = load
        self._max_age = timedelta(seconds=max_age_seconds)
        self._clock = clock
        self._on_stale = on_stale
        self._remembered: dict[Key, tuple[datetime, Value]] = {}
        on_restore(self.forget)

    def get(self, key: Key) -> Value:
        """Answer from memory or from the store.

        Raises:
            DependencyUnavailable: The store fails and never answered for this key.
        """
        now = self._clock()
        known = self._remembered.get(key)
        if known is not None and now - known[0] < self._max_age:
            return known[1]
        try:
            value = self._load(key)
        except DependencyUnavailable:
            if known is None:
                raise
            self._on_stale(key)
            return known[1]
        except Exception:
            # The store answered, and its answer is that there is nothing of that key any more.
            self._remembered.pop(key, None)
            raise
        self._remembered[key] = (now, value)
        return value

    def forget(self) -> None:
        """Ask the store anew for everything."""
        self._remembered.clear()

    def remember(self, key: Key, value: Value) -> None:
        """Take in what the store said of a key when it was asked for something else."""
        self._remembered[key] = (self._clock(), value)
