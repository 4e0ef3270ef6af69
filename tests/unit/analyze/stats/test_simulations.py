"""What the statistics promise, by simulation: levels, coverage, alarm rates. Seeds are fixed.

Every promise is checked on few runs always and on many in the slow suite; tolerances are four Monte Carlo
standard errors about the promised rate, plus the approximation's own error where a name says so.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from scipy.special import ndtr

from stats.cuped import METHOD, Adjustment, adjusted, adjustment
from stats.difference import Difference, Undefined
from stats.estimates import Estimate, compare_estimates
from stats.means import Moments, mean_interval, welch
from stats.multiplicity import benjamini_hochberg, holm
from stats.paired import PairedMoments
from stats.proportions import Proportion, chi_square, compare_proportions, wilson
from stats.quantiles import QuantileStatistic, compare_quantiles, quantile_interval, ranks
from stats.ratios import compare_ratios
from stats.relative import fieller, relative_difference
from stats.sample_ratio import SampleRatio, sample_ratio
from stats.sequential import ConfidenceSequence, confidence_sequence

RUNS = pytest.mark.parametrize("runs", [1_000, pytest.param(20_000, marks=pytest.mark.slow)])
LEVELS = pytest.mark.parametrize("level", [0.9, 0.95])

Compared = Difference | Undefined
Draw = Callable[[np.random.Generator, int, float], Iterator[Compared]]
"""Comparisons of two groups without a difference, so many, at a level."""


def within(rate: float, promised: float, runs: int, slack: float = 0.0) -> None:
    assert abs(rate - promised) <= 4 * (promised * (1 - promised) / runs) ** 0.5 + slack, (rate, promised)


def proportions(rng: np.random.Generator, runs: int, level: float) -> Iterator[Compared]:
    for c, t in rng.binomial([2_000, 2_600], 0.1, (runs, 2)).tolist():
        yield compare_proportions(Proportion(c, 2_000), Proportion(t, 2_600), level=level)


def _moments(values: np.ndarray) -> Moments:
    mean = values.mean()
    return Moments(len(values), float(values.sum()), float(((values - mean) ** 2).sum()))


def _paired(y: np.ndarray, x: np.ndarray) -> PairedMoments:
    a, b = _moments(y), _moments(x)
    return PairedMoments(len(y), a.total, a.m2, b.total, b.m2, float(((y - y.mean()) * (x - x.mean())).sum()))


def _skewed(rng: np.random.Generator) -> tuple[Moments, Moments]:
    return _moments(rng.gamma(2, 10, 300)), _moments(rng.gamma(2, 10, 450))


def means(rng: np.random.Generator, runs: int, level: float) -> Iterator[Compared]:
    for _ in range(runs):
        yield welch(*_skewed(rng), level=level)


def relative_means(rng: np.random.Generator, runs: int, level: float) -> Iterator[Compared]:
    for _ in range(runs):
        c, t = _skewed(rng)
        yield relative_difference(c.estimate, t.estimate, level=level)


def fieller_means(rng: np.random.Generator, runs: int, level: float) -> Iterator[Compared]:
    for _ in range(runs):
        c, t = _skewed(rng)
        yield fieller(c.estimate, t.estimate, level=level)


def _clicks_per_view(rng: np.random.Generator, n: int) -> PairedMoments:
    views = 1 + rng.poisson(5, n)
    return _paired(rng.binomial(views, rng.beta(4, 16, n)), views)


def ratios(rng: np.random.Generator, runs: int, level: float) -> Iterator[Compared]:
    for _ in range(runs):
        yield compare_ratios(_clicks_per_view(rng, 400), _clicks_per_view(rng, 500), level=level)


def with_covariate(rng: np.random.Generator, runs: int, level: float) -> Iterator[Compared]:
    def units(n: int) -> PairedMoments:
        before = rng.gamma(2, 10, n)
        return _paired(0.8 * before + rng.normal(0, 8, n), before)

    for _ in range(runs):
        groups = [units(300), units(400)]
        by = adjustment(groups)
        assert isinstance(by, Adjustment)
        c, t = (adjusted(each, by) for each in groups)
        assert isinstance(c, Estimate)
        assert isinstance(t, Estimate)
        yield compare_estimates(c, t, level=level, method=METHOD)


def _median(values: np.ndarray) -> QuantileStatistic:
    ordered, at = np.sort(values), ranks(len(values), 0.5)
    return QuantileStatistic(len(values), 0.5, *(float(ordered[i - 1]) for i in (at.at, at.lower, at.upper)))


def quantiles(rng: np.random.Generator, runs: int, level: float) -> Iterator[Compared]:
    for _ in range(runs):
        c, t = _median(rng.lognormal(1, 0.7, 1_000)), _median(rng.lognormal(1, 0.7, 1_200))
        yield compare_quantiles(c, t, level=level)


COMPARISONS = pytest.mark.parametrize(
    ("draw", "slack"),
    [
        pytest.param(proportions, 0.002, id="proportions"),
        pytest.param(means, 0.003, id="means"),
        pytest.param(relative_means, 0.006, id="relative, delta method"),
        pytest.param(fieller_means, 0.003, id="relative, Fieller"),
        pytest.param(ratios, 0.004, id="ratios"),
        pytest.param(with_covariate, 0.002, id="CUPED"),
        pytest.param(quantiles, 0.008, id="quantiles"),
    ],
)


@RUNS
@LEVELS
@COMPARISONS
def test_tests_keep_their_level_and_intervals_cover(draw: Draw, slack: float, level: float, runs: int) -> None:
    """Slack: how far the normal approximation itself is off at these few hundred skewed units."""
    rng = np.random.default_rng(20_260_200)
    found = covered = 0
    for result in draw(rng, runs, level):
        assert isinstance(result, Difference)
        found += result.p_value < 1 - level
        covered += result.lower <= 0 <= result.upper
    within(found / runs, 1 - level, runs, slack)
    within(covered / runs, level, runs, slack)


@RUNS
@LEVELS
def test_intervals_of_one_group_cover(level: float, runs: int) -> None:
    rng = np.random.default_rng(20_260_201)
    covered = np.zeros(3)
    for conversions in rng.binomial(800, 0.07, runs).tolist():
        low, high = wilson(Proportion(conversions, 800), level=level)
        mean = mean_interval(_moments(rng.gamma(2, 10, 400)), level=level)
        median = quantile_interval(_median(rng.normal(3, 1, 500)), level=level)
        assert not isinstance(mean, Undefined)
        assert not isinstance(median, Undefined)
        covered += (low <= 0.07 <= high, mean[0] <= 20 <= mean[1], median[0] <= 3 <= median[1])
    for rate in covered / runs:
        within(float(rate), level, runs, 0.012)


@RUNS
def test_sparse_counts_are_tested_exactly_and_so_at_most_at_their_level(runs: int) -> None:
    rng = np.random.default_rng(20_260_202)
    found = 0
    for c, t in rng.binomial([40, 60], 0.04, (runs, 2)).tolist():
        result = compare_proportions(Proportion(c, 40), Proportion(t, 60))
        found += isinstance(result, Difference) and result.p_value < 0.05
    assert found / runs <= 0.05


@RUNS
def test_all_groups_at_once(runs: int) -> None:
    rng = np.random.default_rng(20_260_203)
    found = 0
    for counts in rng.binomial(1_500, 0.2, (runs, 4)).tolist():
        result = chi_square([Proportion(count, 1_500) for count in counts])
        assert not isinstance(result, Undefined)
        found += result.p_value < 0.05
    within(found / runs, 0.05, runs, 0.002)


@pytest.mark.parametrize("runs", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_the_sample_ratio_alarm_goes_off_once_in_a_thousand(runs: int) -> None:
    rng = np.random.default_rng(20_260_204)
    weights = [0.5, 0.3, 0.2]
    alarms = 0
    for counts in rng.multinomial(50_000, weights, runs).tolist():
        result = sample_ratio(counts, weights)
        assert isinstance(result, SampleRatio)
        alarms += result.alarm
    within(alarms / runs, 0.001, runs)


def _p_values(rng: np.random.Generator, effects: Sequence[float], runs: int) -> np.ndarray:
    """Of comparisons with one control, which makes them depend on each other."""
    control = rng.normal(0, 1, (runs, 1))
    z = (rng.normal(effects, 1, (runs, len(effects))) - control) / 2**0.5
    return np.asarray(2 * ndtr(-np.abs(z)))


@RUNS
def test_holm_holds_the_chance_of_any_false_finding(runs: int) -> None:
    rng = np.random.default_rng(20_260_205)
    plain, adjusted_ = 0, 0
    for p_values in _p_values(rng, [0, 0, 0, 4], runs):
        plain += bool((p_values[:3] < 0.05).any())
        adjusted_ += any(p < 0.05 for p in holm(p_values.tolist())[:3])
    assert plain / runs > 0.09
    assert adjusted_ / runs <= 0.05 + 4 * (0.05 * 0.95 / runs) ** 0.5


@RUNS
def test_benjamini_hochberg_holds_the_share_of_false_findings(runs: int) -> None:
    rng = np.random.default_rng(20_260_206)
    shares = []
    for p_values in _p_values(rng, [0] * 8 + [4] * 4, runs):
        found = np.array(benjamini_hochberg(p_values.tolist())) < 0.05
        shares.append(found[:8].sum() / max(1, found.sum()))
    assert float(np.mean(shares)) <= 0.05 + 4 * float(np.std(shares)) / runs**0.5


@RUNS
@pytest.mark.parametrize("kind", ["proportions", "means"])
def test_thirty_daily_looks_at_a_confidence_sequence(kind: str, runs: int) -> None:
    rng = np.random.default_rng(20_260_207)
    days, users = 30, 200
    n = users * np.arange(1, days + 1)
    half = []
    for units in (2 * n).tolist():
        unit = confidence_sequence(0, 1, units)
        assert isinstance(unit, ConfidenceSequence)
        half.append(unit.upper)
    crossed = crossed_by_z = 0
    for _ in range(runs // 100):
        if kind == "proportions":
            totals = rng.binomial(users, 0.1, (2, 100, days)).cumsum(axis=2)
            rates = totals / n
            variances = rates * (1 - rates)
        else:
            values = rng.gamma(1, 10, (2, 100, days, users))
            totals, squares = values.sum(axis=3).cumsum(axis=2), (values**2).sum(axis=3).cumsum(axis=2)
            rates = totals / n
            variances = squares / n - rates**2
        z = np.abs(rates[1] - rates[0]) / np.sqrt(variances.sum(axis=0) / n)
        crossed += int((z > np.array(half)).any(axis=1).sum())
        crossed_by_z += int((z > 1.959964).any(axis=1).sum())
    total = runs // 100 * 100
    assert crossed / total <= 0.05
    assert crossed_by_z / total > 0.2
