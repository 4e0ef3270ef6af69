"""Experiments from files: what applying them would do, and doing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from bakeoff_core.errors import BakeoffError, FieldError, InvalidInput
from bakeoff_core.experiments.changes import FieldChange, changed_definition
from bakeoff_core.experiments.management import SET_BY_BAKEOFF, ExperimentManager

Action = Literal["created", "changed", "unchanged", "refused"]


@dataclass(frozen=True, slots=True)
class Planned:
    """What becomes of one experiment.

    Attributes:
        name: The experiment.
        action: What is done.
        changes: The fields that change.
        reason: Why it is refused.
    """

    name: str
    action: Action
    changes: tuple[FieldChange, ...] = ()
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Write the plan as answers do."""
        return {
            "name": self.name,
            "action": self.action,
            "changes": [change.to_json() for change in self.changes],
            "reason": self.reason,
        }


def read_documents(body: Any) -> list[dict[str, Any]]:
    """Take the experiments out of `{"experiments": [...]}`, or out of the list alone, as files hold it.

    Raises:
        InvalidInput: It is something else, or an experiment has no name or another one's.
    """
    documents = body["experiments"] if isinstance(body, Mapping) and set(body) == {"experiments"} else body
    if not isinstance(documents, list):
        raise InvalidInput.of("experiments", "must be there, a list of experiments, and nothing else")
    errors, seen = [], set[str]()
    for index, document in enumerate(documents):
        name = document.get("name") if isinstance(document, dict) else None
        if not isinstance(name, str):
            errors.append(FieldError(f"experiments[{index}]", "must be an experiment, an object with a name"))
        elif name in seen:
            errors.append(FieldError(f"experiments[{index}].name", f"is there twice, got {name!r}"))
        else:
            seen.add(name)
    if errors:
        raise InvalidInput(errors)
    return documents


class Planner:
    """Compares experiments with those that are there.

    Args:
        manager: Knows those, and makes the changes.
        new_version: Whether changes that re-randomise a live experiment are wanted.
    """

    def __init__(self, manager: ExperimentManager, *, new_version: bool) -> None:
        self._manager = manager
        self._new_version = new_version

    def plan(self, documents: Sequence[Mapping[str, Any]]) -> list[Planned]:
        """Say what applying experiments would do, and write nothing."""
        return [self._plan(document) for document in documents]

    def apply(self, documents: Sequence[Mapping[str, Any]], actor: str) -> list[Planned]:
        """Create and change experiments so that they are as documents say; if one is refused, none.

        Args:
            documents: The experiments.
            actor: Who asks for it.

        Returns:
            What was done. An experiment that somebody else changed in the meantime is refused while others
            are written.
        """
        planned = self.plan(documents)
        if any(each.action == "refused" for each in planned):
            return planned
        return [self._write(each, document, actor) for each, document in zip(planned, documents, strict=True)]

    def _plan(self, document: Mapping[str, Any]) -> Planned:
        name = document["name"]
        try:
            present, after = self._manager.preview(_definition(document), new_version=self._new_version)
            _check_status(document, "draft" if present is None else present.status)
        except BakeoffError as error:
            return Planned(name, "refused", reason=str(error))
        if present is None:
            return Planned(name, "created")
        changes = tuple(changed_definition(present, after))
        return Planned(name, "changed" if changes else "unchanged", changes)

    def _write(self, planned: Planned, document: Mapping[str, Any], actor: str) -> Planned:
        definition = _definition(document)
        try:
            if planned.action == "created":
                self._manager.create(definition, actor)
            elif planned.action == "changed":
                self._manager.change(planned.name, definition, actor, new_version=self._new_version)
        except BakeoffError as error:
            return replace(planned, action="refused", reason=str(error))
        return planned


def _definition(document: Mapping[str, Any]) -> dict[str, Any]:
    # A file may come from reading an experiment; what Bakeoff itself keeps track of is no part of its definition.
    return {name: value for name, value in document.items() if name not in SET_BY_BAKEOFF}


def _check_status(document: Mapping[str, Any], present: str) -> None:
    if document.get("status", "draft") not in {"draft", present}:
        raise InvalidInput.of(
            "status", f"is {present} and not changed by applying: start, pause, resume, stop or complete the experiment"
        )
