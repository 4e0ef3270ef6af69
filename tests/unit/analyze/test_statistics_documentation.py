"""What docs/statistics.md shows is what the code accepts and does."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from bakeoff_core.experiments.analysis_plan import DECIDES, AnalysisPlan, Inference
from bakeoff_core.experiments.metrics import KINDS
from bakeoff_core.experiments.model import ExperimentDefinition
from decision import RULES

PAGE = (Path(__file__).parents[3] / "docs" / "statistics.md").read_text()


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def test_the_example_is_an_experiment() -> None:
    example = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    groups = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
    experiment = ExperimentDefinition.model_validate({"name": "e", "groups": groups} | example)
    assert {metric.kind for metric in experiment.metrics} == set(KINDS) - {"count"}
    assert experiment.analysis.planned_looks == 4


def test_every_kind_and_every_inference_is_described() -> None:
    text = section("A metric and its plan")
    for name in (*KINDS, *get_args(Inference)):
        assert f"| `{name}`" in text
    for field in DECIDES:
        # The minimum runtime and sample are named in words.
        assert f"`{field}`" in text or field.startswith("minimum")


def test_the_table_of_rules_is_the_one_that_decides() -> None:
    verdicts = re.findall(r"^\| .* \| `(\w+)` \|$", section("The decision"), re.MULTILINE)
    assert verdicts == [rule.verdict for rule in RULES]


@pytest.mark.parametrize(
    ("field", "default"), [("minimum_sample_size", "100"), ("minimum_runtime_days", "0"), ("power", "0.8")]
)
def test_defaults_are_those_of_the_plan(field: str, default: str) -> None:
    assert f"`{field}` ({default})" in PAGE
    assert float(getattr(AnalysisPlan(), field)) == float(default)
