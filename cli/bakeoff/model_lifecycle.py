"""What happens to a version after it was published: promoted, taken back, deleted."""

from collections.abc import Iterable

from bakeoff.errors import UsageError
from bakeoff_core.errors import ModelInUse
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.experiments.model_use import experiments_using
from bakeoff_core.stores.models import AliasMove, ModelRegistry, artefact_key, metadata_key
from bakeoff_core.stores.objects import ObjectStore


class NothingToRollBack(UsageError):
    """An alias has never pointed at another version."""


def promote(
    registry: ModelRegistry, name: str, version: str, alias: str, *, expected: str | None = None, actor: str
) -> AliasMove | None:
    """Point an alias at a version; None if it points there already.

    Args:
        registry: Where the alias is.
        name: The model.
        version: The version.
        alias: The alias.
        expected: The version that it must still point at; without it, it is moved from wherever it points.
        actor: Who moves it.

    Raises:
        ModelNotFound: There is no such version.
        AliasMoved: It does not point at the expected version.
        InvalidInput: The alias is no name, or that of a version.
    """
    if expected is None:
        return registry.set_alias(name, alias, version, actor=actor)
    return registry.move_alias(name, alias, expected, version, actor=actor)


def rollback(registry: ModelRegistry, name: str, alias: str, actor: str) -> AliasMove:
    """Point an alias back at where it pointed before its last promotion that still stands.

    Raises:
        NothingToRollBack: There is no such promotion.
        ModelNotFound: The version from before was deleted.
        AliasMoved: Somebody else moved it at the same time.
    """
    standing: list[str] = []
    for move in registry.alias_history(name, alias):
        if move.action == "rollback":
            del standing[-1:]
        else:
            standing.append(move.target)
    if len(standing) < 2:  # noqa: PLR2004 - the present version and one before it
        raise NothingToRollBack(f"{name}:{alias} has not pointed at another version before")
    return registry.move_alias(name, alias, standing[-1], standing[-2], actor=actor, action="rollback")


def delete(
    registry: ModelRegistry,
    objects: ObjectStore,
    experiments: Iterable[Experiment],
    name: str,
    version: str,
    *,
    actor: str,
) -> None:
    """Remove a version from the registry, then its files.

    Raises:
        ModelNotFound: There is no such version.
        ModelInUse: An experiment that is not over uses it, an alias points at it, or it is the feature pipeline of
            another version.
    """
    model = registry.get(name, version)
    using = [experiment.name for experiment in experiments_using(experiments, registry, name, version)]
    if using:
        raise ModelInUse(
            f"model {model.model_key} is used by {', '.join(map(repr, using))}: finish or change that first"
        )
    fed = [other.model_key for other in registry.list() if other.metadata.get("feature_pipeline") == model.model_key]
    if fed:
        raise ModelInUse(f"model {model.model_key} is the feature pipeline of {', '.join(fed)}: delete those first")
    registry.delete(name, version, actor=actor)
    objects.delete([artefact_key(name, version), metadata_key(name, version)])
