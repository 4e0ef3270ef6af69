"""Assigning: the checks that decide whether a unit takes part, and in which group."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, Protocol

from bakeoff_core.assignment.allocation import by_hash
from bakeoff_core.assignment.bucketing import bucket
from bakeoff_core.assignment.drawing import Draw
from bakeoff_core.clock import Clock
from bakeoff_core.experiments.model import Experiment, Group

Reason = Literal[
    "split",
    "forced",
    "not_running",
    "not_started",
    "ended",
    "not_targeted",
    "other_namespace",
    "held_out",
    "not_sampled",
]

DrawGroup = Callable[[Experiment, str, datetime], Draw]
"""Draws the group of a unit that takes part, at a time."""


class Experiments(Protocol):
    """Where experiments are read from."""

    def get(self, name: str) -> Experiment:
        """Read one experiment. Raises ExperimentNotFound."""
        ...


@dataclass(frozen=True, slots=True)
class Assignment:
    """The group that a unit got, or why it got none.

    Attributes:
        experiment: The configuration that it was made under.
        unit: The unit's id.
        reason: Why it got the group, or none.
        group: The group.
        weights: The probability that every group had when this one was drawn; None where none was drawn.
    """

    experiment: Experiment
    unit: str
    reason: Reason
    group: Group | None = None
    weights: Mapping[str, float] | None = None

    @property
    def assigned(self) -> bool:
        """Whether the unit takes part."""
        return self.group is not None

    @property
    def propensity(self) -> float | None:
        """The probability with which a unit of the experiment gets this group, in (0, 1]; none if it was forced."""
        return None if self.group is None or self.weights is None else self.weights[self.group.name]

    @property
    def assignment_id(self) -> str | None:
        """The same id for the same unit under the same configuration version."""
        if self.group is None:
            return None
        key = "\x1f".join((self.experiment.name, str(self.experiment.config_version), self.unit))
        return blake2b(key.encode(), digest_size=16).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Answer as `POST /ab_test/assign` does."""
        group = self.group
        return {
            "experiment_name": self.experiment.name,
            "assigned": self.assigned,
            "reason": self.reason,
            "group_name": group.name if group else None,
            "assignment_id": self.assignment_id,
            "model_name": group.model_name if group else None,
            "model_version": group.model_version if group else None,
            "parameters": group.parameters if group else {},
            "propensity": self.propensity,
            "config_version": self.experiment.config_version,
        }


class Assigner:
    """Assigns units to groups by the experiment's present configuration.

    Args:
        experiments: Where configurations are read.
        clock: The time, for the experiment's window.
        draw_group: Draws the groups; by the hash alone unless an Allocator does it, which knows every algorithm.
    """

    def __init__(self, experiments: Experiments, clock: Clock, draw_group: DrawGroup = by_hash) -> None:
        self._experiments = experiments
        self._clock = clock
        self._draw_group = draw_group

    def assign(self, experiment_name: str, unit: str, context: Mapping[str, Any]) -> Assignment:
        """Assign a unit; the context decides whether it takes part, never the group.

        Args:
            experiment_name: The experiment.
            unit: The unit's id.
            context: Attributes for the experiment's targeting.

        Raises:
            ExperimentNotFound: There is no such experiment.
        """
        experiment = self._experiments.get(experiment_name)
        return decide(experiment, unit, context, self._clock(), self._draw_group)


def decide(
    experiment: Experiment, unit: str, context: Mapping[str, Any], now: datetime, draw_group: DrawGroup = by_hash
) -> Assignment:
    """Run the checks in their order and choose the group of a unit that passes them all.

    Args:
        experiment: The configuration.
        unit: The unit's id.
        context: Attributes for the targeting.
        now: The time of the decision.
        draw_group: Draws the group.
    """
    if reason := _kept_out(_OF_THE_EXPERIMENT, experiment, unit, context, now):
        return Assignment(experiment, unit, reason)
    if forced := experiment.forced_group(unit):
        return Assignment(experiment, unit, "forced", forced)
    if reason := _kept_out(_OF_THE_UNIT, experiment, unit, context, now):
        return Assignment(experiment, unit, reason)
    drawn = draw_group(experiment, unit, now)
    return Assignment(experiment, unit, "split", experiment.group(drawn.group), drawn.weights)


def _not_running(experiment: Experiment, _unit: str, _context: Mapping[str, Any], _now: datetime) -> bool:
    return experiment.status != "running"


def _not_started(experiment: Experiment, _unit: str, _context: Mapping[str, Any], now: datetime) -> bool:
    return experiment.start_time is not None and now < experiment.start_time


def _ended(experiment: Experiment, _unit: str, _context: Mapping[str, Any], now: datetime) -> bool:
    return experiment.end_time is not None and now >= experiment.end_time


def _not_targeted(experiment: Experiment, unit: str, context: Mapping[str, Any], _now: datetime) -> bool:
    if experiment.targeted_units is not None and unit not in experiment.targeted_units:
        return True
    return not experiment.condition(context)


def _other_namespace(experiment: Experiment, unit: str, _context: Mapping[str, Any], _now: datetime) -> bool:
    namespace = experiment.namespace
    if namespace is None:
        return False
    return not namespace.range_start <= bucket(namespace.name, "namespace", unit) < namespace.range_end


def _held_out(experiment: Experiment, unit: str, _context: Mapping[str, Any], _now: datetime) -> bool:
    holdout = experiment.holdout
    return holdout is not None and bucket(holdout.name, "holdout", unit) < holdout.share


def _not_sampled(experiment: Experiment, unit: str, _context: Mapping[str, Any], _now: datetime) -> bool:
    return bucket(experiment.salt, "sampling", unit) >= experiment.sample_rate


_Check = Callable[[Experiment, str, Mapping[str, Any], datetime], bool]
_Checks = tuple[tuple[Reason, _Check], ...]

_OF_THE_EXPERIMENT: _Checks = (
    ("not_running", _not_running),
    ("not_started", _not_started),
    ("ended", _ended),
)
_OF_THE_UNIT: _Checks = (
    ("not_targeted", _not_targeted),
    ("other_namespace", _other_namespace),
    ("held_out", _held_out),
    ("not_sampled", _not_sampled),
)


def _kept_out(
    checks: _Checks, experiment: Experiment, unit: str, context: Mapping[str, Any], now: datetime
) -> Reason | None:
    return next((reason for reason, keeps_out in checks if keeps_out(experiment, unit, context, now)), None)
