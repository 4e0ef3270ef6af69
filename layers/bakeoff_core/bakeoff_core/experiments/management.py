"""Managing experiments: creating, changing and moving them through their life, each step on record."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol, get_args

from pydantic import ValidationError

from bakeoff_core.clock import Clock
from bakeoff_core.errors import (
    ChangeRefused,
    ExperimentExists,
    ExperimentNotFound,
    FieldError,
    InvalidInput,
    ModelNotFound,
    NamespaceTaken,
    VersionConflict,
)
from bakeoff_core.experiments.analysis_plan import DECIDES
from bakeoff_core.experiments.changes import DEFINED
from bakeoff_core.experiments.lifecycle import Action, next_status
from bakeoff_core.experiments.model import Experiment, ExperimentDefinition, Group, Status, TargetUserList
from bakeoff_core.experiments.reach import Reach
from bakeoff_core.stores.experiments import Audit, AuditEntry, Claim, ExperimentStore, document_of
from bakeoff_core.stores.objects import ObjectNotFound
from bakeoff_core.stores.target_users import TargetUserLists, describe, is_long
from bakeoff_core.validation import field_errors

Units = tuple[str, ...]

_ALIVE: frozenset[Status] = frozenset({"running", "paused"})
_UNSEEN_BY_UNITS = ("description", "shadow_model_name", "shadow_model_version")

Part = Literal["schedule", "alert_rules"]
"""A part of an experiment that has a route of its own: it changes whatever the experiment's status is, and touches
neither what units meet nor what decides."""

_PARTS: tuple[str, ...] = get_args(Part)

SET_BY_BAKEOFF = frozenset(Experiment.model_fields) - DEFINED
"""What Bakeoff itself keeps track of, and no caller sets."""


class Models(Protocol):
    """Where model versions are looked up."""

    def resolve(self, name: str, version_or_alias: str | None) -> object:
        """Find a version. Raises ModelNotFound."""
        ...


_EVERYBODY = Reach()


class ExperimentManager:
    """Everything that may be done to an experiment.

    Args:
        store: Where experiments are kept.
        models: Where the models that groups name are looked up.
        clock: The time of each change.
        custom_algorithms: The names of the algorithms that the deployer registered.
        lists: Where long lists of target users are kept.
        reach: Whom the deployment can tell.
    """

    def __init__(
        self,
        store: ExperimentStore,
        models: Models,
        clock: Clock,
        custom_algorithms: Collection[str] = (),
        *,
        lists: TargetUserLists,
        reach: Reach = _EVERYBODY,
    ) -> None:
        self._store = store
        self._models = models
        self._clock = clock
        self._lists = lists
        self._reach = reach
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
            PayloadTooLarge: It is larger than is kept.
        """
        experiment, units = self._created(document)
        try:
            return self._put(experiment, units, Audit(actor, "create", experiment.created_at))
        except VersionConflict:
            raise ExperimentExists(experiment.name) from None

    def change(self, name: str, document: Mapping[str, Any], actor: str, *, new_version: bool = False) -> Experiment:
        """Replace an experiment's definition.

        The document that `get` returned may come back whole; its `version`, if there, guards against
        changes made in the meantime. An experiment that was started keeps a `start_time` that is left out,
        and every experiment keeps a `schedule` or `alert_rules` that are left out: they have routes of their own.

        Args:
            name: The experiment.
            document: The new definition, as parsed from JSON.
            actor: Who asks for it.
            new_version: Whether a change that re-randomises a live experiment starts a new configuration
                version, with an analysis window of its own.

        Raises:
            ExperimentNotFound: There is no such experiment.
            InvalidInput: A field is wrong.
            ChangeRefused: The change would re-randomise a live experiment or change what decides it, or the
                experiment is over.
            NamespaceTaken: Another live experiment has that part of the namespace.
            VersionConflict: Somebody else changed it in the meantime.
            PayloadTooLarge: It is larger than is kept.
        """
        changed, units = self._changed(self._store.get(name), document, new_version=new_version)
        return self._put(changed, units, Audit(actor, "change", changed.updated_at), self._claim(changed))

    def change_part(self, name: str, part: Part, value: object, actor: str) -> Experiment:
        """Replace one part of an experiment, in any status, with no new configuration version.

        Args:
            name: The experiment.
            part: The field that holds it.
            value: Its new value, as parsed from JSON.
            actor: Who asks for it.

        Raises:
            ExperimentNotFound: There is no such experiment.
            InvalidInput: Something in it is wrong; errors name fields such as `schedule.time_zone`.
            ChangeRefused: The experiment is archived.
            VersionConflict: Somebody else changed the experiment in the meantime.
            PayloadTooLarge: The experiment is larger than is kept.
        """
        present = self._store.get(name)
        _refuse_archived(present)
        document = present.model_dump(mode="json", include=set(DEFINED))
        definition = _definition({**document, part: value})
        self._check_reach(definition)
        changed = getattr(definition, part)
        now = self._clock()
        return self._store.put(
            present.model_copy(update={part: changed, "updated_at": now}), Audit(actor, "change", now)
        )

    def preview(
        self, document: Mapping[str, Any], *, new_version: bool = False
    ) -> tuple[Experiment | None, Experiment]:
        """Work out what an experiment of that name would become, and write nothing.

        Args:
            document: A definition, as parsed from JSON.
            new_version: As for `change`.

        Returns:
            The present experiment, if there is one, and what creating or changing it would make.

        Raises:
            The same as `create` and `change`, except for conflicts that only writing shows. A definition that
            changes nothing is never refused.
        """
        definition = _definition(document)
        try:
            present = self._store.get(definition.name)
        except ExperimentNotFound:
            return None, _checked_size(self._created(document)[0])
        same, _ = self._settled(_with_kept(document, present), present)
        if present.archived_at is None and _fields(same) == _fields(present):
            return present, present
        changed, _ = self._changed(present, document, new_version=new_version)
        self._claim(changed)
        return present, _checked_size(changed)

    def move(self, name: str, action: Action, actor: str) -> Experiment:
        """Start, pause, resume, stop or complete an experiment.

        Raises:
            ExperimentNotFound: There is no such experiment.
            IllegalTransition: The action does not start from its present status.
            InvalidInput: It cannot be started as it is configured.
            NamespaceTaken: Another live experiment has its part of the namespace.
            ChangeRefused: It is archived.
        """
        experiment = self._store.get(name)
        _refuse_archived(experiment)
        status = next_status(experiment, action)
        now = self._clock()
        update: dict[str, Any] = {"status": status, "updated_at": now}
        if action == "start":
            # Models and algorithms were known when they were written down, which may be long ago.
            self._check(experiment)
            update["start_time"] = _start_of(experiment, now)
        if action in {"stop", "complete"}:
            update["ended_at"] = now
        moved = experiment.model_copy(update=update)
        claim = self._claim(moved) if action == "start" else None
        return self._store.put(moved, Audit(actor, action, now), claim)

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

    def _created(self, document: Mapping[str, Any]) -> tuple[Experiment, Units | None]:
        now = self._clock()
        _refuse_changed_state(document, {"status": "draft"})
        definition, units = self._settled(document)
        self._check(definition)
        self._check_reach(definition)
        return Experiment(**_fields(definition), created_at=now, updated_at=now), units

    def _changed(
        self, present: Experiment, document: Mapping[str, Any], *, new_version: bool
    ) -> tuple[Experiment, Units | None]:
        _refuse_archived(present)
        if document.get("version", present.version) != present.version:
            raise VersionConflict(present.name)
        _refuse_changed_state(document, present.model_dump(mode="json"))
        definition, units = self._settled(_with_kept(document, present), present)
        if definition.name != present.name:
            raise InvalidInput.of("name", f"must stay {present.name!r}")
        if present.status not in _ALIVE | {"draft"}:
            raise ChangeRefused(f"status: an experiment that is {present.status} does not change any more")
        re_randomising = _re_randomising(present, definition) if present.status in _ALIVE else []
        if re_randomising and not new_version:
            raise ChangeRefused(
                f"{', '.join(re_randomising)}: changing this while the experiment is {present.status} would move units "
                "between groups; ask for it with ?new_version=true, which starts a fresh analysis window"
            )
        replanned = _replanned(present, definition) if present.status in _ALIVE else []
        if replanned and not new_version:
            raise ChangeRefused(
                f"{', '.join(replanned)}: what decides was settled when the experiment started, and choosing it after "
                "looking at results would make them worthless; ask for it with ?new_version=true, which starts a fresh "
                "analysis window"
            )
        self._check(definition)
        self._check_reach(definition)
        changed = Experiment(
            **_fields(definition),
            **_state(present),
            config_version=present.config_version + bool(re_randomising or replanned),
            updated_at=self._clock(),
        )
        return changed, units

    def _settled(
        self, document: Mapping[str, Any], present: Experiment | None = None
    ) -> tuple[ExperimentDefinition, Units | None]:
        """Read a definition; a long list of target users leaves it, and a reference stays."""
        definition = _definition(document)
        units = definition.target_users
        if units is not None and is_long(units):
            referring = {"target_users": None, "target_user_list": describe(units)}
            return definition.model_copy(update=referring), units
        reference = definition.target_user_list
        if reference is not None and (present is None or reference != present.target_user_list):
            self._check_list(reference)
        return definition, None

    def _put(self, experiment: Experiment, units: Units | None, audit: Audit, claim: Claim | None = None) -> Experiment:
        if units is not None:
            self._lists.keep(units)
        return self._store.put(experiment, audit, claim)

    def _check_list(self, reference: TargetUserList) -> None:
        try:
            found = len(self._lists.load(reference))
        except ObjectNotFound:
            raise InvalidInput.of("target_user_list.sha256", "no list with this checksum is stored") from None
        if found != reference.count:
            raise InvalidInput.of("target_user_list.count", f"must be {found}, as many as the list holds")

    def _check_reach(self, definition: ExperimentDefinition) -> None:
        if errors := list(self._reach.errors(definition)):
            raise InvalidInput(errors)

    def _check(self, definition: ExperimentDefinition) -> None:
        self._check_algorithm(definition)
        if errors := list(self._model_errors(definition.groups)):
            raise InvalidInput(errors)

    def _claim(self, experiment: Experiment) -> Claim | None:
        """Look whether a live experiment's part of its namespace is free, so that taking it can depend on that."""
        if experiment.namespace is None or experiment.status not in _ALIVE:
            return None
        claim = Claim(experiment.namespace.name, self._store.claims(experiment.namespace.name))
        for other in self._store.list(consistent=True):
            if (
                other.name != experiment.name
                and other.status in _ALIVE
                and other.namespace is not None
                and other.namespace.overlaps(experiment.namespace)
            ):
                raise NamespaceTaken(other.namespace.name, experiment.namespace.part, other.name, other.namespace.part)
        return claim

    def _model_errors(self, groups: tuple[Group, ...]) -> Iterable[FieldError]:
        for index, group in enumerate(groups):
            for (name, version), prefix in zip(group.models, ("", "shadow_"), strict=False):
                try:
                    self._models.resolve(name, version)
                except ModelNotFound as error:
                    field = f"{prefix}model_name" if version is None else f"{prefix}model_version"
                    yield FieldError(f"groups[{index}].{field}", str(error).removeprefix("model_name: "))


