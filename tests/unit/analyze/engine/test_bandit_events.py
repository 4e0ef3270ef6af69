"""What the engine makes of a bandit's events: counts for its weights, and sums that undo them."""

import gzip
import json
from collections.abc import Callable
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bakeoff_core.experiments.model import Experiment
from bakeoff_core.lake.files import EventFiles
from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.duckdb_engine import DuckDBEngine
from stats.inverse_propensity import PropensityMoments
from stats.thompson import ArmCounts

START = datetime(2026, 1, 10, tzinfo=UTC)
Line = dict[str, Any]


def bandit(**changes: object) -> Experiment:
    document: dict[str, object] = {
        "name": "checkout",
        "start_time": START,
        "groups": [{"name": "a.1", "weight": 0.75}, {"name": "b", "weight": 0.25}],
        "metrics": ["click_rate", "revenue"],
        "assignment_algorithm": "bandit",
        "bandit": {"attribution_window_hours": 2},
        "status": "running",
        "created_at": START,
        "updated_at": START,
    }
    return Experiment.model_validate(document | changes)


_numbers = iter(range(10**9))


def event(user: str, event_type: str, hour: float, **fields: object) -> Line:
    at = (START + timedelta(hours=hour)).isoformat()
    made = {"event_id": f"e{next(_numbers)}", "event_type": event_type, "user_id": user}
    return made | {"timestamp": at, "received_at": at} | fields


def exposure(user: str, group: str, hour: float, weights: dict[str, float] | None, **fields: object) -> Line:
    recorded = {} if weights is None else {"propensity": weights[group], "metadata": {"weights": weights}}
    named = {"experiment_name": "checkout", "config_version": 1, "group_name": group}
    return event(user, "exposure", hour, **named) | recorded | fields


@pytest.fixture
def engine_over(tmp_path: Path) -> Callable[..., DuckDBEngine]:
    def make(*lines: Line) -> DuckDBEngine:
        store = InMemoryObjectStore()
        if lines:
            body = gzip.compress("".join(f"{json.dumps(line)}\n" for line in lines).encode())
            store.put("events/dt=2026-01-10/hour=00/shard-1-9.ndjson.gz", body, "application/gzip")
        return DuckDBEngine(EventFiles(store, tmp_path), memory_limit_mb=256)

    return make


def test_arms_count_units_matured_units_and_rewards_within_the_window(engine_over: Callable[..., DuckDBEngine]) -> None:
    engine = engine_over(
        exposure("early", "a.1", 0, None),
        exposure("early", "a.1", 3, None),
        event("early", "click", 0.5),
        event("early", "click", 0.6),
        exposure("slow", "a.1", 0, None),
        event("slow", "click", 2),  # its window is over at this very moment
        exposure("eager", "a.1", 1, None),
        event("eager", "click", 0.5),  # before it was exposed
        exposure("pending", "b", 3, None),
        event("pending", "click", 3.5),  # rewarded, but counted once its window is over
        exposure("both", "a.1", 0, None),
        exposure("both", "b", 0.1, None),
        event("stranger", "click", 1),
    )
    at = START + timedelta(hours=4)
    assert engine.count_arms(bandit(), at) == {"a.1": ArmCounts(3, 3, 1), "b": ArmCounts(1, 0, 0)}
    later = START + timedelta(hours=5)
    assert engine.count_arms(bandit(), later)["b"] == ArmCounts(1, 1, 1)


def test_the_window_and_the_reward_are_configured(engine_over: Callable[..., DuckDBEngine]) -> None:
    engine = engine_over(exposure("u", "b", 0, None), event("u", "click", 2.5), event("u", "buy", 0.5))
    at = START + timedelta(hours=4)
    longer = bandit(bandit={"attribution_window_hours": 3})
    bought = bandit(metrics=["click_rate", "buy_rate"], bandit={"attribution_window_hours": 2, "reward": "buy_rate"})
    assert [engine.count_arms(each, at)["b"].rewards for each in (bandit(), longer, bought)] == [0, 1, 1]


def test_without_events_every_arm_is_there(engine_over: Callable[..., DuckDBEngine]) -> None:
    assert engine_over().count_arms(bandit(), START) == {"a.1": ArmCounts(0, 0, 0), "b": ArmCounts(0, 0, 0)}


def test_arms_are_a_bandits(engine_over: Callable[..., DuckDBEngine]) -> None:
    with pytest.raises(TypeError, match="checkout is no bandit"):
        engine_over().count_arms(bandit(assignment_algorithm="random", bandit=None), START)


