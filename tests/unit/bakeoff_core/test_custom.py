import sys
from collections.abc import Mapping
from types import ModuleType

import pytest

from bakeoff_core.assignment.custom import checked_weights, load_algorithms
from bakeoff_core.experiments.model import Experiment
from tests.support import experiment


def first_group(experiment: Experiment, unit: str) -> Mapping[str, float]:
    return {experiment.groups[0].name: 1.0}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    made = ModuleType("shop_algorithms")
    vars(made).update(first_group=first_group, number=3)
    monkeypatch.setitem(sys.modules, "shop_algorithms", made)
    return made


def test_an_algorithm_is_imported_by_its_place(module: ModuleType) -> None:
    algorithms = load_algorithms({"first": "shop_algorithms:first_group"})
    assert algorithms["first"](experiment(), "user-1") == {"control": 1.0}
    assert load_algorithms({}) == {}


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("no_such_module:f", ImportError),
        ("shop_algorithms:missing", AttributeError),
        ("shop_algorithms:number", TypeError),
    ],
)
def test_what_cannot_be_loaded_fails_at_start(module: ModuleType, place: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        load_algorithms({"first": place})


def test_weights_may_be_on_any_scale_and_leave_groups_out() -> None:
    assert checked_weights({"treatment": 3}, experiment()) == {"control": 0.0, "treatment": 1.0}
    assert checked_weights({"treatment": 3, "control": 1}, experiment()) == {"control": 0.25, "treatment": 0.75}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"other": 1.0}, "the experiment has no group other"),
        ({"control": -1.0, "treatment": 2.0}, "weights must be finite, 0 or more, and not all 0"),
        ({"control": float("nan")}, "weights must be finite"),
        ({"control": float("inf")}, "weights must be finite"),
        ({}, "weights must be finite"),
    ],
)
def test_weights_that_cannot_be_drawn_from_are_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked_weights(weights, experiment())
