"""Which experiments use a model version."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from bakeoff_core.errors import ModelNotFound
from bakeoff_core.experiments.model import Experiment, Status
from bakeoff_core.stores.models import ModelVersion

_UNFINISHED: frozenset[Status] = frozenset({"draft", "running", "paused"})


class Models(Protocol):
    """Where model versions are looked up."""

    def resolve(self, name: str, version_or_alias: str | None) -> ModelVersion:
        """Find a version. Raises ModelNotFound."""
        ...


def models_of(experiment: Experiment) -> Iterator[tuple[str, str | None]]:
    """Give the models that an experiment's groups name, shadows among them, with their versions or aliases."""
    for group in experiment.groups:
        yield from group.models


def experiments_using(experiments: Iterable[Experiment], models: Models, name: str, version: str) -> list[Experiment]:
    """Find the experiments that are not over and name a version, or an alias that points at it.

    Args:
        experiments: Those to look at; archived ones are left out.
        models: Resolves aliases.
        name: The model.
        version: Its version.
    """
    return [
        experiment
        for experiment in experiments
        if experiment.archived_at is None
        and experiment.status in _UNFINISHED
        and any(_is(models, wanted, name, version) for wanted in models_of(experiment))
    ]


def _is(models: Models, wanted: tuple[str, str | None], name: str, version: str) -> bool:
    if wanted[0] != name:
        return False
    try:
        return models.resolve(*wanted).version == version
    except ModelNotFound:
        return False
