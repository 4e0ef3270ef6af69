"""Work that is done in the caller's own thread, and ended from another one where it takes too long."""

from collections.abc import Callable
from threading import Event, Lock, Thread

_TICK_SECONDS = 0.05


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
    """Looks at what is under way, some twenty times a second, and not at all while nothing is.

    Args:
        monotonic: Tells the time, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._under_way: set[Watched] = set()
        self._busy = Event()
        self._thread: Thread | None = None
        self._starting = Lock()

    def begin(self, seconds: float, cancel: Callable[[], None]) -> Watched:
        """Watch a piece of work.

        Args:
            seconds: How long it may take.
            cancel: Ends it; called from another thread.
        """
        watched = Watched(self._monotonic() + seconds, cancel)
        self._under_way.add(watched)
        if not self._busy.is_set():
            self._busy.set()
        if self._thread is None:
            self._start()
        return watched

    def end(self, watched: Watched) -> None:
        """Watch it no longer."""
        self._under_way.discard(watched)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._look, name="watch", daemon=True)
                self._thread.start()

    def _look(self) -> None:
        pause = Event()
        while True:
            self._busy.wait()
            pause.wait(_TICK_SECONDS)
            self._busy.clear()
            now = self._monotonic()
            for watched in list(self._under_way):
                if now >= watched.ends_at and not watched.was_cut:
                    watched.was_cut = True
                    watched.cancel()
            if self._under_way:
                self._busy.set()
