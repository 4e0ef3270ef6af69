"""Allocation: the group of a unit that takes part, by whichever algorithm its experiment names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bakeoff_core.assignment.bucketing import bucket
from bakeoff_core.assignment.custom import CustomAlgorithm, checked_weights
from bakeoff_core.assignment.drawing import Draw, balancing_weights, draw
from bakeoff_core.clock import Clock
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.arms import ArmsKey, ArmStore, Epoch
from bakeoff_core.stores.assignments import AssignmentKey, AssignmentStore, KeptAssignment
from bakeoff_core.stores.cache import BoundedAgeCache
from bakeoff_core.telemetry import count, logger


def by_hash(experiment: Experiment, unit: str, _now: datetime | None = None) -> Draw:
    """Draw a unit's group from the hash and the configured shares alone: no state, no context."""
    return experiment.hashed_draw(unit)


@dataclass(frozen=True, slots=True)
class AllocationStores:
    """What sticky algorithms remember."""

    assignments: AssignmentStore
    arms: ArmStore


class Allocator:
    """Draws groups, and keeps the first one that a unit got.

    `hash_based` needs neither store. The others read a unit's kept assignment; a new unit is drawn with the
    algorithm's present weights and kept by a conditional write, whose winner counts for everybody. While the
    assignments cannot be read or written, the group is drawn by the unit's hash from the same weights and not
    kept, so the unit gets one group for as long as the weights stay the same.

    Args:
        stores: Where assignments and arms are kept.
        random: Uniform on [0, 1).
        clock: The time, for the age of remembered weights.
        weights_max_age_seconds: For how long a bandit's weights serve without another look.
        custom: The deployer's algorithms by name.
    """

    def __init__(
        self,
        stores: AllocationStores,
        random: Callable[[], float],
        clock: Clock,
        weights_max_age_seconds: float,
        custom: Mapping[str, CustomAlgorithm],
    ) -> None:
        self._assignments = stores.assignments
        self._arms = stores.arms
        self._random = random
        self._custom = custom
        self._epochs: BoundedAgeCache[ArmsKey, Epoch | None] = BoundedAgeCache(
            stores.arms.epoch, weights_max_age_seconds, clock, lambda key: _fell_back(key.experiment, "arms")
        )
        self._weights: dict[str, Callable[[Experiment, str], Mapping[str, float]]] = {
            "random": lambda experiment, _unit: experiment.shares,
            "weighted": self._balancing,
            "bandit": self._of_the_epoch,
            "custom": self._of_the_deployer,
        }

    def __call__(self, experiment: Experiment, unit: str, now: datetime) -> Draw:
        """Allocate a unit that takes part in an experiment.

        Args:
            experiment: The configuration.
            unit: The unit's id.
            now: The time of the decision.
        """
        if experiment.assignment_algorithm == "hash_based":
            return by_hash(experiment, unit)
        try:
            return self._sticky(experiment, unit, now)
        except DependencyUnavailable:
            _fell_back(experiment.name, "assignments")
            logger.warning("assignment drawn by hash and not kept", experiment_name=experiment.name)
            return _hashed(experiment, unit, self._fallback_weights(experiment, unit))

    def _sticky(self, experiment: Experiment, unit: str, now: datetime) -> Draw:
        key = AssignmentKey(experiment.name, experiment.config_version, unit)
        kept = self._assignments.get(key, now)
        if kept is not None:
            return kept.draw
        weights = self._weights[experiment.assignment_algorithm](experiment, unit)
        offered = KeptAssignment(
            draw(weights, self._random()), now + timedelta(days=experiment.days_that_assignments_stick)
        )
        kept = self._assignments.keep(key, offered, now)
        if kept is offered and experiment.assignment_algorithm == "weighted":
            self._count(experiment, kept.draw.group)
        return kept.draw

    def _fallback_weights(self, experiment: Experiment, unit: str) -> Mapping[str, float]:
        # Counts move with every unit, so balancing weights would move a unit between its calls.
        if experiment.assignment_algorithm == "weighted":
            return experiment.shares
        return self._weights[experiment.assignment_algorithm](experiment, unit)

    def _balancing(self, experiment: Experiment, _unit: str) -> Mapping[str, float]:
        try:
            counts = self._arms.assigned(_arms_of(experiment))
        except DependencyUnavailable:
            _fell_back(experiment.name, "arms")
            return experiment.shares
        return balancing_weights(experiment.shares, counts)

    def _of_the_epoch(self, experiment: Experiment, _unit: str) -> Mapping[str, float]:
        try:
            epoch = self._epochs.get(_arms_of(experiment))
        except DependencyUnavailable:
            _fell_back(experiment.name, "arms")
            return experiment.shares
        if epoch is None:
            return experiment.shares
        return {group: epoch.arms[group].weight if group in epoch.arms else 0.0 for group in experiment.shares}

    def _of_the_deployer(self, experiment: Experiment, unit: str) -> Mapping[str, float]:
        name = str(experiment.custom_algorithm)
        try:
            return checked_weights(self._custom[name](experiment, unit), experiment)
        except Exception:  # noqa: BLE001 - it is the deployer's code; whatever it does, the caller gets a group
            logger.exception("custom algorithm failed", experiment_name=experiment.name, algorithm=name)
            _fell_back(experiment.name, "custom_algorithm")
            return experiment.shares

    def _count(self, experiment: Experiment, group: str) -> None:
        try:
            self._arms.count_assigned(_arms_of(experiment), group)
        except DependencyUnavailable:
            _fell_back(experiment.name, "arms")


def _arms_of(experiment: Experiment) -> ArmsKey:
    return ArmsKey(experiment.name, experiment.config_version)


def _hashed(experiment: Experiment, unit: str, weights: Mapping[str, float]) -> Draw:
    return draw(weights, bucket(experiment.salt, "group", unit))


def _fell_back(experiment_name: str, cause: str) -> None:
    count("assignment_fallback_total", experiment=experiment_name, cause=cause)
