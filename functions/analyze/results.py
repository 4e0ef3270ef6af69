"""What an analysis comes to, in the shape of the JSON that callers and reports read."""

from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from bakeoff_core.experiments.analysis_plan import AnalysisPlan
from bakeoff_core.experiments.metrics import Alternative, Direction, Metric, Role
from bakeoff_core.experiments.model import Status
from model_documents import ModelResult

Verdict: TypeAlias = Literal["implement", "reject", "continue_testing", "no_data", "invalid"]
Basis: TypeAlias = Literal["always_valid", "planned_horizon", "group_sequential"]
Interval: TypeAlias = tuple[float, float]


class _Document(BaseModel):
    # The validator of the results holds those of their parts.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class Window(_Document):
    """Which exposures count, and when they happened.

    Attributes:
        first_exposure: When the first user came.
        last_exposure: When the last new one came.
        last_seen: When some user, new or not, met the experiment last.
    """

    start: AwareDatetime | None
    end: AwareDatetime | None
    config_version: int
    first_exposure: AwareDatetime | None
    last_exposure: AwareDatetime | None
    last_seen: AwareDatetime | None = None


class ConversionValue(_Document):
    """A conversion or retention in one group; the interval is Wilson's.

    Attributes:
        n: Units that are part of the metric.
        waiting: Units that are not yet, since the hours of the metric are not over for them.
    """

    kind: Literal["conversion", "retention"] = "conversion"
    n: int
    waiting: int = 0
    conversions: int
    rate: float | None
    interval: Interval | None

    @property
    def estimate(self) -> float | None:
        """The rate."""
        return self.rate

    @property
    def amount(self) -> float:
        """The units that converted."""
        return self.conversions


class MeanValue(_Document):
    """A mean or count in one group, cut off where the metric is winsorised; the interval is Student's.

    Attributes:
        n: Units that are part of the metric.
        waiting: Units that are not yet, since the hours of the metric are not over for them.
        cap: Where values were cut off.
        uncut_mean: The mean without cutting off.
    """

    kind: Literal["mean", "count"] = "mean"
    n: int
    waiting: int = 0
    sum: float
    mean: float | None
    sd: float | None
    interval: Interval | None
    cap: float | None = None
    uncut_mean: float | None = None

    @property
    def estimate(self) -> float | None:
        """The mean."""
        return self.mean

    @property
    def amount(self) -> float:
        """The sum."""
        return self.sum


class RatioValue(_Document):
    """A ratio of two totals in one group; the interval is Student's on the delta method's variance."""

    kind: Literal["ratio"] = "ratio"
    n: int
    waiting: int = 0
    numerator: float
    denominator: float
    ratio: float | None
    interval: Interval | None

    @property
    def estimate(self) -> float | None:
        """The ratio."""
        return self.ratio

    @property
    def amount(self) -> float:
        """The numerator's total."""
        return self.numerator


class QuantileValue(_Document):
    """A quantile in one group; the interval is one of order statistics."""

    kind: Literal["quantile"] = "quantile"
    n: int
    waiting: int = 0
    level: float
    value: float | None
    interval: Interval | None

    @property
    def estimate(self) -> float | None:
        """The quantile."""
        return self.value

    @property
    def amount(self) -> float | None:
        """A quantile adds up to nothing."""
        return None


Value: TypeAlias = Annotated[ConversionValue | MeanValue | RatioValue | QuantileValue, Field(discriminator="kind")]


class DayPoint(_Document):
    """One day (UTC): new users, and first conversions or the day's sum on the primary metric."""

    date: date
    users: int
    value: float


