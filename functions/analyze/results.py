"""What an analysis comes to, in the shape of the JSON that callers and reports read."""

from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bakeoff_core.experiments.metrics import Direction, Metric, Role
from bakeoff_core.experiments.model import Status
from model_results import ModelResult

Verdict: TypeAlias = Literal["implement", "reject", "continue_testing", "no_data", "invalid"]
Basis: TypeAlias = Literal["always_valid", "planned_horizon"]
Interval: TypeAlias = tuple[float, float]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Window(_Document):
    """Which exposures count, and when they happened."""

    start: AwareDatetime | None
    end: AwareDatetime | None
    config_version: int
    first_exposure: AwareDatetime | None
    last_exposure: AwareDatetime | None


class ConversionValue(_Document):
    """A conversion metric in one group; the interval is Wilson's."""

    kind: Literal["conversion"] = "conversion"
    conversions: int
    rate: float | None
    interval: Interval | None


class MeanValue(_Document):
    """A mean metric in one group; the interval is Student's."""

    kind: Literal["mean"] = "mean"
    sum: float
    mean: float | None
    sd: float | None
    interval: Interval | None


Value: TypeAlias = Annotated[ConversionValue | MeanValue, Field(discriminator="kind")]


class DayPoint(_Document):
    """One day (UTC): new users, and first conversions or the day's sum on the primary metric."""

    date: date
    users: int
    value: float


class GroupResult(_Document):
    """One group: its users, and what they did."""

    n: int
    control: bool
    configured_share: float
    metrics: dict[str, Value]
    daily: tuple[DayPoint, ...]


class SampleRatioResult(_Document):
    """Whether the groups got the users that were configured."""

    statistic: float | None
    p_value: float | None
    alarm: bool
    reason: str | None = None


class AlwaysValid(_Document):
    """The difference in a form that may be looked at as often as one likes."""

    interval: Interval
    p_value: float
    adjusted_p_value: float
    method: str


class EffectSize(_Document):
    """A standardised effect size."""

    name: Literal["Cohen's h", "Cohen's d"]
    value: float


class Comparison(_Document):
    """One treatment group against the control on one metric.

    Attributes:
        role: Of the metric.
        direction: Which way the metric should move.
        control: The control's rate or mean.
        treatment: The treatment's rate or mean.
        difference: Treatment minus control.
        interval: Its 95 % interval.
        p_value: Two-sided, for one look at the planned end.
        adjusted_p_value: The same, corrected for its family.
        adjustment: How it was corrected.
        relative_difference: The difference over the control's value.
        relative_interval: Its 95 % interval.
        method: Test and interval of the difference.
        relative_method: How the relative interval was made.
        effect_size: Cohen's h for conversions, Cohen's d for means.
        always_valid: The difference for any number of looks.
        reason: Why there is no difference, or no relative one.
    """

    role: Role
    direction: Direction
    control: float | None
    treatment: float | None
    difference: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    adjustment: Literal["Holm", "Benjamini-Hochberg", "none"]
    relative_difference: float | None = None
    relative_interval: Interval | None = None
    method: str | None = None
    relative_method: str | None = None
    effect_size: EffectSize | None = None
    always_valid: AlwaysValid | None = None
    reason: str | None = None


class Decision(_Document):
    """What to do, and which rule says so.

    Attributes:
        verdict: The decision.
        rule: The name of the rule that decided.
        basis: Which p-values and intervals it rests on.
        group: The group that it is about.
        metric: The metric that decided.
        expected_improvement: The difference on that metric, above 0 where the group is better.
        interval: Its interval, likewise turned.
        relative_improvement: The relative difference, likewise turned.
        explanation: The rule in a sentence, with the figures that met it.
        next_steps: What to do now.
    """

    verdict: Verdict
    rule: str
    basis: Basis
    group: str | None = None
    metric: str | None = None
    expected_improvement: float | None = None
    interval: Interval | None = None
    relative_improvement: float | None = None
    explanation: str
    next_steps: tuple[str, ...]


class Quality(_Document):
    """What was odd about the events; engine.summary.DataQuality says what each count means."""

    duplicate_events: int
    events_before_exposure: int
    events_of_unexposed_users: int
    unknown_group_exposures: int
    exposures_outside_window: int
    forced_units: int
    unusable_values: int
    unreadable_lines: int
    unreadable_objects: tuple[str, ...]


class Results(_Document):
    """One experiment's results at one moment."""

    experiment: str
    description: str
    hypotheses: tuple[str, ...]
    status: Status
    computed_at: AwareDatetime
    window: Window
    metrics: tuple[Metric, ...]
    groups: dict[str, GroupResult]
    sample_ratio: SampleRatioResult
    crossovers: int
    comparisons: dict[str, dict[str, Comparison]]
    decision: Decision
    data_quality: Quality
    models: tuple[ModelResult, ...] = ()

    @property
    def n(self) -> int:
        """Users in all groups."""
        return sum(group.n for group in self.groups.values())

    @property
    def primary_metric(self) -> Metric | None:
        """The metric that decides."""
        return next((metric for metric in self.metrics if metric.role == "primary"), None)

    @property
    def control(self) -> str:
        """The name of the control group."""
        return next(name for name, group in self.groups.items() if group.control)

    def to_json(self) -> dict[str, Any]:
        """Write the results as a JSON document."""
        return self.model_dump(mode="json")
