"""Ending experiments: who serves everybody from then on, and what becomes of the winner's model."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from bakeoff_core.clock import Clock
from bakeoff_core.errors import ChangeRefused, InvalidInput, ModelNotFound, ModelNotReady
from bakeoff_core.experiments.lifecycle import ended
from bakeoff_core.experiments.model import Experiment, Group
from bakeoff_core.stores.experiments import Audit, ExperimentStore
from bakeoff_core.stores.models import AliasMove, ModelRegistry, ModelVersion

_OVER = frozenset({"stopped", "completed"})


@dataclass(frozen=True, slots=True)
class Promotion:
    """What promoting a group did.

    Attributes:
        experiment: The experiment, which is over.
        alias_move: Where the alias was moved to; None without one, and where it pointed there already.
    """

    experiment: Experiment
    alias_move: AliasMove | None


@dataclass(frozen=True, slots=True)
class Endings:
    """Ends experiments.

    Attributes:
        experiments: Where they are kept.
        models: Where aliases of models are moved.
        clock: The time of each change.
        winner_of: Names the treatment that an experiment's latest results say to implement, if they do.
    """

    experiments: ExperimentStore
    models: ModelRegistry
    clock: Clock
    winner_of: Callable[[Experiment], str | None]

    def end(
        self, name: str, action: Literal["stop", "complete"], actor: str, *, serve: str | None = None
    ) -> Experiment:
        """Stop or complete an experiment.

        Args:
            name: The experiment.
            action: Which of the two.
            actor: Who asks for it.
            serve: The group that serves everybody from then on. Without one, that is what
                `alert_rules.traffic_after_stop` says.

        Raises:
            ExperimentNotFound: There is no such experiment.
            IllegalTransition: It is not running or paused.
            InvalidInput: It has no such group.
            ChangeRefused: It is archived.
            VersionConflict: Somebody else changed it in the meantime.
        """
        experiment, now = self._present(name), self.clock()
        serving = None if serve is None else _group(experiment, serve, "serve").name
        over = ended(experiment, action, now, serving)
        if serve is None and experiment.alert_rules.traffic_after_stop == "winner":
            over = over.model_copy(update={"serving_group": self.winner_of(experiment)})
        return self.experiments.put(over, Audit(actor, action, now))

    def promote(self, name: str, group_name: str, alias: str | None, actor: str) -> Promotion:
        """Let one group serve everybody, and point an alias at its model's version.

        An experiment that is live is completed. Whoever repeats this after a failure goes on where that left off.

        Args:
            name: The experiment.
            group_name: The group.
            alias: The alias, such as champion; None where none is to be moved.
            actor: Who asks for it.

        Raises:
            ExperimentNotFound: There is no such experiment.
            InvalidInput: It has no such group, or the group has no model that an alias could point at.
            IllegalTransition: It is a draft.
            ChangeRefused: It is archived.
            ModelNotReady: The group's model version does not serve.
            ModelNotFound: It is not registered.
            AliasMoved: Somebody else moved the alias at the same time.
            VersionConflict: Somebody else changed the experiment in the meantime.
        """
        experiment, now = self._present(name), self.clock()
        group = _group(experiment, group_name, "group")
        model = None if alias is None else self._model(group, alias)
        if experiment.status in _OVER:
            over = experiment.model_copy(update={"serving_group": group.name, "updated_at": now})
        else:
            over = ended(experiment, "complete", now, group.name)
        if over.model_copy(update={"updated_at": experiment.updated_at}) != experiment:
            evidence: dict[str, JsonValue] = {"group": group.name}
            if model is not None:
                evidence |= {"alias": alias, "model": model.model_key}
            over = self.experiments.put(over, Audit(actor, "promote", now, evidence))
        # Last: as long as the experiment is live, the alias may be what one of its groups serves.
        moved = None
        if alias is not None and model is not None:
            moved = self.models.set_alias(model.name, alias, model.version, actor=actor)
        return Promotion(over, moved)

    def _present(self, name: str) -> Experiment:
        experiment = self.experiments.get(name)
        if experiment.archived_at is not None:
            raise ChangeRefused(f"name: experiment {name!r} is archived")
        return experiment

    def _model(self, group: Group, alias: str) -> ModelVersion:
        if group.model_name is None:
            raise InvalidInput.of("alias", f"group {group.name!r} has no model that it could point at")
        with suppress(ModelNotFound):
            self.models.get(group.model_name, alias)
            raise InvalidInput.of("alias", f"{alias!r} is the name of a version")
        model = self.models.resolve(group.model_name, group.model_version)
        if model.status in {"unhealthy", "offline"}:
            raise ModelNotReady(model.model_key, model.status)
        return model


def _group(experiment: Experiment, name: str, loc: str) -> Group:
    if name not in experiment.shares:
        raise InvalidInput.of(loc, f"no group is called {name!r}, only {', '.join(experiment.shares)}")
    return experiment.group(name)
