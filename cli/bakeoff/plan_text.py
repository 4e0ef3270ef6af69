"""A plan for experiments, their history and their alerts, as text for a terminal."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

_MARKS = {"created": "+", "changed": "~", "unchanged": "=", "refused": "!"}
_WIDEST = 60


def plan_lines(planned: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Write what becomes of each experiment, and which of its fields change how."""
    for each in planned:
        reason = f": {each['reason']}" if each["reason"] else ""
        yield f"{_MARKS[each['action']]} {each['name']}: {each['action']}{reason}"
        yield from (f"    {change}" for change in _changes(each["changes"]))


def plan_summary(planned: Sequence[Mapping[str, Any]]) -> str:
    """Count what is done: `1 created, 2 unchanged`."""
    counts = Counter(each["action"] for each in planned)
    return ", ".join(f"{counts[action]} {action}" for action in _MARKS if counts[action]) or "no experiments"


def history_lines(history: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Write who changed what, and when, oldest first, and for which numbers where nobody asked for it."""
    for entry in history:
        yield f"{entry['at']}  {entry['actor']}  {entry['action']}  (version {entry['version']})"
        yield from (f"    {change}" for change in _changes(entry["changes"]))
        for name, value in (entry.get("evidence") or {}).items():
            yield f"    {name}: {value if isinstance(value, str) else _short(value)}"


def alert_lines(experiment: str, alerts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write alerts, newest first: since when, what is wrong, and who took note of it."""
    if not alerts:
        yield f"{experiment}: no alerts"
    for alert in alerts:
        over = f" to {alert['recovered_at']}" if alert["recovered_at"] else ""
        noted = f", acknowledged by {alert['acknowledged_by']}" if alert["acknowledged_by"] else ""
        yield f"{alert['kind']}  {alert['status']}  {alert['opened_at']}{over}{noted}"
        yield f"    {alert['message']}"
        yield f"    {alert['alert_id']}"


def _changes(changes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for change in changes:
        yield f"{change['field']}: {_short(change['before'])} -> {_short(change['after'])}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