class Distribution(_Document):
    """How the values of a group's users are spread; the edges are the same for all groups of an experiment.

    Attributes:
        edges: Of the bins, rising, one more than there are bins. A bin holds the values from its lower edge to
            just under its upper one; the last bin holds its upper edge too.
        counts: Users by bin.
        below: Users with a value under the first edge.
        above: Users with a value over the last edge.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0

    @property
    def n(self) -> int:
        """Users in all."""
        return sum(self.counts) + self.below + self.above


class GroupResult(_Document):
    """One group: its users, and what they did.

    Attributes:
        n: Users.
        control: Whether the others are compared with it.
        configured_share: The share of the users that it should have; of a bandit, by the weights that were in
            force for each of them.
        metrics: Its values, by metric name; a bandit's are not weighted, its comparisons are.
        daily: Days, in order.
        distributions: Of means, counts, ratios and quantiles, by metric name: how its users' values are spread.
    """

    n: int
    control: bool
    configured_share: float
    metrics: dict[str, Value]
    daily: tuple[DayPoint, ...]
    distributions: dict[str, Distribution] = Field(default={})


class SampleRatioResult(_Document):
    """Whether the groups got the users that were configured."""

    statistic: float | None
    p_value: float | None
    alarm: bool
    reason: str | None = None


class AlwaysValid(_Document):
    """The difference in a form that may be looked at as often as one likes.

    Attributes:
        interval: At the experiment's confidence level, for this comparison alone.
        p_value: For this comparison alone.
        adjusted_p_value: Corrected for its family.
        adjusted_interval: Widened as its family is corrected: of a two-sided test it excludes 0 just where the
            adjusted p-value decides.
        method: What it is called.
    """

    interval: Interval
    p_value: float
    adjusted_p_value: float
    adjusted_interval: Interval | None = None
    method: str


class PlannedLook(_Document):
    """The difference at a look of a group-sequential test.

    Attributes:
        look: Which of the planned looks, from 1.
        boundary: What |z| must reach at it, for one comparison alone.
        interval: The repeated interval, which holds at all looks together.
        p_value: The smallest alpha at which the look would have crossed its boundary.
        adjusted_p_value: The same, corrected for its family.
        adjusted_interval: The repeated interval, widened as its family is corrected.
        method: What it is called.
    """

    look: int
    boundary: float
    interval: Interval
    p_value: float
    adjusted_p_value: float
    adjusted_interval: Interval | None = None
    method: str


class Bayesian(_Document):
    """What is believed of the difference after the data.

    Attributes:
        probability_to_beat_control: In the direction in which the metric should move.
        expected_loss: What choosing the treatment costs on average, in the metric's unit.
        expected_loss_of_control: What keeping the control costs on average.
        interval: Equal-tailed credible interval of the difference.
        method: Distribution and how it was evaluated.
    """

    probability_to_beat_control: float
    expected_loss: float
    expected_loss_of_control: float
    interval: Interval
    method: str


class Plain(_Document):
    """The same comparison without something that was done to it."""

    control: float | None
    treatment: float | None
    difference: float | None = None
    interval: Interval | None = None
    p_value: float | None = None


class CovariateAdjustment(_Document):
    """What a covariate did to a comparison.

    Attributes:
        theta: What a value was lowered by for each unit of the covariate above its mean.
        variance_reduction: The share of the difference's variance that it took away.
        unadjusted: The comparison without it.
    """

    theta: float
    variance_reduction: float | None
    unadjusted: Plain


class EffectSize(_Document):
    """A standardised effect size."""

    name: Literal["Cohen's h", "Cohen's d"]
    value: float


class Comparison(_Document):
    """One treatment group against the control on one metric.

    Attributes:
        role: Of the metric.
        direction: Which way the metric should move.
        alternative: Of the tests: two-sided, or one-sided for better or for worse.
        control: The control's value; with a covariate, the adjusted mean.
        treatment: The treatment's value, likewise.
        difference: Treatment minus control.
        interval: Its interval at the experiment's confidence level.
        p_value: For one look at the planned end.
        adjusted_p_value: The same, corrected for its family.
        adjusted_interval: The interval, widened as its family is corrected.
        adjustment: How it was corrected.
        relative_difference: The difference over the control's value.
        relative_interval: Its interval.
        method: Test and interval of the difference.
        relative_method: How the relative interval was made.
        effect_size: Cohen's h for conversions, Cohen's d for means.
        always_valid: The difference for any number of looks.
        always_valid_interval: Its interval.
        group_sequential: The difference for planned looks, where the experiment plans them.
        bayesian: The same in terms of belief.
        covariate: With a covariate, what it did.
        uncut: Of a winsorised metric, the comparison without cutting off.
        reason: Why there is no difference, or no relative one.
    """

    role: Role
    direction: Direction
    alternative: Alternative = "two_sided"
    control: float | None
    treatment: float | None
    difference: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    adjusted_interval: Interval | None = None
    adjustment: Literal["Holm", "Benjamini-Hochberg", "none"]
    relative_difference: float | None = None
    relative_interval: Interval | None = None
    method: str | None = None
    relative_method: str | None = None
    effect_size: EffectSize | None = None
    always_valid: AlwaysValid | None = None
    always_valid_interval: Interval | None = None
    group_sequential: PlannedLook | None = None
    bayesian: Bayesian | None = None
    covariate: CovariateAdjustment | None = None
    uncut: Plain | None = None
    reason: str | None = None


class StillNeeded(_Document):
    """How far an undecided experiment is from being able to decide.

    Attributes:
        effect: The difference that is to be found: the metric's minimum effect, or the one seen so far.
        users: Users in all groups with whom it is found with the plan's power.
        more_users: Of them, those still to come.
        days: How long they take at the rate at which users came so far.
        reason: Why there are no such numbers.
    """

    effect: float | None = None
    users: int | None = None
    more_users: int | None = None
    days: int | None = None
    reason: str | None = None


class RuleOutcome(_Document):
    """One line of the table of rules: what it asks, what it would decide, and whether it did."""

    rule: str
    asks: str
    verdict: Verdict
    applied: Literal["decides", "does not apply", "not reached"]


class Decision(_Document):
    """What to do, and which rule says so.

    Attributes:
        verdict: The decision.
        rule: The name of the rule that decided.
        basis: Which p-values and intervals it rests on.
        group: The group that it is about.
        metric: The metric that decided.
        expected_improvement: The difference on that metric, above 0 where the group is better.
        interval: Its interval, likewise turned, and widened as its family is corrected.
        relative_improvement: The relative difference, likewise turned.
        explanation: The rule in a sentence, with the figures that met it.
        next_steps: What to do now.
        still_needed: Of an undecided experiment, how many more users and days it takes.
        rules: The whole table in its order; the first rule that applies decides.
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
    still_needed: StillNeeded | None = None
    rules: tuple[RuleOutcome, ...] = ()


