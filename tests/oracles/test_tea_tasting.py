"""Side by side with tea-tasting 2.0: equal where the definitions are, and where they differ, by how much."""

from math import exp, log

import numpy as np
import pytest

from stats.cuped import METHOD, Adjustment, adjusted, adjustment
from stats.difference import Difference
from stats.estimates import Alternative, Estimate, compare_estimates
from stats.means import Moments, welch
from stats.multiplicity import benjamini_hochberg, holm
from stats.paired import PairedMoments
from stats.proportions import Proportion, two_proportion_z
from stats.ratios import compare_ratios
from stats.relative import relative_difference
from stats.sample_ratio import SampleRatio, sample_ratio

pytest.importorskip("tea_tasting", reason="tea-tasting is installed by `make test-oracles` only")

import tea_tasting as tt
from tea_tasting.aggr import Aggregates
from tea_tasting.experiment import ExperimentResult
from tea_tasting.metrics.mean import MeanResult

SEEDS = range(6)


def aggregates(**columns: np.ndarray) -> Aggregates:
    names = sorted(columns)
    covariance = {
        (a, b): float(np.cov(columns[a], columns[b])[0, 1]) for i, a in enumerate(names) for b in names[i + 1 :]
    }
    return Aggregates(
        len(columns[names[0]]),
        {name: float(values.mean()) for name, values in columns.items()},
        {name: float(values.var(ddof=1)) for name, values in columns.items()},
        covariance,
    )


def paired(y: np.ndarray, x: np.ndarray) -> PairedMoments:
    return PairedMoments.of(zip(y.tolist(), x.tolist(), strict=True))


def same(ours: object, theirs: MeanResult, *, interval: bool = True) -> None:
    assert isinstance(ours, Difference)
    assert ours.estimate == pytest.approx(theirs.effect_size, rel=1e-9)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-9)
    if interval:
        bounds = theirs.effect_size_ci_lower, theirs.effect_size_ci_upper
        assert (ours.lower, ours.upper) == pytest.approx(bounds, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("alternative", "theirs"), [("two_sided", "two-sided"), ("greater", "greater"), ("less", "less")]
)
def test_means(seed: int, alternative: Alternative, theirs: str) -> None:
    rng = np.random.default_rng(seed)
    control, treatment = rng.gamma(1.5, 20, 900), rng.gamma(1.5, 20.6, 1_100)
    found = tt.Mean("y", alternative=theirs).analyze_aggregates(aggregates(y=control), aggregates(y=treatment))
    ours = welch(Moments.of(control.tolist()), Moments.of(treatment.tolist()), alternative=alternative)
    # Their one-sided intervals are open on one side; ours stay two-sided.
    same(ours, found, interval=alternative == "two_sided")


@pytest.mark.parametrize("seed", SEEDS)
def test_relative_intervals_differ_for_theirs_are_made_on_the_logarithm(seed: int) -> None:
    rng = np.random.default_rng(seed)
    control, treatment = rng.gamma(1.5, 20, 900), rng.gamma(1.5, 20.6, 1_100)
    theirs = tt.Mean("y").analyze_aggregates(aggregates(y=control), aggregates(y=treatment))
    c, t = Moments.of(control.tolist()), Moments.of(treatment.tolist())
    ours = relative_difference(c.estimate, t.estimate)
    assert isinstance(ours, Difference)
    assert ours.standard_error is not None
    assert ours.estimate == pytest.approx(theirs.rel_effect_size, rel=1e-9)
    bounds = theirs.rel_effect_size_ci_lower, theirs.rel_effect_size_ci_upper
    assert (ours.lower, ours.upper) != pytest.approx(bounds, rel=1e-9)
    assert (ours.lower, ours.upper) == pytest.approx(bounds, abs=0.005)
    # On the logarithm the standard error is ours over the ratio, and theirs is symmetric.
    ratio = 1 + ours.estimate
    half = log(1 + bounds[1]) - log(ratio)
    assert log(ratio) - log(1 + bounds[0]) == pytest.approx(half, rel=1e-9)
    assert half == pytest.approx((ours.upper - ours.estimate) / ratio, rel=1e-3)
    assert exp(half) > 1


