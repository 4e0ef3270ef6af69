"""What keeps units out is compiled from the present configuration, and from no older one."""

from typing import Any

import pytest

from bakeoff_core.assignment.assigner import decide
from tests.support import NOON, experiment

EVERYWHERE: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("changes", "gates"),
    [
        ({}, ([], [])),
        ({"status": "paused"}, (["not_running"], [])),
        ({"start_time": NOON, "end_time": "2026-04-01T00:00:00Z"}, (["not_started", "ended"], [])),
        ({"target_users": ["a"], "targeting": {"country": "DE"}}, ([], ["not_targeted", "not_targeted"])),
        ({"namespace": {"name": "n", "range_start": 0, "range_end": 0.5}}, ([], ["other_namespace"])),
        ({"holdout": {"name": "h", "share": 0.1}, "sample_rate": 0.5}, ([], ["held_out", "not_sampled"])),
    ],
)
def test_an_experiment_has_the_checks_that_its_configuration_calls_for(
    changes: dict[str, Any], gates: tuple[list[str], list[str]]
) -> None:
    compiled = experiment(**changes).gates
    assert (
        [reason for reason, _ in compiled.of_the_experiment],
        [reason for reason, _ in compiled.of_the_unit],
    ) == gates


def test_a_changed_copy_is_judged_by_what_it_is_now() -> None:
    before = experiment()
    assert decide(before, "u", EVERYWHERE, NOON).reason == "split"
    assert before.shares == {"control": 0.5, "treatment": 0.5}
    stopped = before.model_copy(update={"status": "stopped"})
    assert decide(stopped, "u", EVERYWHERE, NOON).reason == "not_running"
    lopsided = before.model_copy(
        update={"groups": (before.groups[0].model_copy(update={"weight": 0.0}), before.groups[1])}
    )
    assert lopsided.shares == {"control": 0.0, "treatment": 1.0}
    assert {decide(lopsided, f"u{i}", EVERYWHERE, NOON).propensity for i in range(20)} == {1.0}
