from typing import Any

from bakeoff.plan_text import alert_lines, history_lines, plan_lines, plan_summary


def planned(name: str, action: str, reason: str | None = None, **changes: tuple[Any, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "action": action,
        "reason": reason,
        "changes": [{"field": field, "before": old, "after": new} for field, (old, new) in changes.items()],
    }


PLAN = [
    planned("new", "created"),
    planned("other", "changed", sample_rate=(0.5, 1.0), description=("", "é"), metrics=(["x" * 80], None)),
    planned("same", "unchanged"),
    planned("wrong", "refused", "sample_rate: must be at most 1"),
    planned("bad", "refused", "name: is taken"),
]


def test_a_plan_is_a_line_an_experiment_and_a_line_a_change() -> None:
    assert list(plan_lines(PLAN)) == [
        "+ new: created",
        "~ other: changed",
        "    sample_rate: 0.5 -> 1.0",
        '    description: "" -> "é"',
        f'    metrics: ["{"x" * 55}... -> null',
        "= same: unchanged",
        "! wrong: refused: sample_rate: must be at most 1",
        "! bad: refused: name: is taken",
    ]


def test_a_summary_counts_what_there_is() -> None:
    assert plan_summary(PLAN) == "1 created, 1 changed, 1 unchanged, 2 refused"
    assert plan_summary(PLAN[:1]) == "1 created"
    assert plan_summary([]) == "no experiments"


def test_a_history_says_when_who_and_what() -> None:
    changes = [{"field": "status", "before": "draft", "after": "running"}]
    entry = {"at": "2026-03-01T12:00:00.000000Z", "actor": "ann", "action": "start", "version": 2, "changes": changes}
    assert list(history_lines([entry])) == [
        "2026-03-01T12:00:00.000000Z  ann  start  (version 2)",
        '    status: "draft" -> "running"',
    ]


def test_a_history_shows_the_numbers_for_which_something_was_done() -> None:
    evidence = {"rule": "winner", "explanation": "b is better.", "interval": [0.01, 0.02]}
    entry = {"at": "t", "actor": "monitor", "action": "stop", "version": 3, "changes": [], "evidence": evidence}
    assert list(history_lines([entry])) == [
        "t  monitor  stop  (version 3)",
        "    rule: winner",
        "    explanation: b is better.",
        "    interval: [0.01, 0.02]",
    ]


def test_alerts_say_since_when_what_and_who_knows() -> None:
    alert = {"alert_id": "a-1", "kind": "NO_EVENTS", "message": "Nobody came.", "opened_at": "t1"}
    opened = alert | {"status": "open", "recovered_at": None, "acknowledged_by": "ann"}
    over = alert | {"status": "recovered", "recovered_at": "t2", "acknowledged_by": None}
    assert list(alert_lines("e", [opened, over])) == [
        "NO_EVENTS  open  t1, acknowledged by ann",
        "    Nobody came.",
        "    a-1",
        "NO_EVENTS  recovered  t1 to t2",
        "    Nobody came.",
        "    a-1",
    ]
    assert list(alert_lines("e", [])) == ["e: no alerts"]
