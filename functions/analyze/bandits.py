"""The round over all running bandits: each whose epoch is over gets new weights from what its units did."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from bakeoff_core.clock import Clock
from bakeoff_core.experiments.model import Bandit, Experiment
from bakeoff_core.stores.arms import ArmRecord, ArmsKey, ArmStore, Epoch, EpochConflict
from bakeoff_core.stores.experiments import ExperimentIndex

if TYPE_CHECKING:
    from stats.thompson import ArmCounts


class ArmCounter(Protocol):
    """Counts what the units of a bandit did."""

    def count_arms(self, experiment: Experiment, at: datetime) -> "Mapping[str, ArmCounts]":
        """Count the units of a bandit's groups, and those that were rewarded, as of a moment."""
        ...


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a round came to.

    Attributes:
        epochs: The new epochs by experiment.
        failed: The experiments whose weights could not be computed; their last ones stay.
    """

    epochs: Mapping[str, Epoch]
    failed: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Write the round's summary."""
        return {
            "epochs": {
                name: {"number": epoch.number, "weights": {group: arm.weight for group, arm in epoch.arms.items()}}
                for name, epoch in self.epochs.items()
            },
            "failed": list(self.failed),
        }


@dataclass(frozen=True, slots=True)
class BanditRefresher:
    """Computes the weights of bandits.

    They are computed from all events anew, never by adding to a count, so that a retry or an event that came
    late or twice leaves them right.

    Attributes:
        experiments: Where they are listed.
        arms: Where the weights go.
        clock: The time.
        on_failure: Called with the name and the error of an experiment that failed.
    """

    experiments: ExperimentIndex
    arms: ArmStore
    clock: Clock
    on_failure: Callable[[str, Exception], None]

    def run(self, counter: Callable[[], ArmCounter]) -> Refreshed:
        """Compute the weights of every running bandit whose epoch is over.

        Args:
            counter: Opens what counts what their units did, or gives it again; asked once there is such a bandit.
        """
        epochs: dict[str, Epoch] = {}
        failed: list[str] = []
        for experiment in self.experiments.listed():
            if experiment.status != "running" or experiment.bandit is None:
                continue
            try:
                epoch = self._refresh(experiment, experiment.bandit, counter)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other experiments go on
                failed.append(experiment.name)
                self.on_failure(experiment.name, error)
            else:
                epochs |= {} if epoch is None else {experiment.name: epoch}
        return Refreshed(epochs, tuple(failed))

    def _refresh(self, experiment: Experiment, bandit: Bandit, counter: Callable[[], ArmCounter]) -> Epoch | None:
        key, now = ArmsKey(experiment.name, experiment.config_version), self.clock()
        present = self.arms.epoch(key)
        if present is not None and now - present.computed_at < timedelta(minutes=bandit.refresh_minutes):
            return None
        number = 1 if present is None else present.number + 1
        epoch = Epoch(number, now, weighed_arms(experiment, bandit, counter().count_arms(experiment, now)))
        try:
            self.arms.put_epoch(key, epoch)
        except EpochConflict:
            # Another run at the same time wrote this epoch, from the same events.
            return None
        return epoch


def weighed_arms(experiment: Experiment, bandit: Bandit, counts: "Mapping[str, ArmCounts]") -> dict[str, ArmRecord]:
    """Give every group that takes part its weight for the next epoch.

    Args:
        experiment: The configuration; a group of weight 0 takes no part.
        bandit: Its bandit's settings.
        counts: What the units did, by group name.
    """
    from stats.thompson import thompson_weights  # noqa: PLC0415 - it brings SciPy, and most rounds find no bandit

    shares = {group: share for group, share in experiment.shares.items() if share > 0}
    lowers = experiment.reward is not None and experiment.reward.direction == "decrease"
    arms = {group: _without_reward(counts[group]) if lowers else counts[group] for group in shares}
    weights = thompson_weights(
        list(arms.values()),
        list(shares.values()),
        floor=experiment.floor,
        minimum_exposures=bandit.minimum_exposures,
    )
    return {
        group: ArmRecord(arm.exposures, arm.matured, arm.rewards, weight)
        for (group, arm), weight in zip(arms.items(), weights, strict=True)
    }


def _without_reward(arm: "ArmCounts") -> "ArmCounts":
    # Of a metric that should decrease, the units that did not convert are the successes.
    return replace(arm, rewards=arm.matured - min(arm.rewards, arm.matured))
