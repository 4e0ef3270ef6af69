"""Power: how many units it takes to see an effect, or what effect so many units can see."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, isnan, sqrt

from scipy.special import nctdtr, ndtr, ndtri, stdtrit

from stats.difference import Undefined
from stats.sequential import confidence_sequence

_MOST_UNITS = 2**50  # beyond which counting units in doubles is no longer exact
_SMALLEST_N = 2
_BISECTIONS = 200  # more than a double has bits


@dataclass(frozen=True, slots=True)
class Design:
    """What is fixed before an experiment starts.

    Attributes:
        alpha: Probability of a false finding, in any of the comparisons.
        power: Probability of finding the effect in a comparison where there is one.
        sides: 2, or 1 for a test in the direction of the effect alone.
        treatments: Groups that are each compared with the control. Their family shares alpha: each comparison is
            made at alpha / treatments, the first and strictest step of Holm's procedure.
        ratio: Units of each treatment group over units of the control.
    """

    alpha: float = 0.05
    power: float = 0.8
    sides: int = 2
    treatments: int = 1
    ratio: float = 1.0

    @property
    def tail(self) -> float:
        """The probability beyond the critical value, on each side that counts."""
        return self.alpha / self.treatments / self.sides


@dataclass(frozen=True, slots=True)
class SampleSize:
    """Units that an experiment needs.

    Attributes:
        control: In the control group.
        treatment: In each treatment group.
        total: In all groups.
    """

    control: int
    treatment: int
    total: int


PowerAt = Callable[[int, int], float]


def proportion_power(baseline: float, effect: float, n_control: int, n_treatment: int, design: Design) -> float:
    """Probability that the pooled two-proportion z test finds a difference.

    With p_c = baseline, p_t = baseline + effect, d = |effect|, p the rate of both groups pooled,
    se0 = sqrt(p (1 - p)(1/n_c + 1/n_t)) under the null, se1 = sqrt(p_c (1 - p_c)/n_c + p_t (1 - p_t)/n_t)
    under the alternative, and z the critical value: Φ((d - z se0)/se1), and Φ((-d - z se0)/se1) besides where
    the test is two-sided.

    Args:
        baseline: The control's rate, in (0, 1).
        effect: What is added to it; the sum lies in [0, 1].
        n_control: Units of the control.
        n_treatment: Units of the treatment.
        design: Alpha, sides and number of treatments count.

    Source:
        Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, chapter 4, without
        continuity correction.
    """
    treated = baseline + effect
    pooled = (n_control * baseline + n_treatment * treated) / (n_control + n_treatment)
    under_null = sqrt(pooled * (1 - pooled) * (1 / n_control + 1 / n_treatment))
    under_alternative = sqrt(baseline * (1 - baseline) / n_control + treated * (1 - treated) / n_treatment)
    critical = -float(ndtri(design.tail)) * under_null
    found = float(ndtr((abs(effect) - critical) / under_alternative))
    if design.sides == 1:
        return found
    return found + float(ndtr((-abs(effect) - critical) / under_alternative))


def mean_power(sd: float, effect: float, n_control: int, n_treatment: int, design: Design) -> float:
    """Probability that the two-sample t test finds a difference of means.

    With δ = |effect| / (sd sqrt(1/n_c + 1/n_t)) and t the critical value at n_c + n_t - 2 degrees of freedom:
    the noncentral t distribution's mass above t, and below -t besides where the test is two-sided.

    Args:
        sd: Standard deviation of one unit's value, the same in both groups; above 0.
        effect: Difference of the means.
        n_control: Units of the control.
        n_treatment: Units of the treatment; two or more in both groups.
        design: Alpha, sides and number of treatments count.

    Source:
        Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 2.
    """
    df = n_control + n_treatment - 2
    noncentrality = abs(effect) / (sd * sqrt(1 / n_control + 1 / n_treatment))
    critical = -float(stdtrit(df, design.tail))
    found = 1 - _mass_below(critical, df, noncentrality)
    return found if design.sides == 1 else found + _mass_below(-critical, df, noncentrality)


def proportion_sample_size(baseline: float, effect: float, design: Design) -> SampleSize | Undefined:
    """Fewest units with which proportion_power reaches the design's power; undefined without an effect."""
    if not (0 < baseline < 1 and 0 <= baseline + effect <= 1):
        return Undefined("the rates must lie between 0 and 1")
    return _sample_size(lambda c, t: proportion_power(baseline, effect, c, t, design), effect, design)


def mean_sample_size(sd: float, effect: float, design: Design) -> SampleSize | Undefined:
    """Fewest units with which mean_power reaches the design's power; undefined without an effect."""
    if sd <= 0:
        return Undefined("the values do not vary")
    return _sample_size(lambda c, t: mean_power(sd, effect, c, t, design), effect, design)


def proportion_detectable_effect(
    baseline: float, n_control: int, design: Design, *, increase: bool = True
) -> float | Undefined:
    """Smallest change of a rate that proportion_power finds with the design's power.

    Args:
        baseline: The control's rate, in (0, 1).
        n_control: Units of the control; a treatment has design.ratio times as many.
        design: What is fixed.
        increase: Whether the rate should rise rather than fall.

    Returns:
        The absolute change, below 0 where the rate falls; undefined where not even the largest possible
        change is found.
    """
    n_treatment = round(design.ratio * n_control)
    if not 0 < baseline < 1 or min(n_control, n_treatment) < 1:
        return Undefined("the baseline must lie between 0 and 1, and both groups must have units")
    sign, largest = (1.0, 1 - baseline) if increase else (-1.0, baseline)
    found = _smallest_effect(
        lambda effect: proportion_power(baseline, sign * effect, n_control, n_treatment, design), largest, design
    )
    return found if isinstance(found, Undefined) else sign * found


