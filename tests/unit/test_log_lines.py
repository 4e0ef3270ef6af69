"""What goes into the log: a fixed message, and ids and figures beside it, nothing of what users sent along."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from bakeoff_core.events.cloudevents import CloudEvent
from bakeoff_core.events.model import Event, EventRequest
from bakeoff_core.settings import Settings

PROJECT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
# Fields of log lines. Whoever adds one makes sure that it cannot hold what a user sent along.
FIELDS = {
    "alert_id",
    "algorithm",
    "batch",  # where it is in the stream
    "cause",
    "change",
    "due_at",
    "errors",  # of the form of a notice or a task, which Bakeoff wrote itself
    "event",  # ids only, see test_what_both_refuse_is_in_the_log
    "exc_info",
    "execution",
    "experiment_name",
    "extra",  # of notices: ids and the channel
    "group_name",
    "issuer",
    "key_id",
    "kind",
    "model_key",
    "partition",
    "reason",
    "record_id",
    "records",  # how many
    "report_id",
    "route",
    "rule",
    "seconds",
    "source",
    "state",
}


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    for folder in ("layers", "functions"):
        for file in sorted((PROJECT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
                    owner = node.func.value
                    if isinstance(owner, ast.Name) and owner.id == "logger":
                        yield f"{file.relative_to(PROJECT)}:{node.lineno}", node


def test_messages_are_fixed() -> None:
    calls = list(log_calls())
    assert len(calls) > 30
    for place, call in calls:
        assert len(call.args) == 1, place
        assert isinstance(call.args[0], ast.Constant), place


def test_fields_are_known() -> None:
    for place, call in log_calls():
        named = {each.arg for each in call.keywords if each.arg}
        assert named <= FIELDS, (place, named - FIELDS)


def test_nothing_else_writes_to_the_log() -> None:
    for folder in ("layers", "functions"):
        for file in sorted((PROJECT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                is_print = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
                assert not is_print, f"{file}:{getattr(node, 'lineno', 0)}"


@pytest.mark.parametrize(
    ("model", "document"),
    [
        (Event, {"event_type": "click", "timestamp": "geheim@example.com", "metadata": {}}),
        (EventRequest, {"user_id": {"mail": "geheim@example.com"}, "event_type": "click"}),
        (CloudEvent, {"type": {"mail": "geheim@example.com"}}),
        (Settings, {"model_cache_bytes": "rediss://geheim@example.com"}),
    ],
)
def test_an_error_in_the_log_does_not_repeat_what_was_sent(model: type[BaseModel], document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        model.model_validate(document)
    assert "geheim" not in str(raised.value)
