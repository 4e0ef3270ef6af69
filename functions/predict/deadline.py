"""How much time is left before Lambda ends the invocation."""

import math
from collections.abc import Callable
from typing import Protocol


class TimedContext(Protocol):
    """The part of the Lambda context that tells the time left."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's time-out."""
        ...


class Deadline:
    """The time left to the request that is being served; without a request there is any amount of it.

    Args:
        margin_seconds: What is kept back for answering and recording.
        monotonic: Tells the time, in seconds.
    """

    def __init__(self, margin_seconds: float, monotonic: Callable[[], float]) -> None:
        self._margin_seconds = margin_seconds
        self._monotonic = monotonic
        self._end = math.inf

    def start(self, context: TimedContext) -> None:
        """Begin a request."""
        self._end = self._monotonic() + context.get_remaining_time_in_millis() / 1_000 - self._margin_seconds

    @property
    def remaining_seconds(self) -> float:
        """The seconds left; negative where there are none."""
        return self._end - self._monotonic()