def _definition(document: Mapping[str, Any]) -> ExperimentDefinition:
    try:
        return ExperimentDefinition.model_validate({k: v for k, v in document.items() if k not in SET_BY_BAKEOFF})
    except ValidationError as error:
        raise InvalidInput(field_errors(error)) from None


def _checked_size(experiment: Experiment) -> Experiment:
    document_of(experiment)
    return experiment


def _with_kept(document: Mapping[str, Any], present: Experiment) -> Mapping[str, Any]:
    """Add what a definition that leaves it out does not change."""
    kept = present.model_dump(mode="json", include={part for part in _PARTS if part not in document})
    # Starting set it where the owner had not, so that a definition written down before does not have it.
    if present.status != "draft" and document.get("start_time") is None:
        kept["start_time"] = present.start_time
    return {**document, **kept}


def _start_of(experiment: Experiment, now: datetime) -> datetime:
    if experiment.start_time is not None:
        return experiment.start_time
    if experiment.end_time is not None and experiment.end_time <= now:
        raise InvalidInput.of("end_time", "is over: set a later one, or a start_time before it")
    return now


def _refuse_archived(experiment: Experiment) -> None:
    if experiment.archived_at is not None:
        raise ChangeRefused(f"name: experiment {experiment.name!r} is archived; create one under another name")


