"""What goes with an experiment's results besides its events: how its configuration and a bandit's weights changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bakeoff_core.experiments.history import history_of
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.arms import ArmsKey, ArmStore
from bakeoff_core.stores.experiments import ExperimentStore
from results import EpochPoint, HistoryEntry


@dataclass(frozen=True, slots=True)
class Background:
    """Reads it as it was at a moment.

    Attributes:
        experiments: Where experiments are kept, with every change of them.
        arms: Where the weights of bandits are kept.
    """

    experiments: ExperimentStore
    arms: ArmStore

    def of(self, experiment: Experiment, as_of: datetime) -> dict[str, Any]:
        """Read the fields of the results that it fills.

        Args:
            experiment: Its configuration.
            as_of: What happened later is left out, so that looking at the same moment again comes to the same.
        """
        return {"history": self._history(experiment.name, as_of), "epochs": self._epochs(experiment, as_of)}

    def _history(self, name: str, as_of: datetime) -> tuple[HistoryEntry, ...]:
        until = [entry for entry in self.experiments.history(name) if entry.audit.at <= as_of]
        return tuple(map(HistoryEntry.model_validate, history_of(until)))

    def _epochs(self, experiment: Experiment, as_of: datetime) -> tuple[EpochPoint, ...]:
        if experiment.bandit is None:
            return ()
        epochs = self.arms.epochs(ArmsKey(experiment.name, experiment.config_version))
        return tuple(
            EpochPoint(
                number=epoch.number,
                computed_at=epoch.computed_at,
                weights={group: arm.weight for group, arm in epoch.arms.items()},
                exposures={group: arm.exposures for group, arm in epoch.arms.items()},
                rewards={group: arm.rewards for group, arm in epoch.arms.items()},
            )
            for epoch in epochs
            if epoch.computed_at <= as_of
        )
