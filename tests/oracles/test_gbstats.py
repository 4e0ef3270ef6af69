"""Side by side with gbstats 0.8, which is what GrowthBook computes with: equal where the definitions are."""

import numpy as np
import pytest

from stats.bayesian import compare_normal
from stats.cuped import METHOD, Adjustment, adjusted, adjustment
from stats.difference import Difference, Undefined
from stats.estimates import Estimate, compare_estimates
from stats.means import Moments, welch
from stats.paired import PairedMoments
from stats.proportions import Proportion, two_proportion_z
from stats.quantiles import QuantileStatistic as OurQuantile
from stats.quantiles import standard_error
from stats.ratios import compare_ratios, ratio_estimate
from stats.relative import relative_difference
from stats.sequential import ConfidenceSequence, confidence_sequence

pytest.importorskip("gbstats", reason="gbstats is installed by `make test-oracles` only")

from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig, GaussianPrior
from gbstats.frequentist.tests import (
    FrequentistConfig,
    OneSidedTreatmentGreaterTTest,
    SequentialConfig,
    SequentialTwoSidedTTest,
    TwoSidedTTest,
)
from gbstats.models.statistics import (
    ProportionStatistic,
    QuantileStatistic,
    RatioStatistic,
    RegressionAdjustedStatistic,
    SampleMeanStatistic,
)

SEEDS = range(6)
ABSOLUTE = FrequentistConfig(difference_type="absolute")
RELATIVE = FrequentistConfig(difference_type="relative")


def units(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).gamma(1.5, 20, n)


def sample(values: np.ndarray) -> SampleMeanStatistic:
    return SampleMeanStatistic(n=len(values), sum=float(values.sum()), sum_squares=float((values**2).sum()))


def moments(values: np.ndarray) -> Moments:
    return Moments.of(values.tolist())


