"""Every use of a model: refused while it keeps failing, and given up when it takes too long."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bakeoff_core.errors import ModelTimedOut, ModelUnavailable
from bakeoff_core.telemetry import logger
from circuit_breaker import CircuitBreaker
from deadline import Deadline
from pace import Paces
from watch import Watch
from workers import AllStuck, TooSlow, Workers

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Guard:
    """Stands between a request and a model.

    A use that is known to be quick runs in the request's own thread, for handing it to another one and back takes
    longer than most predictions; if it takes too long after all, it is ended at its next operator. Any other
    use runs in a thread that can be left behind.

    Attributes:
        breaker: Refuses the calls of versions that keep failing.
        workers: Do what may take too long: fetching an artefact, building a session, running a graph.
        deadline: The time that the request has.
        timeout_seconds: The time that one use of a model has at most, so that some is left for another model.
        watch: Ends uses in the request's own thread.
        paces: Which versions are quick.
        perf_counter: Measures how long a use takes, in seconds.
    """

    breaker: CircuitBreaker
    workers: Workers
    deadline: Deadline
    timeout_seconds: float
    watch: Watch = field(default_factory=lambda: Watch(time.monotonic))
    paces: Paces = field(default_factory=Paces)
    perf_counter: Callable[[], float] = time.perf_counter

    def run(
        self,
        model_key: str,
        job: Callable[[], Result],
        cancel: Callable[[], None],
        has_failed: Callable[[Result], bool] = lambda _result: False,
        work: int | None = None,
    ) -> Result:
        """Use a model.

        Args:
            model_key: The version.
            job: The use; what it raises is raised here.
            cancel: Ends what the use has under way, as far as that can be done.
            has_failed: Says whether a result shows that the model fails.
            work: How many rows of a model that is in memory; None where it has to be fetched and built before.

        Raises:
            CircuitOpen: The version kept failing.
            ModelTimedOut: There was not enough time.
        """
        with self.breaker.attempt(model_key) as attempt:
            seconds = min(self.timeout_seconds, self.deadline.remaining_seconds)
            started = self.perf_counter()
            try:
                if work is not None and seconds > 0 and self.paces.is_quick(model_key, work):
                    result = self._watched(model_key, job, cancel, seconds)
                else:
                    result = self._waited(model_key, job, cancel, seconds)
            except ModelUnavailable:
                self.paces.forget(model_key)
                raise
            attempt.succeeded = not has_failed(result)
            if work is not None:
                self.paces.note(model_key, work, self.perf_counter() - started)
            return result

    def prove(self, model_key: str, job: Callable[[], None]) -> None:
        """Bring a model into service, in all the time that the request has; its circuit closes.

        Args:
            model_key: The version.
            job: Fetches, builds and proves it; what it raises is raised here.

        Raises:
            ModelTimedOut: There was not enough time.
        """
        self._waited(model_key, job, lambda: None, self.deadline.remaining_seconds)
        self.breaker.reset(model_key)

    def _watched(self, model_key: str, job: Callable[[], Result], cancel: Callable[[], None], seconds: float) -> Result:
        watched = self.watch.begin(seconds, cancel)
        try:
            result = job()
        except ModelUnavailable as error:
            if watched.was_cut:
                raise ModelTimedOut(model_key) from error
            raise
        finally:
            self.watch.end(watched)
        # Of a batch, what was ended comes back as rows that failed.
        if watched.was_cut:
            raise ModelTimedOut(model_key)
        return result

    def _waited(self, model_key: str, job: Callable[[], Result], cancel: Callable[[], None], seconds: float) -> Result:
        try:
            task = self.workers.start(job)
        except AllStuck as error:
            logger.warning("models that were given up are still running", model_key=model_key)
            raise ModelTimedOut(model_key) from error
        try:
            return task.result(seconds)
        except TooSlow as error:
            self.workers.give_up(task)
            cancel()
            raise ModelTimedOut(model_key) from error
