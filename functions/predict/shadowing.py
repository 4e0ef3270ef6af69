"""Shadow models: they predict on what others predict on, and nobody waits for them for long."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from pydantic import JsonValue

from bakeoff_core.errors import BakeoffError
from bakeoff_core.experiments.model import Group
from bakeoff_core.telemetry import count, logger
from deadline import Deadline
from workers import AllStuck, Task, TooSlow, Workers

Described: TypeAlias = Mapping[str, JsonValue]

_TOO_SLOW = "it did not answer within the time budget"


class Shadow:
    """A shadow model's prediction that is under way.

    Args:
        named: The model and version, alias or None, as the group names them.
        task: The prediction.
        seconds_left: Tells for how long it may still take.
        give_up: Called where it takes longer.
    """

    def __init__(
        self,
        named: Described,
        task: Task[Described],
        seconds_left: Callable[[], float],
        give_up: Callable[[Task[Described]], None],
    ) -> None:
        self._named = named
        self._task = task
        self._seconds_left = seconds_left
        self._give_up = give_up

    def outcome(self) -> Described:
        """Give what the shadow made, or why it made nothing. Never raises."""
        try:
            made = self._task.result(self._seconds_left())
        except TooSlow:
            self._give_up(self._task)
            return self._failed("too_slow", _TOO_SLOW)
        except BakeoffError as error:
            return self._failed("failed", str(error))
        except Exception:  # noqa: BLE001 - whatever befalls a shadow, the answer is another model's
            logger.exception("shadow model failed")
            return self._failed("failed", "it failed")
        count("shadow_total", outcome="made")
        return {**self._named, **made}

    def _failed(self, outcome: str, reason: str) -> Described:
        count("shadow_total", outcome=outcome)
        return {**self._named, "error": reason}


class Shadows:
    """Starts shadow models beside the group's own.

    Args:
        workers: Run them. One that is given up goes on there: a cold model is loaded after all, for later requests.
        budget_seconds: For how long an answer waits for its shadow, from the moment when both began.
        deadline: The time that the request has.
        monotonic: Tells the time, in seconds.
    """

    def __init__(
        self, workers: Workers, budget_seconds: float, deadline: Deadline, monotonic: Callable[[], float]
    ) -> None:
        self._workers = workers
        self._budget_seconds = budget_seconds
        self._deadline = deadline
        self._monotonic = monotonic

    def start(self, group: Group, call: Callable[[str, str | None], Described]) -> Shadow | None:
        """Begin the prediction of a group's shadow model, or None where it has none.

        Args:
            group: The group.
            call: Predicts with a model and describes what it made.
        """
        name, version = group.shadow_model_name, group.shadow_model_version
        if name is None:
            return None
        end = self._monotonic() + self._budget_seconds
        try:
            task = self._workers.start(lambda: call(name, version))
        except AllStuck:
            task = Task(_refuse)
            task.execute()
        return Shadow(
            {"model_name": name, "model_version": version},
            task,
            lambda: min(end - self._monotonic(), self._deadline.remaining_seconds),
            self._workers.give_up,
        )


class _Busy(BakeoffError):
    """Earlier shadow predictions are still under way."""


def _refuse() -> Described:
    raise _Busy("earlier predictions of shadow models are still under way")
