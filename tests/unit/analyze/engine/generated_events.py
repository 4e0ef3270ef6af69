"""Events of all sorts for one experiment with every kind of metric, drawn by Hypothesis."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from bakeoff_core.events.model import Event
from bakeoff_core.events.types import EXPOSURE_TYPES
from bakeoff_core.experiments.model import Experiment
from tests.support import NOON, experiment

GROUPS = ("control", "treatment")
START, END = NOON + timedelta(hours=2), NOON + timedelta(hours=80)
AS_OF = NOON + timedelta(hours=85)

METRICS: list[Any] = [
    "click_rate",
    "revenue",
    {"name": "soon", "kind": "conversion", "event_type": "click", "window_hours": 30, "covariate": {"days": 1}},
    {"name": "cut", "kind": "mean", "field": "revenue", "winsorize": {"quantile": 0.8}, "covariate": {"days": 0.5}},
    {"name": "capped", "kind": "mean", "event_type": "revenue", "winsorize": {"cap": 20}, "window_hours": 48},
    {
        "name": "clicks",
        "kind": "count",
        "event_type": "click",
        "winsorize": {"quantile": 0.5},
        "covariate": {"days": 3, "amount": {"event_type": "revenue"}},
    },
    {
        "name": "per_click",
        "kind": "ratio",
        "event_type": "revenue",
        "denominator": {"aggregate": "count", "event_type": "click"},
    },
    {
        "name": "clicks_per_visitor",
        "kind": "ratio",
        "aggregate": "count",
        "event_type": "click",
        "denominator": {"aggregate": "any"},
        "window_hours": 40,
    },
    {"name": "median", "kind": "quantile", "field": "revenue", "quantile": 0.5},
    {"name": "upper", "kind": "quantile", "aggregate": "count", "event_type": "visit", "quantile": 0.9},
    {"name": "back", "kind": "retention", "retention_day": 1, "retention_days": 1.5},
    {"name": "clicked_again", "kind": "retention", "event_type": "click", "retention_day": 0.5},
]
EXPERIMENT = experiment(
    start_time=START,
    end_time=END,
    config_version=2,
    metrics=METRICS,
    analysis={"segments": ["country", "plan", "a.b \"c'd"]},
)


def with_primary(name: str, **changes: Any) -> Experiment:
    """The same experiment with another metric as the one that decides."""
    metrics = [
        metric.model_dump() | {"role": "primary" if metric.name == name else "secondary"}
        for metric in EXPERIMENT.metrics
    ]
    return Experiment.model_validate(EXPERIMENT.model_dump() | {"metrics": metrics} | changes)


@st.composite
def primaries(draw: st.DrawFn) -> Experiment:
    """Draw which metric decides, and whether at planned looks."""
    name = draw(st.sampled_from([metric.name for metric in EXPERIMENT.metrics]))
    looks = draw(st.none() | st.integers(1, 6))
    plan = {} if looks is None else {"inference": "group_sequential", "planned_looks": looks}
    return with_primary(name, analysis=EXPERIMENT.analysis.model_dump() | plan)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Draw one event."""
    moment: datetime = NOON + timedelta(minutes=draw(st.integers(0, 4 * 24 * 60)))
    event_type = draw(st.sampled_from(["exposure", "exposure", "assignment", "click", "revenue", "visit"]))
    exposed = event_type in EXPOSURE_TYPES
    metadata: dict[str, Any] = draw(
        st.sampled_from([{}, {"revenue": 2}, {"revenue": "3"}, {"revenue": True}, {"revenue": 1.5}])
    )
    if exposed:
        moment = draw(st.sampled_from([moment, NOON + timedelta(hours=3, seconds=draw(st.integers(0, 9)))]))
        metadata = metadata | draw(
            st.sampled_from(
                [
                    {},
                    {"reason": "split", "context": {"country": "DE", "a.b \"c'd": 1}},
                    {"context": {"country": "AT", "plan": None}, "plan": "free"},
                    {"country": True, "context": {"country": ["DE"]}},
                    {"plan": "paid", "context": 3},
                    {"reason": "forced"} if draw(st.integers(0, 3)) == 0 else {},
                ]
            )
        )
    return Event(
        event_id=f"e{draw(st.integers(0, 60))}",
        event_type=event_type,
        user_id=f"u{draw(st.integers(0, 7))}",
        timestamp=moment,
        received_at=moment + timedelta(microseconds=draw(st.integers(0, 10**10))),
        event_value=draw(st.none() | st.integers(-5, 50).map(float) | st.just(1e60)),
        experiment_name=draw(st.sampled_from(["checkout_button", "checkout_button", "another"]))
        if exposed or draw(st.booleans())
        else None,
        group_name=draw(st.sampled_from([*GROUPS, *GROUPS, *GROUPS, "no_such_group"])) if exposed else None,
        config_version=draw(st.sampled_from([None, 1, 2, 2, 2])) if exposed else None,
        metadata=metadata,
    )


def event_lists() -> st.SearchStrategy[list[Event]]:
    """Draw lists in which it is never open what came first: not the arrival of an id, nor what a unit met."""
    return st.lists(
        events(),
        min_size=20,
        max_size=70,
        unique_by=(lambda event: (event.event_id, event.received_at), lambda event: (event.user_id, event.timestamp)),
    )
