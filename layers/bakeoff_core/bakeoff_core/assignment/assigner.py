"""Assigning: the checks that decide whether a unit takes part, and in which group."""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from bakeoff_core.assignment.allocation import by_hash
from bakeoff_core.assignment.drawing import Draw
from bakeoff_core.assignment.gates import Closed
from bakeoff_core.clock import Clock
from bakeoff_core.experiments.model import Experiment, Group

Reason: TypeAlias = Literal["split", "forced"] | Closed

DrawGroup = Callable[[Experiment, str, datetime], Draw]
"""Draws the group of a unit that takes part, at a time."""


class Experiments(Protocol):
    """Where experiments are read from."""

    def get(self, name: str) -> Experiment:
        """Read one experiment. Raises ExperimentNotFound."""
        ...


class Assignment(NamedTuple):
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
    def serving(self) -> Group | None:
        """The group whose parameters and model the unit meets: its own, or the one that was chosen for everybody."""
        return self.group or self.experiment.group_in_service

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
        group, serving = self.group, self.serving
        return {
            "experiment_name": self.experiment.name,
            "assigned": self.assigned,
            "reason": self.reason,
            "group_name": group.name if group else None,
            "assignment_id": self.assignment_id,
            "model_name": serving.model_name if serving else None,
            "model_version": serving.model_version if serving else None,
            "parameters": serving.parameters if serving else {},
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
    gates = experiment.gates
    for reason, closed in gates.of_the_experiment:
        if closed(now):
            return Assignment(experiment, unit, reason)
    if experiment.forced_groups and (forced := experiment.forced_group(unit)):
        return Assignment(experiment, unit, "forced", forced)
    for reason, shut in gates.of_the_unit:
        if shut(unit, context):
            return Assignment(experiment, unit, reason)
    drawn = draw_group(experiment, unit, now)
    return Assignment(experiment, unit, "split", experiment.group(drawn.group), drawn.weights)