class Effect(_Document):
    """A difference in a part of the data.

    Attributes:
        control_n: Units of the control in this part.
        treatment_n: Units of the treatment in it.
        reason: Why there is no difference.
    """

    control_n: int
    treatment_n: int
    difference: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    reason: str | None = None


class SegmentEffect(Effect):
    """The effect on the units with one value of a segment; p-values are adjusted over all segments of a metric."""

    segment: str
    value: str
    group: str
    metric: str
    adjusted_p_value: float | None = None


class SegmentTest(_Document):
    """Whether a treatment's effect on a metric differs between a segment's values (Cochran's Q)."""

    segment: str
    group: str
    metric: str
    statistic: float | None
    p_value: float | None
    reason: str | None = None


class Segments(_Document):
    """The results by the values of attributes."""

    effects: tuple[SegmentEffect, ...] = ()
    heterogeneity: tuple[SegmentTest, ...] = ()


class TrendResult(_Document):
    """The least-squares slope of a daily value."""

    slope: float | None = None
    standard_error: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    direction: Literal["up", "down", "no trend"] = "no trend"
    reason: str | None = None


class WeekEffect(Effect):
    """The effect on the units that were first exposed in one week, which begins on a Monday (UTC)."""

    week: date


class LeftOutDay(Effect):
    """The effect without the units that were first exposed on one day (UTC)."""

    date: date


class DaySinceExposure(Effect):
    """The effect on what units did within one day of their own after first exposure, the first being 0."""

    day: int


class Sensitivity(_Document):
    """How much one treatment's effect on the primary metric depends on when units came, and for how long they were in.

    Attributes:
        weeks: By the week of first exposure.
        without_day: With one day left out at a time.
        depends_on_a_day: Whether leaving out some day makes a significant effect insignificant, or the reverse.
        since_exposure: By days since first exposure.
        novelty: The trend of that: an effect that wears off, or one that has to be learned.
        novelty_finding: "wears off", "grows" or "no trend".
        cohort_trend: The trend of the effect by day of first exposure.
    """

    weeks: tuple[WeekEffect, ...]
    without_day: tuple[LeftOutDay, ...]
    depends_on_a_day: bool
    since_exposure: tuple[DaySinceExposure, ...]
    novelty: TrendResult
    novelty_finding: Literal["wears off", "grows", "no trend"]
    cohort_trend: TrendResult


class OmnibusResult(_Document):
    """Whether any group's rate differs from the others', where there are more than two groups."""

    statistic: float | None = None
    degrees_of_freedom: int | None = None
    p_value: float | None = None
    method: str | None = None
    reason: str | None = None


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
    late_events: int = 0


class EffectPoint(_Document):
    """How one treatment stood against the control on the primary metric at one moment.

    Attributes:
        date: The day (UTC) at whose end it was, or on which the planned look or the analysis was.
        at: The moment: only what happened before it counts.
        control_n: Units of the control that were part of the metric by then.
        treatment_n: Units of the treatment, likewise.
        control: The control's value.
        treatment: The treatment's value.
        difference: Treatment minus control.
        interval: Of a group-sequential test the repeated interval, else that of the confidence sequence; widened as
            the treatments' family is corrected.
        boundary: The size of a difference that decides at that moment, given how the other treatments stood; None
            where none would, as in a fixed horizon.
        reason: Why there is no difference, or no interval.
    """

    date: date
    at: AwareDatetime
    control_n: int
    treatment_n: int
    control: float | None = None
    treatment: float | None = None
    difference: float | None = None
    interval: Interval | None = None
    boundary: float | None = None
    reason: str | None = None


