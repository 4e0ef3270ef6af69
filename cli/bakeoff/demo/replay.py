"""A logged test, told again: the shop's uniform random policy against its Thompson sampling.

The assignment happened in the shop, so each impression becomes an `assignment` event
that carries its group, and a click where there was one. The sample does not say
who the visitors were: each impression counts as a unit of its own.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from bakeoff.demo.impressions import Impression

CONTROL = "random"
TREATMENT = "bts"


def experiment_name(campaign: str) -> str:
    """The experiment that a campaign's impressions belong to."""
    return f"open_bandit_{campaign}"


def logged_experiment(campaign: str) -> dict[str, Any]:
    """Describe the logged test of a campaign; the sample covers its week."""
    return {
        "name": experiment_name(campaign),
        "description": f"Logged test of the Open Bandit sample, campaign {campaign!r}: Thompson sampling against "
        "uniform random choice",
        "groups": [
            {"name": CONTROL, "weight": 0.5, "control": True, "description": "Items drawn uniformly at random"},
            {"name": TREATMENT, "weight": 0.5, "description": "Items chosen by Bernoulli Thompson sampling"},
        ],
        "assignment_algorithm": "hash_based",
        "metrics": ["click_rate"],
        "start_time": datetime(2019, 11, 24, tzinfo=UTC).isoformat(),
        "end_time": datetime(2019, 12, 2, tzinfo=UTC).isoformat(),
        "analysis": {"inference": "fixed_horizon"},
    }


def logged_events(campaign: str, impressions: Iterable[Impression]) -> Iterator[dict[str, Any]]:
    """Turn the impressions of a campaign into events.

    Each has an id of its own, so that telling the story twice changes nothing.
    """
    own = (impression for impression in impressions if impression.campaign == campaign)
    for number, impression in enumerate(own):
        unit = f"{campaign}-{number}"
        shared = {
            "user_id": unit,
            "experiment_name": experiment_name(campaign),
            "timestamp": impression.timestamp.isoformat(),
        }
        yield {
            **shared,
            "event_id": f"open-bandit-{unit}-assignment",
            "event_type": "assignment",
            "metadata": {"group_name": impression.policy},
        }
        if impression.click:
            yield {**shared, "event_id": f"open-bandit-{unit}-click", "event_type": "click"}
