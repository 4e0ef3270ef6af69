"""What differs between two configurations of an experiment, field by field."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from bakeoff_core.experiments.model import Experiment, ExperimentDefinition

DEFINED = frozenset(ExperimentDefinition.model_fields)
"""What a caller decides about an experiment."""

_ON_RECORD = DEFINED | {"status", "config_version", "archived_at", "serving_group"}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, before and after; None where it is not there."""

    field: str
    before: JsonValue
    after: JsonValue

    def to_json(self) -> dict[str, JsonValue]:
        """Write the change as answers do."""
        return {"field": self.field, "before": self.before, "after": self.after}


def changed_definition(before: Experiment, after: Experiment) -> list[FieldChange]:
    """List what changed of what callers decide."""
    return _changes(before, after, DEFINED)


def changed_on_record(before: Experiment, after: Experiment) -> list[FieldChange]:
    """List what changed of what an experiment's history tells: its definition, its status and its version."""
    return _changes(before, after, _ON_RECORD)


def _changes(before: Experiment, after: Experiment, fields: Collection[str]) -> list[FieldChange]:
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    return [change for name in old if name in fields for change in _differences(name, old[name], new[name])]


def _differences(path: str, before: JsonValue, after: JsonValue) -> Iterator[FieldChange]:
    match before, after:
        case dict(), dict():
            for key in dict.fromkeys([*before, *after]):
                yield from _differences(f"{path}.{key}", before.get(key), after.get(key))
        case list(), list() if len(before) == len(after) and all(isinstance(each, dict) for each in [*before, *after]):
            for index, (old, new) in enumerate(zip(before, after, strict=True)):
                yield from _differences(f"{path}[{index}]", old, new)
        case _ if before != after:
            yield FieldChange(path, before, after)