@pytest.mark.parametrize("seed", SEEDS)
def test_ratios(seed: int) -> None:
    groups = []
    for offset, n in ((0, 700), (50, 800)):
        rng = np.random.default_rng(seed + offset)
        views = 1 + rng.poisson(6, n)
        groups.append((rng.binomial(views, 0.2).astype(float), views.astype(float)))
    theirs = tt.RatioOfMeans("y", "x").analyze_aggregates(*(aggregates(y=y, x=x) for y, x in groups))
    same(compare_ratios(*(paired(*each) for each in groups)), theirs)


@pytest.mark.parametrize("seed", SEEDS)
def test_cuped(seed: int) -> None:
    groups = []
    for offset, n in ((0, 700), (50, 800)):
        rng = np.random.default_rng(seed + offset)
        before = rng.gamma(1.5, 20, n)
        groups.append((0.7 * before + rng.normal(0, 9, n), before))
    theirs = tt.Mean("y", "x").analyze_aggregates(*(aggregates(y=y, x=x) for y, x in groups))
    ours = [paired(*each) for each in groups]
    by = adjustment(ours)
    assert isinstance(by, Adjustment)
    c, t = (adjusted(each, by) for each in ours)
    assert isinstance(c, Estimate)
    assert isinstance(t, Estimate)
    same(compare_estimates(c, t, method=METHOD), theirs)
    assert (c.value, t.value) == pytest.approx((theirs.control, theirs.treatment), rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_proportions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    control, treatment = (rng.random(n) < p for n, p in ((2_000, 0.2), (2_500, 0.22)))
    metric = tt.Proportion("y", method="norm", correction=False, equal_var=True)
    theirs = metric.analyze_aggregates(*(aggregates(y=each.astype(float)) for each in (control, treatment)))
    ours = two_proportion_z(*(Proportion(int(each.sum()), len(each)) for each in (control, treatment)))
    assert isinstance(ours, Difference)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert ours.estimate == pytest.approx(theirs.effect_size, rel=1e-9)
    # Their interval is Wald's with the pooled variance, ours is Newcombe's.
    bounds = theirs.effect_size_ci_lower, theirs.effect_size_ci_upper
    assert (ours.lower, ours.upper) != pytest.approx(bounds, rel=1e-9)
    assert (ours.lower, ours.upper) == pytest.approx(bounds, abs=5e-4)


@pytest.mark.parametrize("counts", [(44_700, 45_489), (5_000, 5_200), (5_000, 5_600)])
def test_sample_ratio(counts: tuple[int, int]) -> None:
    metric = tt.SampleRatio(method="norm", correction=False)
    theirs = metric.analyze({index: Aggregates(count) for index, count in enumerate(counts)}, 0, 1, "variant")
    ours = sample_ratio(counts, [1, 1])
    assert isinstance(ours, SampleRatio)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)


def test_families() -> None:
    p_values = [0.005, 0.06, 0.007, 0.04, 0.01, 0.03]

    def results() -> dict[tuple[int, int], dict[str, MeanResult]]:
        made = {f"m{i}": MeanResult(*[0.0] * 8, pvalue=p, statistic=0.0) for i, p in enumerate(p_values)}
        return {(0, 1): ExperimentResult(made)}

    def adjusted_by(function: object, **options: object) -> list[float]:
        found = function(results(), **options).to_dicts()  # type: ignore[operator]
        return [float(each["pvalue_adj"]) for each in found]

    assert benjamini_hochberg(p_values) == pytest.approx(adjusted_by(tt.adjust_fdr, arbitrary_dependence=False))
    bonferroni = adjusted_by(tt.adjust_fwer, method="bonferroni", arbitrary_dependence=True)
    assert holm(p_values) == pytest.approx(bonferroni)
