"""Every use of a model: refused while it keeps failing, and given up when it takes too long."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bakeoff_core.errors import ModelTimedOut
from bakeoff_core.telemetry import logger
from circuit_breaker import CircuitBreaker
from deadline import Deadline
from workers import AllStuck, TooSlow, Workers

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Guard:
    """Stands between a request and a model.

    Attributes:
        breaker: Refuses the calls of versions that keep failing.
        workers: Do what may take too long: fetching an artefact, building a session, running a graph.
        deadline: The time that the request has.
        timeout_seconds: The time that one use of a model has at most, so that some is left for another model.
    """

    breaker: CircuitBreaker
    workers: Workers
    deadline: Deadline
    timeout_seconds: float

    def run(
        self,
        model_key: str,
        job: Callable[[], Result],
        cancel: Callable[[], None],
        has_failed: Callable[[Result], bool] = lambda _result: False,
    ) -> Result:
        """Use a model.

        Args:
            model_key: The version.
            job: The use; what it raises is raised here.
            cancel: Ends what the use has under way, as far as that can be done.
            has_failed: Says whether a result shows that the model fails.

        Raises:
            CircuitOpen: The version kept failing.
            ModelTimedOut: There was not enough time.
        """
        with self.breaker.attempt(model_key) as attempt:
            result = self._waited(model_key, job, cancel, min(self.timeout_seconds, self.deadline.remaining_seconds))
            attempt.succeeded = not has_failed(result)
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
