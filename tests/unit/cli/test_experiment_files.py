import json
from pathlib import Path

import pytest

from bakeoff.experiment_files import read_experiments
from bakeoff_core.errors import InvalidInput
from bakeoff_core.experiments.model import ExperimentDefinition

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_the_examples_are_the_two_of_the_contract() -> None:
    first, second = map(ExperimentDefinition.model_validate, read_experiments(EXAMPLES / "experiments.json"))
    assert first.name == "recommendation_model_v2"
    assert [(group.name, group.weight, group.model_version) for group in first.groups] == [
        ("control", 0.5, "v1"),
        ("treatment_v2", 0.3, "v2"),
        ("treatment_v3", 0.2, "v3"),
    ]
    assert first.sample_rate == 0.1
    assert [metric.name for metric in first.metrics] == ["click_rate", "purchase_rate", "revenue"]
    assert (second.name, second.assignment_algorithm, second.sample_rate) == ("pricing_strategy_test", "random", 0.05)
    assert [group.weight for group in second.groups] == [0.33, 0.33, 0.34]
    assert [group.parameters["price_multiplier"] for group in second.groups] == [1.0, 0.9, 1.1]


def test_one_experiment_needs_no_list(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"name": "one"}))
    assert read_experiments(file) == [{"name": "one"}]


@pytest.mark.parametrize("text", ["{", "3", "[3]", '[{"name": 3}]', "{}"])
def test_other_files_are_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=r"bad\.json"):
        read_experiments(file)