class EpochPoint(_Document):
    """The weights of a bandit's groups from one moment on.

    Attributes:
        number: Counts the epochs from 1.
        computed_at: When the weights were computed.
        weights: By group name, the probability that it gives a new user.
        exposures: By group name, the users until then.
        rewards: By group name, the users of those that were rewarded.
    """

    number: int
    computed_at: AwareDatetime
    weights: dict[str, float]
    exposures: dict[str, int]
    rewards: dict[str, int]


class Detectable(_Document):
    """What the users of a treatment and the control can show of the primary metric, by the inference in use.

    Attributes:
        effect: The smallest difference that they show with the plan's power.
        relative: That over the control's value.
        power: The probability with which they show the metric's minimum effect; none where it names none.
        reason: Why there are no such numbers.
    """

    effect: float | None = None
    relative: float | None = None
    power: float | None = None
    reason: str | None = None


class PlanProgress(_Document):
    """How far an experiment is with its plan.

    Attributes:
        users: Users so far, in all groups.
        needed: Users that the plan asks for, in all groups.
        share: How much of the plan is done, from 0 to 1: of the users, or of the planned time.
        by: What the plan is: a number of users, an end, or as many users as the wanted power takes.
        reason: Why there is no such number.
    """

    users: int
    needed: int | None = None
    share: float | None = None
    by: Literal["planned_sample_size", "end_time", "power"] | None = None
    reason: str | None = None


class HistoryChange(_Document):
    """One field of a configuration before and after a change."""

    field: str
    before: JsonValue = None
    after: JsonValue = None


class HistoryEntry(_Document):
    """One change of an experiment.

    Attributes:
        version: Of the configuration after it, counting writes.
        action: What was done, such as create or start.
        actor: Who did it.
        at: When.
        changes: The fields that it changed.
        evidence: The figures for which it was done, where it was done by itself.
    """

    version: int
    action: str
    actor: str
    at: AwareDatetime
    changes: tuple[HistoryChange, ...] = ()
    evidence: dict[str, JsonValue] | None = None


class AlertResult(_Document):
    """One alert of an experiment."""

    kind: str
    message: str
    opened_at: AwareDatetime
    status: Literal["open", "recovered"]
    acknowledged: bool = False


class Results(_Document):
    """One experiment's results at one moment.

    Attributes:
        as_of: Events from before this moment count: `computed_at`, or the last planned look.
        analysis: How it is judged, as the experiment declared.
        omnibus: By conversion metric, all groups at once.
        trends: By group, the trend of the primary metric by day of first exposure.
        sensitivity: By treatment group, of the primary metric.
        timeline: By treatment group: the effect on the primary metric as it stood at the end of each day (UTC) on
            which anything changed, the last one as of now; of a group-sequential test, at its looks.
        epochs: A bandit's weights over time.
        plan: How far the experiment is with its plan.
        detectable: By treatment group: what its users and the control's can show of the primary metric.
        history: The changes of its configuration, oldest first.
        alerts: What was found wrong with it, newest first.
    """

    experiment: str
    description: str
    hypotheses: tuple[str, ...]
    status: Status
    computed_at: AwareDatetime
    as_of: AwareDatetime
    window: Window
    analysis: AnalysisPlan
    metrics: tuple[Metric, ...]
    groups: dict[str, GroupResult]
    sample_ratio: SampleRatioResult
    crossovers: int
    comparisons: dict[str, dict[str, Comparison]]
    decision: Decision
    omnibus: dict[str, OmnibusResult] = Field(default={})
    trends: dict[str, TrendResult] = Field(default={})
    sensitivity: dict[str, Sensitivity] = Field(default={})
    segments: Segments = Segments()
    data_quality: Quality
    models: tuple[ModelResult, ...] = ()
    timeline: dict[str, tuple[EffectPoint, ...]] = Field(default={})
    epochs: tuple[EpochPoint, ...] = ()
    plan: PlanProgress | None = None
    detectable: dict[str, Detectable] = Field(default={})
    history: tuple[HistoryEntry, ...] = ()
    alerts: tuple[AlertResult, ...] = ()

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
