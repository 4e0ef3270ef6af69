"""Remembering what a store said, for a bounded time, and for longer while the store is down."""

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from bakeoff_core.clock import Clock
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.snapshots import on_restore

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_SHORTEST = 0.5  # of the age that is allowed
_FIRST_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Ages:
    """For how long answers serve.

    Many processes that came to know a store at the same moment, as after a deployment or when it answers again, would
    ask it again at the same moment too, each time. So each answer serves for a time drawn between half the bound and
    the bound. A store that fails is asked again after a second, and ever more seldom up to the bound: were it asked
    with each request, what throttles it once would throttle it for ever.

    Attributes:
        max_age_seconds: The bound.
        uniform: Draws a number between two others.
    """

    max_age_seconds: float
    uniform: Callable[[float, float], float]

    def of_an_answer(self) -> timedelta:
        """Draw for how long an answer serves."""
        return self._drawn(self.max_age_seconds)

    def after_a_failure(self, failures: int) -> timedelta:
        """Draw for how long the answer before goes on serving.

        Args:
            failures: How many failed before this one, since the store answered.
        """
        return self._drawn(min(self.max_age_seconds, _FIRST_PAUSE_SECONDS * 2.0**failures))

    def _drawn(self, seconds: float) -> timedelta:
        return timedelta(seconds=self.uniform(_SHORTEST * seconds, seconds))


@dataclass(slots=True)
class _Answer(Generic[Value]):
    """What the store said, until when it serves without another look, and how many looks failed since."""

    value: Value
    until: datetime
    failures: int = 0


class BoundedAgeCache(Generic[Key, Value]):
    """Answers of a store, none older than a bound while the store answers.

    Args:
        load: Reads the store.
        max_age_seconds: For how long an answer serves without another look.
        clock: The time.
        on_stale: Called with the key whenever an old answer serves because the store failed.
        uniform: Draws a number between two others, for the time that an answer serves.
    """

    def __init__(
        self,
        load: Callable[[Key], Value],
        max_age_seconds: float,
        clock: Clock,
        on_stale: Callable[[Key], None],
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._load = load
        self._ages = Ages(max_age_seconds, uniform)
        self._clock = clock
        self._on_stale = on_stale
        self._remembered: dict[Key, _Answer[Value]] = {}
        on_restore(self.forget)

    def get(self, key: Key) -> Value:
        """Answer from memory or from the store.

        Raises:
            DependencyUnavailable: The store fails and never answered for this key.
        """
        now = self._clock()
        known = self._remembered.get(key)
        if known is not None and now < known.until:
            if known.failures:
                self._on_stale(key)
            return known.value
        try:
            value = self._load(key)
        except DependencyUnavailable:
            if known is None:
                raise
            known.until, known.failures = now + self._ages.after_a_failure(known.failures), known.failures + 1
            self._on_stale(key)
            return known.value
        except Exception:
            # The store answered, and its answer is that there is nothing of that key any more.
            self._remembered.pop(key, None)
            raise
        self._remembered[key] = _Answer(value, now + self._ages.of_an_answer())
        return value

    def forget(self) -> None:
        """Ask the store anew for everything."""
        self._remembered.clear()

    def known(self, key: Key) -> Value | None:
        """Tell what is remembered of a key, however old, without asking the store."""
        answer = self._remembered.get(key)
        return None if answer is None else answer.value

    def remember(self, key: Key, value: Value) -> None:
        """Take in what the store said of a key when it was asked for something else."""
        self._remembered[key] = _Answer(value, self._clock() + self._ages.of_an_answer())
