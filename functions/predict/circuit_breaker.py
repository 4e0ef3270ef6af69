"""A model that keeps failing is left alone for a while, then tried once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Self

from bakeoff_core.errors import CircuitOpen, Unavailable

_SLICES = 10


@dataclass(slots=True)
class _Circuit:
    """What is known of one version. Its window is cut into slices, so that old results leave it bit by bit."""

    slices: dict[int, list[int]] = field(default_factory=dict)
    opened_at: float | None = None
    trial: bool = False


class Attempt:
    """One call, for as long as a with statement lasts; who makes it says so where it fails without raising.

    Args:
        breaker: Lets it through.
        key: The version.

    Attributes:
        succeeded: Whether it did, if it raises nothing.
    """

    __slots__ = ("_breaker", "_key", "succeeded")

    def __init__(self, breaker: "CircuitBreaker", key: str) -> None:
        self._breaker = breaker
        self._key = key
        self.succeeded = True

    def __enter__(self) -> Self:
        self._breaker.enter(self._key)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._breaker.leave(self._key, succeeded=self.succeeded)
        else:
            self._breaker.leave(self._key, succeeded=False if issubclass(kind, Unavailable) else None)


class CircuitBreaker:
    """Counts how each version fares, and refuses the calls of one that keeps failing.

    A circuit is closed at first. It opens when, within the window, as many calls failed as the threshold says and
    no more succeeded. After the recovery time it is half open: one call goes through, and decides whether it closes
    or opens anew. Requests that are wrong themselves say nothing of the model.

    Args:
        failure_threshold: How many failures open a circuit.
        window_seconds: For how long a result counts.
        recovery_seconds: How long an open circuit refuses calls.
        monotonic: Tells the time, in seconds.
        on_opened: Called with the version's key whenever its circuit opens.
    """

    def __init__(
        self,
        failure_threshold: int,
        window_seconds: float,
        recovery_seconds: float,
        monotonic: Callable[[], float],
        on_opened: Callable[[str], None],
    ) -> None:
        self._failure_threshold = failure_threshold
        self._slice_seconds = window_seconds / _SLICES
        self._recovery_seconds = recovery_seconds
        self._monotonic = monotonic
        self._on_opened = on_opened
        self._circuits: dict[str, _Circuit] = {}
        self._lock = Lock()

    def attempt(self, key: str) -> Attempt:
        """Guard one call in a with statement.

        Raises:
            CircuitOpen: The version kept failing; raised where the with statement begins.
        """
        return Attempt(self, key)

    def reset(self, key: str) -> None:
        """Close a circuit, for a version that was just proved to work."""
        with self._lock:
            self._circuits.pop(key, None)

    def enter(self, key: str) -> None:
        """Let a call begin.

        Raises:
            CircuitOpen: The version kept failing.
        """
        with self._lock:
            circuit = self._circuits.get(key)
            if circuit is None or circuit.opened_at is None:
                return
            if circuit.trial or self._monotonic() - circuit.opened_at < self._recovery_seconds:
                raise CircuitOpen(key)
            circuit.trial = True

    def leave(self, key: str, *, succeeded: bool | None) -> None:
        """Take in how a call ended.

        Args:
            key: The version.
            succeeded: None where the result says nothing of the model.
        """
        with self._lock:
            circuit = self._circuits.get(key)
            if circuit is None:
                circuit = self._circuits[key] = _Circuit()
            opens = self._note(circuit, succeeded=succeeded)
        if opens:
            self._on_opened(key)

    def _note(self, circuit: _Circuit, *, succeeded: bool | None) -> bool:
        """Take in a result, and say whether it opens the circuit."""
        tried, circuit.trial = circuit.trial, False
        if succeeded is None:
            return False
        now = self._monotonic()
        if tried:
            circuit.opened_at = None if succeeded else now
            circuit.slices.clear()
            return not succeeded
        if circuit.opened_at is not None:
            return False  # it began before the circuit opened
        present = int(now / self._slice_seconds)
        if present not in circuit.slices:
            for old in [each for each in circuit.slices if each <= present - _SLICES]:
                del circuit.slices[old]
            circuit.slices[present] = [0, 0]
        circuit.slices[present][succeeded] += 1
        if succeeded:
            return False
        failures, successes = (sum(counts) for counts in zip(*circuit.slices.values(), strict=True))
        if failures < self._failure_threshold or successes > failures:
            return False
        circuit.opened_at = now
        return True