def mean_detectable_effect(sd: float, n_control: int, design: Design) -> float | Undefined:
    """Smallest difference of means that mean_power finds with the design's power.

    Args:
        sd: Standard deviation of one unit's value, above 0.
        n_control: Units of the control; a treatment has design.ratio times as many.
        design: What is fixed.

    Returns:
        The absolute difference; undefined for fewer than two units in a group.
    """
    n_treatment = round(design.ratio * n_control)
    if sd <= 0 or min(n_control, n_treatment) < _SMALLEST_N:
        return Undefined("the values must vary, and both groups must have two units")
    # Ten standard errors beyond the critical value are found with certainty.
    critical = -float(stdtrit(n_control + n_treatment - 2, design.tail))
    largest = 10 * (critical + 10) * sd * sqrt(1 / n_control + 1 / n_treatment)
    return _smallest_effect(lambda effect: mean_power(sd, effect, n_control, n_treatment, design), largest, design)


def days_needed(units: int, units_per_day: float) -> int | Undefined:
    """Whole days until so many units have come."""
    if units <= 0:
        return 0
    return Undefined("no units come") if units_per_day <= 0 else ceil(units / units_per_day)


def _mass_below(t: float, df: float, noncentrality: float) -> float:
    mass = float(nctdtr(df, noncentrality, t))
    # SciPy answers NaN for some masses too small to matter (below 1e-25), and for no others.
    return 0.0 if isnan(mass) else mass


def _sample_size(power_at: PowerAt, effect: float, design: Design) -> SampleSize | Undefined:
    if effect == 0:
        return Undefined("no number of units shows an effect of 0")

    def enough(n: int) -> bool:
        return power_at(n, max(_SMALLEST_N, round(design.ratio * n))) >= design.power

    control = _fewest(enough, "the effect is too small for any number of units")
    if isinstance(control, Undefined):
        return control
    treatment = max(_SMALLEST_N, round(design.ratio * control))
    return SampleSize(control, treatment, control + design.treatments * treatment)


def _smallest_effect(power_at: Callable[[float], float], largest: float, design: Design) -> float | Undefined:
    low, high = 0.0, largest
    if power_at(high) < design.power:
        return Undefined("not even the largest possible effect is found with so few units")
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if power_at(middle) >= design.power else (middle, high)
    return high


def sequence_sample_size(unit_sd: float, effect: float, design: Design, *, tuning_sample_size: int) -> int | Undefined:
    """Fewest units of both groups together at which a confidence sequence excludes 0 with the design's power.

    The estimate after n units is about normal with standard error unit_sd / sqrt(n), so that the sequence of
    half-width h(n) excludes 0 with probability 1 - beta where |effect| >= h(n) + z_(1 - beta) unit_sd / sqrt(n).
    That is at one look; earlier ones only add to it.

    Args:
        unit_sd: The difference's standard error times the root of the units of both groups together.
        effect: The difference to be found.
        design: Alpha, treatments and power count; the sequence is two-sided.
        tuning_sample_size: N* of the sequence.
    """
    if unit_sd <= 0:
        return Undefined("the values do not vary")
    if effect == 0:
        return Undefined("no number of units shows an effect of 0")

    def enough(n: int) -> bool:
        found = sequence_detectable_effect(unit_sd / sqrt(n), n, design, tuning_sample_size=tuning_sample_size)
        return not isinstance(found, Undefined) and found <= abs(effect)

    return _fewest(enough, "the effect is too small for any number of units")


def sequence_power(effect: float, standard_error: float, n: int, design: Design, *, tuning_sample_size: int) -> float:
    """Probability that a confidence sequence excludes 0 on the effect's side at its n-th unit.

    The estimate is about normal about the effect, so with the sequence's half-width h(n): Φ((|effect| - h(n)) / se).

    Args:
        effect: The difference.
        standard_error: The difference's standard error; above 0.
        n: Units of both groups together, above 0.
        design: Alpha and treatments count; the sequence is two-sided.
        tuning_sample_size: N* of the sequence.
    """
    half_width = _half_width(standard_error, n, design, tuning_sample_size)
    return float(ndtr((abs(effect) - half_width) / standard_error))


def sequence_detectable_effect(
    standard_error: float, n: int, design: Design, *, tuning_sample_size: int
) -> float | Undefined:
    """Smallest difference that sequence_power finds with the design's power: h(n) + z_(1 - beta) se.

    Args:
        standard_error: The difference's standard error.
        n: Units of both groups together, above 0.
        design: Alpha, treatments and power count.
        tuning_sample_size: N* of the sequence.
    """
    if standard_error <= 0:
        return Undefined("the values do not vary")
    return _half_width(standard_error, n, design, tuning_sample_size) + float(ndtri(design.power)) * standard_error


def _half_width(standard_error: float, n: int, design: Design, tuning_sample_size: int) -> float:
    level = 1 - design.alpha / design.treatments
    sequence = confidence_sequence(0.0, standard_error, n, level=level, tuning_sample_size=tuning_sample_size)
    return 0.0 if isinstance(sequence, Undefined) else sequence.upper


def _fewest(enough: Callable[[int], bool], otherwise: str) -> int | Undefined:
    high = _SMALLEST_N
    while not enough(high):
        high *= 2
        if high > _MOST_UNITS:
            return Undefined(otherwise)
    low = max(_SMALLEST_N - 1, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
