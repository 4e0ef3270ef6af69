import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bakeoff.experiment_files import read_experiments, with_target_users
from bakeoff_core.errors import InvalidInput
from bakeoff_core.experiments.model import ExperimentDefinition, TargetUserList
from bakeoff_core.stores.objects import InMemoryObjectStore
from bakeoff_core.stores.target_users import TargetUserLists, describe

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


def no_store(_units: Sequence[str]) -> TargetUserList:
    raise AssertionError("a short list needs no store")


def test_target_users_come_from_a_file_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "users.txt").write_text("ann\njosé\n\n17\n", encoding="utf-8")
    given = {"name": "e", "target_users_file": "users.txt"}
    assert with_target_users(given, tmp_path, no_store) == {"name": "e", "target_users": ["ann", "josé", "17"]}
    assert with_target_users({"name": "e"}, tmp_path, no_store) == {"name": "e"}


def test_a_list_too_long_for_a_request_is_stored_first(tmp_path: Path) -> None:
    users = [f"user-{n}" for n in range(50_001)]
    (tmp_path / "users.txt").write_text("\n".join(users))
    lists = TargetUserLists(InMemoryObjectStore())
    definition = with_target_users({"name": "e", "target_users_file": "users.txt"}, tmp_path, lists.keep)
    assert definition == {"name": "e", "target_user_list": describe(users).model_dump()}
    assert lists.load(describe(users)) == set(users)


@pytest.mark.parametrize("more", [{"target_users": ["ann"]}, {"target_users_file": 3}])
def test_target_users_have_one_place(tmp_path: Path, more: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"^e\.target_users_file: must name a file, and be the only place"):
        with_target_users({"name": "e", "target_users_file": "users.txt", **more}, tmp_path, no_store)


@pytest.mark.parametrize("text", ["{", "3", "[3]", '[{"name": 3}]', "{}"])
def test_other_files_are_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=r"bad\.json"):
        read_experiments(file)
