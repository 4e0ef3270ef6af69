"""A logged test of the Open Bandit sample, replayed as events and analysed to its known clicks."""

import gzip
import json
from collections.abc import Sequence
from typing import Any

import pytest

from analysis import analyse
from bakeoff.demo.impressions import Impression, load_impressions
from bakeoff.demo.replay import experiment_name, logged_events, logged_experiment
from bakeoff_core.events.model import EventRequest
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.duckdb_engine import duckdb_over
from tests.conftest import PROJECT_ROOT
from tests.support import NOON, counting_ids


@pytest.fixture(scope="module")
def impressions() -> Sequence[Impression]:
    return load_impressions(PROJECT_ROOT / "examples")


@pytest.mark.parametrize(
    ("campaign", "clicks", "p_value", "verdict"),
    [
        ("all", (38, 42), 0.654, "continue_testing"),
        ("men", (46, 69), 0.0315, "implement"),
        ("women", (46, 46), 1.0, "continue_testing"),
    ],
)
def test_clicks_of_each_policy(
    impressions: Sequence[Impression], campaign: str, clicks: tuple[int, int], p_value: float, verdict: str
) -> None:
    new_id = counting_ids()
    requests = (EventRequest.model_validate_json(json.dumps(each)) for each in logged_events(campaign, impressions))
    lines = [request.to_event(new_id(NOON), NOON).to_line() for request in requests]
    store = InMemoryObjectStore()
    store.put("events/dt=2026-03-01/hour=12/s-1-2.ndjson.gz", gzip.compress(b"\n".join(lines)), "application/gzip")
    document: dict[str, Any] = logged_experiment(campaign) | {"created_at": NOON, "updated_at": NOON}
    experiment = Experiment.model_validate(document | {"status": "running"})
    with duckdb_over(store, memory_mb=512) as engine:
        results = analyse(experiment, engine.summarise(experiment), NOON)
    values = results.to_json()["groups"]
    assert results.experiment == experiment_name(campaign)
    assert [group["n"] for group in values.values()] == [10_000, 10_000]
    assert tuple(group["metrics"]["click_rate"]["conversions"] for group in values.values()) == clicks
    comparison = results.comparisons["bts"]["click_rate"]
    assert comparison.p_value is not None
    assert round(comparison.p_value, 3 if p_value > 0.1 else 4) == p_value
    assert (results.decision.basis, results.decision.verdict) == ("planned_horizon", verdict)
