"""Gates: what keeps units out of an experiment, compiled once from its configuration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from bakeoff_core.assignment.bucketing import bucketing

if TYPE_CHECKING:
    from bakeoff_core.experiments.model import Experiment

Closed: TypeAlias = Literal[
    "not_running",
    "not_started",
    "ended",
    "not_targeted",
    "other_namespace",
    "held_out",
    "not_sampled",
]
"""Why a unit takes no part."""

ExperimentGate: TypeAlias = Callable[[datetime], bool]
UnitGate: TypeAlias = Callable[[str, Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Gates:
    """The checks that an experiment's configuration calls for, in their order; each says whether it is closed.

    Attributes:
        of_the_experiment: Checks of the time, which keep everybody out.
        of_the_unit: Checks of a unit and its context.
    """

    of_the_experiment: Sequence[tuple[Closed, ExperimentGate]]
    of_the_unit: Sequence[tuple[Closed, UnitGate]]


def gates_of(experiment: "Experiment") -> Gates:
    """Compile the checks of an experiment; those that would never be closed are left out."""
    return Gates(
        of_the_experiment=[(reason, gate) for reason, make in _OF_THE_EXPERIMENT if (gate := make(experiment))],
        of_the_unit=[(reason, shut) for reason, compiled in _OF_THE_UNIT if (shut := compiled(experiment))],
    )


def _not_running(experiment: "Experiment") -> ExperimentGate | None:
    return None if experiment.status == "running" else lambda _now: True


def _not_started(experiment: "Experiment") -> ExperimentGate | None:
    start = experiment.start_time
    return None if start is None else lambda now: now < start


def _ended(experiment: "Experiment") -> ExperimentGate | None:
    end = experiment.end_time
    return None if end is None else lambda now: now >= end


def _unlisted(experiment: "Experiment") -> UnitGate | None:
    if experiment.target_users is None and experiment.target_user_list is None:
        return None
    # A long list is read only for what is running, so not before somebody asks.
    return lambda unit, _context: unit not in (experiment.targeted_units or ())


def _not_targeted(experiment: "Experiment") -> UnitGate | None:
    condition = experiment.condition
    return (lambda _unit, context: not condition(context)) if experiment.targeting else None


def _other_namespace(experiment: "Experiment") -> UnitGate | None:
    namespace = experiment.namespace
    if namespace is None:
        return None
    place, (start, end) = bucketing(namespace.name, "namespace"), namespace.part
    return lambda unit, _context: not start <= place(unit) < end


def _held_out(experiment: "Experiment") -> UnitGate | None:
    if experiment.holdout is None:
        return None
    place, share = bucketing(experiment.holdout.name, "holdout"), experiment.holdout.share
    return lambda unit, _context: place(unit) < share


def _not_sampled(experiment: "Experiment") -> UnitGate | None:
    place, rate = bucketing(experiment.salt, "sampling"), experiment.sample_rate
    return None if rate == 1 else lambda unit, _context: place(unit) >= rate


_OF_THE_EXPERIMENT: Sequence[tuple[Closed, Callable[["Experiment"], ExperimentGate | None]]] = (
    ("not_running", _not_running),
    ("not_started", _not_started),
    ("ended", _ended),
)
_OF_THE_UNIT: Sequence[tuple[Closed, Callable[["Experiment"], UnitGate | None]]] = (
    ("not_targeted", _unlisted),
    ("not_targeted", _not_targeted),
    ("other_namespace", _other_namespace),
    ("held_out", _held_out),
    ("not_sampled", _not_sampled),
)