def same(ours: Difference | Undefined, theirs: object, *, p_value: bool = True) -> None:
    assert isinstance(ours, Difference)
    result = theirs.compute_result()  # type: ignore[attr-defined]
    assert ours.estimate == pytest.approx(result.expected, rel=1e-9)
    assert (ours.lower, ours.upper) == pytest.approx(tuple(result.ci), rel=1e-9)
    if p_value:
        assert ours.p_value == pytest.approx(result.p_value, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_means(seed: int) -> None:
    control, treatment = units(seed, 900), units(seed + 100, 1_100) * 1.03
    c, t = moments(control), moments(treatment)
    same(welch(c, t), TwoSidedTTest(sample(control), sample(treatment), ABSOLUTE))
    same(relative_difference(c.estimate, t.estimate), TwoSidedTTest(sample(control), sample(treatment), RELATIVE))
    one_sided = welch(c, t, alternative="greater")
    theirs = OneSidedTreatmentGreaterTTest(sample(control), sample(treatment), ABSOLUTE).compute_result()
    assert isinstance(one_sided, Difference)
    assert one_sided.p_value == pytest.approx(theirs.p_value, rel=1e-9)
    # Their one-sided interval has no upper bound; ours stays two-sided.
    assert theirs.ci[1] == np.inf
    assert one_sided.lower < theirs.ci[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_relative_proportions_and_where_absolute_ones_differ(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_c, n_t = (int(n) for n in rng.integers(500, 5_000, 2))
    control, treatment = Proportion(int(rng.binomial(n_c, 0.2)), n_c), Proportion(int(rng.binomial(n_t, 0.23)), n_t)
    c, t = (ProportionStatistic(n=each.n, sum=each.successes) for each in (control, treatment))
    same(relative_difference(control.estimate, treatment.estimate), TwoSidedTTest(c, t, RELATIVE))
    # gbstats takes a t test on unpooled variances where ours is the pooled z with Newcombe's interval: the same
    # estimate, and nearly the same p-value and bounds.
    ours, theirs = two_proportion_z(control, treatment), TwoSidedTTest(c, t, ABSOLUTE).compute_result()
    assert isinstance(ours, Difference)
    assert ours.estimate == pytest.approx(theirs.expected, rel=1e-9)
    assert ours.p_value != pytest.approx(theirs.p_value, rel=1e-9)
    assert ours.p_value == pytest.approx(theirs.p_value, rel=0.1, abs=5e-4)
    assert (ours.lower, ours.upper) == pytest.approx(tuple(theirs.ci), abs=2e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_ratios(seed: int) -> None:
    pairs = []
    for offset, n in ((0, 700), (50, 800)):
        rng = np.random.default_rng(seed + offset)
        views = 1 + rng.poisson(6, n)
        pairs.append((rng.binomial(views, 0.2).astype(float), views.astype(float)))
    ours = [PairedMoments.of(zip(y.tolist(), x.tolist(), strict=True)) for y, x in pairs]
    theirs = [
        RatioStatistic(n=len(y), m_statistic=sample(y), d_statistic=sample(x), m_d_sum_of_products=float((y * x).sum()))
        for y, x in pairs
    ]
    same(compare_ratios(*ours), TwoSidedTTest(*theirs, ABSOLUTE))
    c, t = (ratio_estimate(each) for each in ours)
    assert isinstance(c, Estimate)
    assert isinstance(t, Estimate)
    same(relative_difference(c, t), TwoSidedTTest(*theirs, RELATIVE))


@pytest.mark.parametrize("seed", SEEDS)
def test_cuped(seed: int) -> None:
    pairs = []
    for offset, n in ((0, 700), (50, 800)):
        before = units(seed + offset, n)
        pairs.append((0.7 * before + np.random.default_rng(seed + offset + 1).normal(0, 9, n), before))
    ours = [PairedMoments.of(zip(y.tolist(), x.tolist(), strict=True)) for y, x in pairs]
    theirs = [
        RegressionAdjustedStatistic(
            n=len(y),
            post_statistic=sample(y),
            pre_statistic=sample(x),
            post_pre_sum_of_products=float((y * x).sum()),
            theta=0,
        )
        for y, x in pairs
    ]
    by = adjustment(ours)
    assert isinstance(by, Adjustment)
    c, t = (adjusted(each, by) for each in ours)
    assert isinstance(c, Estimate)
    assert isinstance(t, Estimate)
    test = TwoSidedTTest(*theirs, ABSOLUTE)
    assert by.theta == pytest.approx(test.stat_a.theta, rel=1e-9)
    same(compare_estimates(c, t, method=METHOD), test)
    # Relative to the control's adjusted mean here, to its unadjusted mean there.
    relative = relative_difference(c, t)
    assert isinstance(relative, Difference)
    for statistic in theirs:
        statistic.theta = 0
    their_relative = TwoSidedTTest(*theirs, RELATIVE).compute_result()
    assert relative.estimate * c.value == pytest.approx(their_relative.expected * ours[0].y.mean, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tuning", [1_000, 5_000])
def test_confidence_sequences(seed: int, tuning: int) -> None:
    control, treatment = units(seed, 900), units(seed + 100, 1_100) * 1.1
    absolute = welch(moments(control), moments(treatment))
    relative = relative_difference(moments(control).estimate, moments(treatment).estimate)
    for kind, ours in (("absolute", absolute), ("relative", relative)):
        assert isinstance(ours, Difference)
        assert ours.standard_error is not None
        config = SequentialConfig(difference_type=kind, sequential_tuning_parameter=tuning)
        theirs = SequentialTwoSidedTTest(sample(control), sample(treatment), config).compute_result()
        sequence = confidence_sequence(ours.estimate, ours.standard_error, 2_000, tuning_sample_size=tuning)
        assert isinstance(sequence, ConfidenceSequence)
        assert (sequence.lower, sequence.upper) == pytest.approx(tuple(theirs.ci), rel=1e-9)
        assert sequence.p_value == pytest.approx(theirs.p_value, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_normal_posteriors(seed: int) -> None:
    control, treatment = units(seed, 900), units(seed + 100, 1_100) * 1.03
    difference = welch(moments(control), moments(treatment))
    assert isinstance(difference, Difference)
    assert difference.standard_error is not None
    for proper in (False, True):
        prior = GaussianPrior(mean=0.3, variance=0.25, proper=proper)
        config = EffectBayesianConfig(difference_type="absolute", prior_type="absolute", prior_effect=prior)
        theirs = EffectBayesianABTest(sample(control), sample(treatment), config).compute_result()
        known = {"prior_mean": 0.3, "prior_sd": 0.5} if proper else {}
        ours = compare_normal(difference.estimate, difference.standard_error, **known)
        assert ours.probability == pytest.approx(theirs.chance_to_win, rel=1e-9)
        assert (ours.lower, ours.upper) == pytest.approx(tuple(theirs.ci), rel=1e-9)
        # risk is the loss of choosing the control, and of choosing the treatment.
        assert (ours.loss_of_control, ours.loss_of_treatment) == pytest.approx(tuple(theirs.risk), rel=1e-6)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_quantiles_differ_by_rounding_of_ranks(level: float) -> None:
    """gbstats is handed two quantiles and takes (n - 1) for n; ours knows the ranks. They meet as n grows."""
    values = units(1, 50_000)
    ours = OurQuantile.of(values.tolist(), level)
    theirs = QuantileStatistic(
        n=ours.n, n_star=ours.n, nu=level, quantile_hat=ours.value, quantile_lower=ours.lower, quantile_upper=ours.upper
    )
    error = standard_error(ours)
    assert not isinstance(error, Undefined)
    assert error == pytest.approx((theirs.variance / theirs.n) ** 0.5, rel=0.01)
    assert error != pytest.approx((theirs.variance / theirs.n) ** 0.5, rel=1e-9)
