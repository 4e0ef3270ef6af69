"""Work that is done in the caller's own thread, and ended from another one where it takes too long."""

import math
from collections.abc import Callable
from threading import TIMEOUT_MAX, Event, Lock, Thread


class Watched:
    """A piece of work that is under way.

    Args:
        ends_at: When it has to be over.
        cancel: Ends it.

    Attributes:
        was_cut: Whether it was ended.
    """

    __slots__ = ("cancel", "ends_at", "was_cut")

    def __init__(self, ends_at: float, cancel: Callable[[], None]) -> None:
        self.ends_at = ends_at
        self.cancel = cancel
        self.was_cut = False


class Watch:
    """Looks at what is under way when the first of it has to be over.

    The thread that looks sleeps through everything that is over in time, also while the next piece of work is begun:
    one that is awake takes part in the contest for the interpreter at every run of a model, which slows all of them.

    Args:
        monotonic: Tells the time, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._under_way: set[Watched] = set()
        self._looks_at = math.inf
        self._sooner = Event()
        self._thread: Thread | None = None
        self._lock = Lock()

    def begin(self, seconds: float, cancel: Callable[[], None]) -> Watched:
        """Watch a piece of work.

        Args:
            seconds: How long it may take.
            cancel: Ends it; called from another thread.
        """
        watched = Watched(self._monotonic() + seconds, cancel)
        self._under_way.add(watched)
        if watched.ends_at < self._looks_at:
            self._look_sooner(watched.ends_at)
        return watched

    def end(self, watched: Watched) -> None:
        """Watch it no longer."""
        self._under_way.discard(watched)

    def _look_sooner(self, moment: float) -> None:
        with self._lock:
            self._looks_at = min(self._looks_at, moment)
            self._sooner.set()
            if self._thread is None:
                self._thread = Thread(target=self._look, name="watch", daemon=True)
                self._thread.start()

    def _look(self) -> None:
        while True:
            seconds = self._looks_at - self._monotonic()
            if seconds > 0:
                self._sooner.wait(min(seconds, TIMEOUT_MAX))
                self._sooner.clear()
                continue
            # First, so that what is begun from here on and not among what is looked at is told of.
            self._looks_at = math.inf
            now = self._monotonic()
            for watched in list(self._under_way):
                if now >= watched.ends_at and not watched.was_cut:
                    watched.was_cut = True
                    watched.cancel()
            following = min((each.ends_at for each in list(self._under_way) if not each.was_cut), default=math.inf)
            with self._lock:
                self._looks_at = min(self._looks_at, following)
