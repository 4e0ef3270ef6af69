"""The history of an experiment: who changed what, and when."""

from collections.abc import Sequence
from typing import Any

from bakeoff_core.clock import rfc3339
from bakeoff_core.experiments.changes import changed_on_record
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.experiments import AuditEntry


def history_of(entries: Sequence[AuditEntry]) -> list[dict[str, Any]]:
    """Tell of each change who made it, when, by which action, and what it changed; and for which numbers, if for any.

    Args:
        entries: Every change of one experiment, oldest first.
    """
    before: list[Experiment | None] = [None, *(entry.experiment for entry in entries)]
    return [_entry(entry, previous) for entry, previous in zip(entries, before, strict=False)]


def _entry(entry: AuditEntry, before: Experiment | None) -> dict[str, Any]:
    changes = [] if before is None else changed_on_record(before, entry.experiment)
    line = {
        "version": entry.experiment.version,
        "action": entry.audit.action,
        "actor": entry.audit.actor,
        "at": rfc3339(entry.audit.at),
        "changes": [change.to_json() for change in changes],
    }
    return line if entry.audit.evidence is None else {**line, "evidence": dict(entry.audit.evidence)}
