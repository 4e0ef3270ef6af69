from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bakeoff.demo.impressions import load_impressions
from bakeoff.demo.replay import logged_events, logged_experiment
from bakeoff.errors import UsageError
from bakeoff_core.experiments.model import ExperimentDefinition

EXAMPLES = Path(__file__).parents[4] / "examples"
SHOWN_AT = datetime(2019, 11, 24, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Shown:
    campaign: str
    policy: str
    click: bool
    timestamp: datetime = SHOWN_AT

    def features(self) -> dict[str, Any]:
        return {}


def test_an_impression_is_an_assignment_and_a_click_where_there_was_one() -> None:
    events = list(logged_events("men", [Shown("men", "bts", click=True), Shown("all", "bts", click=True)]))
    shared = {"user_id": "men-0", "experiment_name": "open_bandit_men", "timestamp": "2019-11-24T03:00:00+00:00"}
    assert events == [
        {
            **shared,
            "event_id": "open-bandit-men-0-assignment",
            "event_type": "assignment",
            "metadata": {"group_name": "bts"},
        },
        {**shared, "event_id": "open-bandit-men-0-click", "event_type": "click"},
    ]


@pytest.mark.parametrize(("campaign", "clicks"), [("all", 38 + 42), ("men", 46 + 69)])
def test_the_sample_gives_its_published_counts(campaign: str, clicks: int) -> None:
    events = list(logged_events(campaign, load_impressions(EXAMPLES)))
    assert Counter(event["event_type"] for event in events) == {"assignment": 20_000, "click": clicks}
    assert len({event["event_id"] for event in events}) == len(events)
    assert Counter(event["metadata"]["group_name"] for event in events if "metadata" in event) == {
        "random": 10_000,
        "bts": 10_000,
    }


def test_the_window_of_the_experiment_holds_the_sample() -> None:
    experiment = ExperimentDefinition.model_validate(logged_experiment("all"))
    assert experiment.start_time is not None
    assert experiment.end_time is not None
    times = [impression.timestamp for impression in load_impressions(EXAMPLES)]
    assert experiment.start_time <= min(times)
    assert max(times) < experiment.end_time


def test_a_folder_without_the_sample_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=str(tmp_path)):
        load_impressions(tmp_path)