def test_units_are_weighted_by_the_propensity_of_their_first_exposure(
    engine_over: Callable[..., DuckDBEngine],
) -> None:
    even, learnt = {"a.1": 0.5, "b": 0.5}, {"a.1": 0.2, "b": 0.8}
    summary = engine_over(
        exposure("u1", "a.1", 0, even),
        exposure("u1", "a.1", 5, learnt),
        event("u1", "click", 1),
        event("u1", "revenue", 1, event_value=10),
        exposure("u2", "a.1", 4, learnt),
        event("u2", "revenue", 5, event_value=4),
        exposure("u3", "b", 4, learnt),
        event("u3", "click", 5),
        exposure("elsewhere", "b", 4, None),
    ).summarise(bandit())
    clicks = {group: each.metrics["click_rate"] for group, each in summary.propensities.items()}
    assert clicks["a.1"] == PropensityMoments.of([(1, 0.5), (0, 0.2)])
    assert clicks["b"] == PropensityMoments.of([(1, 0.8), (0, 0.25)])
    revenue = summary.propensities["a.1"].metrics["revenue"]
    assert revenue == PropensityMoments.of([(10, 0.5), (4, 0.2)])
    # Two units by the recorded weights of their own time, two of them by `learnt`, one by the configured shares.
    assert summary.propensities["a.1"].expected == pytest.approx(0.5 + 0.2 + 0.2 + 0.75)
    assert summary.propensities["b"].expected == pytest.approx(0.5 + 0.8 + 0.8 + 0.25)


REVENUE: dict[str, object] = {"name": "revenue", "kind": "mean", "event_type": "revenue"}


@pytest.mark.parametrize(
    ("metric", "hours", "cap"),
    [
        ("click_rate", None, None),
        (REVENUE, None, None),
        (REVENUE | {"winsorize": {"cap": 12}}, None, 12),
        (REVENUE | {"winsorize": {"cap": -1}}, None, -1),
        (REVENUE | {"window_hours": 30}, 30, None),
    ],
)
def test_weighted_sums_stood_at_the_end_of_each_day_as_they_would_have_then(
    engine_over: Callable[..., DuckDBEngine], metric: Any, hours: float | None, cap: float | None
) -> None:
    draw = Random(5)  # noqa: S311 - test data
    units = [(f"u{n}", draw.choice(["a.1", "b"]), draw.uniform(0, 80), draw.uniform(0.05, 0.95)) for n in range(60)]
    done = [(user, at + draw.uniform(0, 90), draw.randint(-3, 9)) for user, _, at, _ in units for _ in range(3)]
    lines = [exposure(user, group, at, {group: p}) for user, group, at, p in units]
    lines += [event(user, kind, at, event_value=value) for user, at, value in done for kind in ("click", "revenue")]
    summary = engine_over(*lines).summarise(
        bandit(
            metrics=[metric] if metric == "click_rate" else [metric | {"role": "primary"}, "click_rate"],
            bandit={"reward": "click_rate"},
        ),
        START + timedelta(hours=100),
    )

    def value(user: str, entered: float, moment: float) -> float:
        until = moment if hours is None else entered + hours
        values = [value for name, at, value in done if name == user and at < until]
        total = float(bool(values)) if metric == "click_rate" else float(sum(values))
        return total if cap is None else min(total, cap)

    for group in ("a.1", "b"):
        timeline = summary.propensities[group].timeline
        ends = [(moment - START) / timedelta(hours=1) for moment in timeline]
        assert ends in ([24, 48, 72, 96], [24, 48, 72, 96, 100], [48, 72, 96, 100])
        for moment, sums in timeline.items():
            by = (moment - START) / timedelta(hours=1)
            pairs = [
                (value(user, at, by), p)
                for user, of, at, p in units
                if of == group and (at < by if hours is None else at + hours <= by)
            ]
            assert astuple(sums) == pytest.approx(astuple(PropensityMoments.of(pairs)), rel=1e-9)


def test_crossovers_are_not_weighted(engine_over: Callable[..., DuckDBEngine]) -> None:
    even = {"a.1": 0.5, "b": 0.5}
    summary = engine_over(exposure("u", "a.1", 0, even), exposure("u", "b", 1, even)).summarise(bandit())
    assert [(each.metrics["click_rate"].n, each.expected) for each in summary.propensities.values()] == [(0, 0), (0, 0)]


@pytest.mark.parametrize("propensity", [0, 1.5, "much", None])
def test_a_propensity_that_is_none_gives_way_to_the_configured_share(
    engine_over: Callable[..., DuckDBEngine], propensity: object
) -> None:
    line = exposure("u", "b", 0, None, propensity=propensity, metadata={"weights": "odd"})
    summary = engine_over(line).summarise(bandit())
    assert summary.propensities["b"].metrics["click_rate"] == PropensityMoments.of([(0, 0.25)])


def test_other_algorithms_have_no_propensities(engine_over: Callable[..., DuckDBEngine]) -> None:
    line = exposure("u", "b", 0, {"a.1": 0.5, "b": 0.5})
    assert engine_over(line).summarise(bandit(assignment_algorithm="random", bandit=None)).propensities == {}
