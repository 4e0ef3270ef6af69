"""The life of an experiment: draft, running, paused, stopped or completed."""

from datetime import datetime
from typing import Literal

from bakeoff_core.errors import IllegalTransition
from bakeoff_core.experiments.model import Experiment, Status

Action = Literal["start", "pause", "resume", "stop", "complete"]

_TRANSITIONS: dict[Action, tuple[frozenset[Status], Status]] = {
    "start": (frozenset({"draft"}), "running"),
    "pause": (frozenset({"running"}), "paused"),
    "resume": (frozenset({"paused"}), "running"),
    "stop": (frozenset({"running", "paused"}), "stopped"),
    "complete": (frozenset({"running", "paused"}), "completed"),
}


def actions_from(status: Status) -> tuple[Action, ...]:
    """Name the actions that start from a status."""
    return tuple(action for action, (allowed, _) in _TRANSITIONS.items() if status in allowed)


def next_status(experiment: Experiment, action: Action) -> Status:
    """Say where an action leads.

    Raises:
        IllegalTransition: The action does not start from the experiment's present status.
    """
    allowed, target = _TRANSITIONS[action]
    if experiment.status not in allowed:
        raise IllegalTransition(
            f"status: cannot {action} an experiment that is {experiment.status}, only one that is "
            f"{' or '.join(sorted(allowed))}"
        )
    return target


def ended(
    experiment: Experiment, action: Literal["stop", "complete"], now: datetime, serving_group: str | None
) -> Experiment:
    """End an experiment.

    Args:
        experiment: It, live.
        action: Whether it is stopped, or completed.
        now: When.
        serving_group: The group that serves everybody from then on; None for the control.

    Raises:
        IllegalTransition: The action does not start from its present status.
    """
    status = next_status(experiment, action)
    update = {"status": status, "updated_at": now, "ended_at": now, "serving_group": serving_group}
    return experiment.model_copy(update=update)
