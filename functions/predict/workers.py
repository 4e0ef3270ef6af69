"""Work that may take no longer than its caller has time."""

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class TooSlow(Exception):
    """The work was not done in time. It goes on, and its result is nobody's."""


class AllStuck(Exception):
    """Too many pieces of work that were given up are still under way."""


class Task(Generic[Result]):
    """A piece of work in another thread.

    Args:
        job: The work.
    """

    def __init__(self, job: Callable[[], Result]) -> None:
        self._job = job
        self._result: Result
        self._error: BaseException | None = None
        self._done = Lock()
        self._done.acquire()

    def execute(self) -> None:
        """Do the work, in whichever thread this is."""
        try:
            self._result = self._job()
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._error = error
        finally:
            self._done.release()

    def result(self, seconds: float) -> Result:
        """Wait for the work, and give its result or raise its error.

        Args:
            seconds: For how long to wait.

        Raises:
            TooSlow: It is not done.
        """
        if not self._done.acquire(timeout=min(max(seconds, 0), _LONGEST_WAIT_SECONDS)):
            raise TooSlow
        self._done.release()
        if self._error is not None:
            raise self._error
        return self._result

    @property
    def is_done(self) -> bool:
        """Whether there is a result or an error."""
        return not self._done.locked()


class Workers:
    """Threads that are kept for the next piece of work.

    Args:
        max_stuck: How many pieces of work that were given up may be under way when another one is taken on.
    """

    def __init__(self, max_stuck: int) -> None:
        self._max_stuck = max_stuck
        self._idle: deque[SimpleQueue[Task[Any]]] = deque()
        self._given_up: list[Task[Any]] = []

    def start(self, job: Callable[[], Result]) -> Task[Result]:
        """Begin a piece of work.

        Raises:
            AllStuck: Too many are stuck.
        """
        if self._given_up:
            self._given_up = [task for task in self._given_up if not task.is_done]
            if len(self._given_up) >= self._max_stuck:
                raise AllStuck
        task = Task(job)
        try:
            inbox = self._idle.pop()
        except IndexError:
            inbox = SimpleQueue()
            Thread(target=self._work, args=(inbox,), name="worker", daemon=True).start()
        inbox.put(task)
        return task

    def give_up(self, task: Task[Any]) -> None:
        """Count a piece of work as stuck for as long as it is under way."""
        self._given_up.append(task)

    def _work(self, inbox: "SimpleQueue[Task[Any]]") -> None:
        while True:
            task = inbox.get()
            task.execute()
            del task
            self._idle.append(inbox)


_LONGEST_WAIT_SECONDS = 3_600.0
