"""What happened to an experiment beside its users: alerts, and changes of its configuration."""

import json
from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from rendering.blocks import Table
from rendering.formatting import MISSING, count, moment
from results import AlertResult, HistoryChange, HistoryEntry

_MOST_CHARACTERS = 200


def alerts_table(alerts: Sequence[AlertResult]) -> Table:
    """The alerts, as they stand."""
    return Table(
        "Alerts, newest first",
        "What was found wrong, and whether it still is.",
        ("Alert", "Since", "State", "What"),
        tuple(
            (
                each.kind,
                moment(each.opened_at),
                f"{each.status}{', acknowledged' if each.acknowledged else ''}",
                each.message,
            )
            for each in alerts
        ),
    )


def history_table(history: Sequence[HistoryEntry]) -> Table:
    """Who changed the configuration, when and how."""
    return Table(
        "History of the configuration",
        "Every change, oldest first; of one that was made by itself, the figures behind it.",
        ("Version", "When", "Action", "By", "Changes", "Figures"),
        tuple(
            (
                count(each.version),
                moment(each.at),
                each.action,
                each.actor,
                _joined(map(_change, each.changes)),
                _joined(f"{name} {_value(value)}" for name, value in (each.evidence or {}).items()),
            )
            for each in history
        ),
    )


def _change(change: HistoryChange) -> str:
    return f"{change.field}: {_value(change.before)} → {_value(change.after)}"


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(parts) or MISSING


def _value(value: JsonValue) -> str:
    if value is None:
        return MISSING
    written = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return written if len(written) <= _MOST_CHARACTERS else f"{written[: _MOST_CHARACTERS - 1]}…"
