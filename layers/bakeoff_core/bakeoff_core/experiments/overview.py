"""An experiment at a glance: the few figures of its latest look that a list of experiments shows."""

from datetime import date
from typing import Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, NonNegativeInt

from bakeoff_core.experiments.metrics import Direction, MetricKind
from bakeoff_core.validation import Name

Interval: TypeAlias = tuple[float, float]
SampleRatioState: TypeAlias = Literal["as_configured", "mismatch", "unknown"]

DAYS_OF_TRAFFIC = 14
"""How many days of traffic an overview holds."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


class Traffic(_Part):
    """The units that were first exposed on one day (UTC)."""

    date: date
    users: NonNegativeInt


class GroupOverview(_Part):
    """One group.

    Attributes:
        users: Units exposed.
        control: Whether the others are compared with it.
        value: Its value of the deciding metric: a rate, a mean, a ratio or a quantile.
        interval: The value's interval.
        amount: The units that converted, or the sum; a quantile has none.
    """

    users: NonNegativeInt
    control: bool
    value: float | None = None
    interval: Interval | None = None
    amount: float | None = None


class EffectOverview(_Part):
    """The difference of one group to the control on the deciding metric.

    Attributes:
        group: The group that the decision is about, or the one that is best so far.
        metric: The metric.
        kind: What the metric is, which says how its values are written.
        direction: Which way it should move.
        difference: Treatment minus control.
        interval: Its interval in the form that may decide: always-valid, unless the experiment planned otherwise.
        relative_difference: The difference over the control's value.
        relative_interval: Its interval, for one look.
    """

    group: Name
    metric: Name
    kind: MetricKind
    direction: Direction
    difference: float
    interval: Interval | None = None
    relative_difference: float | None = None
    relative_interval: Interval | None = None


class DecisionOverview(_Part):
    """What to do.

    Attributes:
        verdict: The decision: implement, reject, continue_testing, no_data or invalid.
        rule: The rule that decided.
        group: The group that it is about.
        headline: The decision in a sentence, with its figures.
        next_step: The first thing to do now.
        more_users: Of an undecided experiment, the users that it still takes.
        more_days: How long they take to come.
    """

    verdict: str
    rule: str
    group: Name | None = None
    headline: str
    next_step: str | None = None
    more_users: NonNegativeInt | None = None
    more_days: NonNegativeInt | None = None


class ModelOverview(_Part):
    """One model version in one group; None for units outside the experiment."""

    group: Name | None
    model_name: Name
    model_version: Name
    predictions: NonNegativeInt
    fallbacks: NonNegativeInt
    p95_ms: float | None = None
    drift: str | None = None


class Overview(_Part):
    """What the latest look at an experiment came to.

    Attributes:
        experiment: Its name.
        config_version: The configuration that was looked at.
        computed_at: When.
        users: Units in all groups.
        groups: By group name, in the order of the configuration.
        traffic: The last days on which units came, in order.
        last_exposure: When the last unit came.
        decision: What to do.
        effect: On the deciding metric; None without a comparison.
        sample_ratio: Whether the groups got the units that were configured.
        sample_ratio_p_value: How surprising their numbers are if so.
        crossovers: Units seen in two groups.
        planned_users: The units that the experiment plans to see.
        models: What its models did.
        report_id: The latest dated report.
    """

    experiment: Name
    config_version: int
    computed_at: AwareDatetime
    users: NonNegativeInt
    groups: dict[str, GroupOverview]
    traffic: tuple[Traffic, ...] = ()
    last_exposure: AwareDatetime | None = None
    decision: DecisionOverview
    effect: EffectOverview | None = None
    sample_ratio: SampleRatioState = "unknown"
    sample_ratio_p_value: float | None = None
    crossovers: NonNegativeInt = 0
    planned_users: NonNegativeInt | None = None
    models: tuple[ModelOverview, ...] = ()
    report_id: Name | None = None
