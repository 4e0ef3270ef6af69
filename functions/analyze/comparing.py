"""One treatment against the control on one metric, whatever the metric's kind."""

from dataclasses import dataclass, field
from math import inf, isfinite, sqrt
from typing import Literal, TypeAlias

from scipy.special import stdtrit

from bakeoff_core.experiments.analysis_plan import AnalysisPlan, Prior
from bakeoff_core.experiments.metrics import Metric
from engine.summary import Statistics
from results import (
    ConversionValue,
    EffectSize,
    Interval,
    MeanValue,
    QuantileValue,
    RatioValue,
    Value,
)
from stats.bayesian import Beta, Posterior, compare_normal, compare_rates
from stats.cuped import METHOD as CUPED_METHOD
from stats.difference import Difference, Undefined
from stats.estimates import Alternative, Estimate, compare_estimates
from stats.group_sequential import LookResult, Looks, boundaries, look
from stats.inverse_propensity import PropensityMoments, hajek_difference, hajek_mean
from stats.means import Moments, cohens_d, mean_interval, welch
from stats.paired import PairedMoments
from stats.proportions import Proportion, cohens_h, compare_proportions, unpooled_standard_error, wilson
from stats.quantiles import QuantileStatistic, compare_quantiles, quantile_estimate, quantile_interval
from stats.ratios import compare_ratios, ratio_estimate
from stats.relative import fieller, relative_difference
from stats.sequential import ConfidenceSequence, confidence_sequence, sequence_boundary

Comparable: TypeAlias = Statistics | PropensityMoments | Estimate
"""Sufficient statistics of a group, or its mean with a covariate taken out."""

