"""Managing experiments: creating, changing and moving them through their life, each step on record."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from bakeoff_core.clock import Clock
from bakeoff_core.errors import (
    ChangeRefused,
    ExperimentExists,
    ExperimentNotFound,
    FieldError,
    InvalidInput,
    ModelNotFound,
    VersionConflict,
)
from bakeoff_core.experiments.lifecycle import Action, next_status
from bakeoff_core.experiments.model import Experiment, ExperimentDefinition, Group, Status
from bakeoff_core.stores.experiments import Audit, AuditEntry, ExperimentStore
from bakeoff_core.validation import field_errors

_ALIVE: frozenset[Status] = frozenset({"running", "paused"})
_DEFINED = frozenset(ExperimentDefinition.model_fields)


class Models(Protocol):
    """Where model versions are looked up."""

    def resolve(self, name: str, version_or_alias: str | None) -> object:
        """Find a version. Raises ModelNotFound."""
        ...


class ExperimentManager:
    """Everything that may be done to an experiment.

    Args:
        store: Where experiments are kept.
        models: Where the models that groups name are looked up.
        clock: The time of each change.
        custom_algorithms: The names of the algorithms that the deployer registered.
    """

    def __init__(
        self, store: ExperimentStore, models: Models, clock: Clock, custom_algorithms: Collection[str] = ()
    ) -> None:
        self._store = store
        self._models = models
        self._clock = clock
        self._custom_algorithms = custom_algorithms

    def get(self, name: str) -> Experiment:
        """Read one experiment. Raises ExperimentNotFound."""
        return self._store.get(name)

    def create(self, document: Mapping[str, Any], actor: str) -> Experiment:
        """Create an experiment as a draft.

        Args:
            document: What the caller decides, as parsed from JSON; a status may only be draft.
            actor: Who asks for it.

        Raises:
            InvalidInput: A field is wrong.
            ExperimentExists: The name is taken, if only by an archived experiment.
        """
        now = self._clock()
        _refuse_changed_state(document, {"status": "draft"})
        definition = _definition(document)
        self._check_algorithm(definition)
        experiment = Experiment(**_fields(definition), created_at=now, updated_at=now)
        try:
            return self._store.put(experiment, Audit(actor, "create", now))
        except VersionConflict:
            raise ExperimentExists(experiment.name) from None

    def change(self, name: str, document: Mapping[str, Any], actor: str, *, new_version: bool = False) -> Experiment:
        """Replace an experiment's definition.

        The document that `get` returned may come back whole; its `version`, if there, guards against
        changes made in the meantime.

        Args:
            name: The experiment.
            document: The new definition, as parsed from JSON.
            actor: Who asks for it.
            new_version: Whether a change that re-randomises a live experiment starts a new configuration
                version, with an analysis window of its own.

        Raises:
            ExperimentNotFound: There is no such experiment.
            InvalidInput: A field is wrong.
            ChangeRefused: The change would re-randomise a live experiment, or the experiment is over.
            VersionConflict: Somebody else changed it in the meantime.
        """
        present = self._store.get(name)
        if document.get("version", present.version) != present.version:
            raise VersionConflict(name)
        _refuse_changed_state(document, present.model_dump(mode="json"))
        definition = _definition(document)
        self._check_algorithm(definition)
        if definition.name != name:
            raise InvalidInput.of("name", f"must stay {name!r}")
        if present.status not in _ALIVE | {"draft"}:
            raise ChangeRefused(f"status: an experiment that is {present.status} does not change any more")
        re_randomising = _re_randomising(present, definition) if present.status in _ALIVE else []
        if re_randomising and not new_version:
            raise ChangeRefused(
                f"{', '.join(re_randomising)}: changing this while the experiment is {present.status} would move units "
                "between groups; ask for it with ?new_version=true, which starts a fresh analysis window"
            )
        now = self._clock()
        changed = Experiment(
            **_fields(definition),
            **_state(present),
            config_version=present.config_version + bool(re_randomising),
            updated_at=now,
        )
        if present.status in _ALIVE:
            self._check_startable(changed)
        return self._store.put(changed, Audit(actor, "change", now))

    def move(self, name: str, action: Action, actor: str) -> Experiment:
        """Start, pause, resume, stop or complete an experiment.

        Raises:
            ExperimentNotFound: There is no such experiment.
            IllegalTransition: The action does not start from its present status.
            InvalidInput: It cannot be started as it is configured.
        """
        experiment = self._store.get(name)
        status = next_status(experiment, action)
        now = self._clock()
        update: dict[str, Any] = {"status": status, "updated_at": now}
        if action == "start":
            self._check_startable(experiment)
            update["start_time"] = experiment.start_time or now
        return self._store.put(experiment.model_copy(update=update), Audit(actor, action, now))

    def archive(self, name: str, actor: str) -> Experiment:
        """Take an experiment that is not live out of the list; its history stays.

        Raises:
            ExperimentNotFound: There is no such experiment.
            ChangeRefused: It is running or paused.
        """
        experiment = self._store.get(name)
        if experiment.archived_at is not None:
            raise ExperimentNotFound(name)
        if experiment.status in _ALIVE:
            raise ChangeRefused(
                f"status: an experiment that is {experiment.status} must be stopped before it is archived"
            )
        now = self._clock()
        return self._store.put(
            experiment.model_copy(update={"archived_at": now, "updated_at": now}), Audit(actor, "archive", now)
        )

    def history(self, name: str) -> list[AuditEntry]:
        """Read every change of an experiment, oldest first. Raises ExperimentNotFound."""
        self._store.get(name)
        return self._store.history(name)

    def list(self) -> list[Experiment]:
        """Read all experiments that are not archived, by name."""
        return self._store.list()

    def _check_algorithm(self, definition: ExperimentDefinition) -> None:
        name = definition.custom_algorithm
        if name is not None and name not in self._custom_algorithms:
            known = ", ".join(sorted(self._custom_algorithms)) or "none at all"
            raise InvalidInput.of("custom_algorithm", f"no algorithm {name!r} is registered; registered: {known}")

    def _check_startable(self, experiment: Experiment) -> None:
        self._check_algorithm(experiment)
        errors = list(self._model_errors(experiment.groups))
        if errors:
            raise InvalidInput(errors)

    def _model_errors(self, groups: tuple[Group, ...]) -> Iterable[FieldError]:
        for index, group in enumerate(groups):
            if group.model_name is None:
                continue
            try:
                self._models.resolve(group.model_name, group.model_version)
            except ModelNotFound as error:
                yield FieldError(f"groups[{index}]", str(error))


def _definition(document: Mapping[str, Any]) -> ExperimentDefinition:
    read_only = frozenset(Experiment.model_fields) - _DEFINED
    try:
        return ExperimentDefinition.model_validate({k: v for k, v in document.items() if k not in read_only})
    except ValidationError as error:
        raise InvalidInput(field_errors(error)) from None


def _refuse_changed_state(document: Mapping[str, Any], present: Mapping[str, Any]) -> None:
    read_only = frozenset(Experiment.model_fields) - _DEFINED - {"version"}
    errors = [
        FieldError(name, "is not set by the caller; start, pause, resume, stop and complete have routes of their own")
        for name in document
        if name in read_only and document[name] != present.get(name)
    ]
    if errors:
        raise InvalidInput(errors)


def _re_randomising(present: ExperimentDefinition, changed: ExperimentDefinition) -> list[str]:
    def drawn(groups: tuple[Group, ...]) -> list[Group]:
        return [group.model_copy(update={"description": ""}) for group in groups]

    compared = {
        "groups": (drawn(present.groups), drawn(changed.groups)),
        "assignment_algorithm": (present.assignment_algorithm, changed.assignment_algorithm),
        "custom_algorithm": (present.custom_algorithm, changed.custom_algorithm),
        "algorithm_parameters": (present.algorithm_parameters, changed.algorithm_parameters),
        "salt": (present.salt, changed.salt),
        "namespace": (present.namespace, changed.namespace),
    }
    return [name for name, (before, after) in compared.items() if before != after]


def _fields(definition: ExperimentDefinition) -> dict[str, Any]:
    return {name: getattr(definition, name) for name in _DEFINED}


def _state(present: Experiment) -> dict[str, Any]:
    kept = frozenset(Experiment.model_fields) - _DEFINED - {"config_version", "updated_at"}
    return {name: getattr(present, name) for name in kept}