def _refuse_changed_state(document: Mapping[str, Any], present: Mapping[str, Any]) -> None:
    read_only = SET_BY_BAKEOFF - {"version"}
    errors = [
        FieldError(name, "is not set by the caller; start, pause, resume, stop and complete have routes of their own")
        for name in document
        if name in read_only and document[name] != present.get(name)
    ]
    if errors:
        raise InvalidInput(errors)


def _re_randomising(present: ExperimentDefinition, changed: ExperimentDefinition) -> list[str]:
    def drawn(groups: tuple[Group, ...]) -> list[Group]:
        return [group.model_copy(update=dict.fromkeys(_UNSEEN_BY_UNITS)) for group in groups]

    compared = {
        "groups": (drawn(present.groups), drawn(changed.groups)),
        "assignment_algorithm": (present.assignment_algorithm, changed.assignment_algorithm),
        "custom_algorithm": (present.custom_algorithm, changed.custom_algorithm),
        "algorithm_parameters": (present.algorithm_parameters, changed.algorithm_parameters),
        "salt": (present.salt, changed.salt),
        "namespace": (present.namespace, changed.namespace),
    }
    return [name for name, (before, after) in compared.items() if before != after]


def _replanned(present: ExperimentDefinition, changed: ExperimentDefinition) -> list[str]:
    before, after = present.analysis, changed.analysis
    fields = [f"analysis.{name}" for name in DECIDES if getattr(before, name) != getattr(after, name)]
    if before.inference != "always_valid" and present.end_time != changed.end_time:
        fields.append("end_time")
    return fields


def _fields(definition: ExperimentDefinition) -> dict[str, Any]:
    return {name: getattr(definition, name) for name in DEFINED}


def _state(present: Experiment) -> dict[str, Any]:
    kept = SET_BY_BAKEOFF - {"config_version", "updated_at"}
    return {name: getattr(present, name) for name in kept}