_ALTERNATIVES: dict[tuple[str, str], Alternative] = {
    ("better", "increase"): "greater",
    ("better", "decrease"): "less",
    ("worse", "increase"): "less",
    ("worse", "decrease"): "greater",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a comparison is made with.

    Attributes:
        level: Of all intervals.
        alternative: Of all tests.
        tuning_sample_size: Of confidence sequences.
        relative: How relative differences are bounded.
        prior: Of the Bayesian figures.
        looks: The looks of a group-sequential test so far; None where none is planned.
    """

    level: float = 0.95
    alternative: Alternative = "two_sided"
    tuning_sample_size: int = 5_000
    relative: Literal["delta", "fieller"] = "delta"
    prior: Prior = field(default_factory=Prior)
    looks: Looks | None = None

    @classmethod
    def of(cls, plan: AnalysisPlan, metric: Metric, looks: Looks | None = None) -> "Terms":
        """Take the terms from an experiment's plan and one of its metrics."""
        return cls(
            level=plan.confidence_level,
            alternative=_ALTERNATIVES.get((metric.alternative, metric.direction), "two_sided"),
            tuning_sample_size=plan.tuning_sample_size,
            relative=plan.relative_interval,
            prior=plan.prior,
            looks=looks,
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison's parts, each defined or with the reason why not."""

    absolute: Difference | Undefined
    relative: Difference | Undefined
    sequence: ConfidenceSequence | Undefined
    look: LookResult | Undefined
    posterior: Posterior | Undefined
    effect_size: EffectSize | None
    standard_error: float = 0.0


def compare(control: Comparable, treatment: Comparable, terms: Terms) -> Compared:
    """Compare two groups on a metric of the same kind in both.

    Raises:
        TypeError: The kinds differ.
    """
    absolute = difference_of(control, treatment, terms)
    c, t = estimate_of(control), estimate_of(treatment)
    if isinstance(absolute, Undefined) or isinstance(c, Undefined) or isinstance(t, Undefined):
        why = next(each for each in (absolute, c, t) if isinstance(each, Undefined))
        return Compared(why, why, why, why, why, None)
    error = absolute.standard_error or 0.0
    if isinstance(control, Proportion) and isinstance(treatment, Proportion):
        error = unpooled_standard_error(control, treatment)
    bound = {"delta": relative_difference, "fieller": fieller}[terms.relative]
    return Compared(
        absolute=absolute,
        relative=bound(c, t, level=terms.level, alternative=terms.alternative),
        sequence=confidence_sequence(
            absolute.estimate,
            error,
            c.n + t.n,
            level=terms.level,
            tuning_sample_size=terms.tuning_sample_size,
            alternative=terms.alternative,
        ),
        look=_look(absolute.estimate, error, terms),
        posterior=_posterior(control, treatment, absolute.estimate, error, terms),
        effect_size=_effect_size(control, treatment),
        standard_error=error,
    )


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference and what bounds it at one moment.

    Attributes:
        difference: Treatment minus control.
        standard_error: Its standard error.
        n: Units of both groups.
    """

    difference: float
    standard_error: float
    n: int

    def within(self, half: float) -> Interval:
        """The interval that reaches so far to both sides."""
        return self.difference - half, self.difference + half

    def always_valid_boundary(self, terms: Terms, alpha: float) -> float:
        """How far from 0 the difference has an always-valid p-value of alpha."""
        return sequence_boundary(
            self.standard_error,
            self.n,
            alpha=alpha,
            level=terms.level,
            tuning_sample_size=terms.tuning_sample_size,
            alternative=terms.alternative,
        )

    def look_boundary(self, looks: Looks, alpha: float, *, sides: int = 2) -> float:
        """How far from 0 the difference crosses the boundary of the last of the looks, whose level is alpha."""
        return boundaries(looks, alpha=alpha, sides=sides)[-1] * self.standard_error


def contrast(control: Comparable, treatment: Comparable) -> Contrast | Undefined:
    """Take the difference of two groups with its standard error; undefined as `compare` has it."""
    c, t = estimate_of(control), estimate_of(treatment)
    if isinstance(c, Undefined):
        return c
    if isinstance(t, Undefined):
        return t
    error = sqrt(c.variance / c.n + t.variance / t.n)
    if error == 0:
        return Undefined("the values do not vary in either group")
    return Contrast(t.value - c.value, error, c.n + t.n)


def difference_of(control: Comparable, treatment: Comparable, terms: Terms) -> Difference | Undefined:
    """Compare two groups by the one test that suits the metric's kind."""
    level, alternative = terms.level, terms.alternative
    match control, treatment:
        case Proportion(), Proportion():
            return compare_proportions(control, treatment, level=level, alternative=alternative)
        case Moments(), Moments():
            return welch(control, treatment, level=level, alternative=alternative)
        case PairedMoments(), PairedMoments():
            return compare_ratios(control, treatment, level=level, alternative=alternative)
        case QuantileStatistic(), QuantileStatistic():
            return compare_quantiles(control, treatment, level=level, alternative=alternative)
        case PropensityMoments(), PropensityMoments():
            return hajek_difference(control, treatment, level=level, alternative=alternative)
        case Estimate(), Estimate():
            return compare_estimates(control, treatment, level=level, alternative=alternative, method=CUPED_METHOD)
    raise TypeError("a metric is of the same kind in every group")


def estimate_of(group: Comparable) -> Estimate | Undefined:  # noqa: PLR0911 - one a kind
    """A group's value with the variance of one unit's part in it."""
    match group:
        case Estimate():
            return group
        case Proportion():
            return group.estimate if group.n else Undefined("a group has no units")
        case Moments():
            return group.estimate if group.n > 1 else Undefined("a group has fewer than two units")
        case PairedMoments():
            return ratio_estimate(group)
        case QuantileStatistic():
            return quantile_estimate(group)
        case PropensityMoments():
            weighted = hajek_mean(group)
            if isinstance(weighted, Undefined):
                return weighted
            return Estimate(weighted.estimate, weighted.variance * group.n, group.n)


def value_of(group: Comparable) -> float | None:
    """A group's value, None without units."""
    if group.n == 0:
        return None
    match group:
        case Proportion():
            return group.rate
        case Moments():
            return group.mean
        case PairedMoments():
            ratio = group.total_y / group.total_x if group.total_x else inf
            return ratio if isfinite(ratio) else None
        case PropensityMoments():
            return group.total / group.inverse
        case QuantileStatistic() | Estimate():
            return group.value


def describe(metric: Metric, statistics: Statistics, *, level: float, waiting: int = 0) -> Value:
    """A group's value with its interval."""
    match statistics:
        case Proportion():
            return ConversionValue(
                kind="retention" if metric.kind == "retention" else "conversion",
                n=statistics.n,
                waiting=waiting,
                conversions=statistics.successes,
                rate=value_of(statistics),
                interval=wilson(statistics, level=level) if statistics.n else None,
            )
        case Moments():
            interval = mean_interval(statistics, level=level)
            return MeanValue(
                kind="count" if metric.kind == "count" else "mean",
                n=statistics.n,
                waiting=waiting,
                sum=statistics.total,
                mean=value_of(statistics),
                sd=None if isinstance(interval, Undefined) else sqrt(statistics.variance),
                interval=_defined(interval),
            )
        case PairedMoments():
            return RatioValue(
                n=statistics.n,
                waiting=waiting,
                numerator=statistics.total_y,
                denominator=statistics.total_x,
                ratio=value_of(statistics),
                interval=_defined(_student(ratio_estimate(statistics), level)),
            )
        case QuantileStatistic():
            return QuantileValue(
                n=statistics.n,
                waiting=waiting,
                level=statistics.level,
                value=value_of(statistics),
                interval=_defined(quantile_interval(statistics, level=level)),
            )


def _look(estimate: float, error: float, terms: Terms) -> LookResult | Undefined:
    if terms.looks is None:
        return Undefined("no looks are planned")
    sides = 2 if terms.alternative == "two_sided" else 1
    sign = -1 if terms.alternative == "less" else 1
    return look(estimate, error, terms.looks, level=terms.level, sides=sides, sign=sign)


def _posterior(
    control: Comparable, treatment: Comparable, estimate: float, error: float, terms: Terms
) -> Posterior | Undefined:
    prior = terms.prior
    if isinstance(control, Proportion) and isinstance(treatment, Proportion):
        return compare_rates(control, treatment, prior=Beta(prior.alpha, prior.beta), level=terms.level)
    if error == 0:
        return Undefined("no variance to infer from")
    return compare_normal(estimate, error, prior_mean=prior.effect_mean, prior_sd=prior.effect_sd, level=terms.level)


def _effect_size(control: Comparable, treatment: Comparable) -> EffectSize | None:
    if isinstance(control, Proportion) and isinstance(treatment, Proportion):
        return EffectSize(name="Cohen's h", value=cohens_h(control, treatment))
    if isinstance(control, Moments) and isinstance(treatment, Moments):
        d = cohens_d(control, treatment)
        return None if isinstance(d, Undefined) else EffectSize(name="Cohen's d", value=d)
    return None


def _student(estimate: Estimate | Undefined, level: float) -> Interval | Undefined:
    if isinstance(estimate, Undefined):
        return estimate
    half = float(stdtrit(estimate.n - 1, (1 + level) / 2)) * sqrt(estimate.variance / estimate.n)
    return estimate.value - half, estimate.value + half


def _defined(interval: Interval | Undefined) -> Interval | None:
    return None if isinstance(interval, Undefined) else interval
