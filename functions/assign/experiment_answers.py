"""What the management of experiments answers, where that is no experiment."""

from typing import Any

from pydantic import BaseModel, JsonValue

from bakeoff_core.events.model import Moment
from bakeoff_core.experiments.planning import Action
from bakeoff_core.validation import Name


class Change(BaseModel):
    """One field, before and after; null where it was not there."""

    field: str
    before: JsonValue
    after: JsonValue


class PlannedExperiment(BaseModel):
    """What becomes of one experiment of a file.

    Attributes:
        reason: Why it is refused.
    """

    name: Name
    action: Action
    changes: list[Change]
    reason: str | None


class Plan(BaseModel):
    """What becomes of the experiments of a file, and whether it was done: all of it, or nothing."""

    applied: bool
    experiments: list[PlannedExperiment]


class HistoryLine(BaseModel):
    """One change of an experiment: who made it, when, and what it changed.

    Attributes:
        evidence: The numbers behind a change that Bakeoff made by itself.
    """

    version: int
    action: str
    actor: str
    at: Moment
    changes: list[Change]
    evidence: dict[str, Any] | None = None
