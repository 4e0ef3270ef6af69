"""Bayesian figures: how probable it is that a treatment beats the control, and what choosing wrongly would cost."""

from dataclasses import dataclass
from math import exp, pi, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincc, betaln, ndtr, ndtri, xlog1py, xlogy

from stats.proportions import Proportion
from stats.quadrature import on_panels

_Numbers: TypeAlias = NDArray[np.float64]

_POINTS_A_PANEL = 24
_PANEL_ENDS = np.array([-14.0, -10, -8, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 8, 10, 14, 20, 40, 80])
_HALVINGS_TO_0 = 2.0 ** np.arange(-100, 0)
_HALVINGS_TO_1 = 2.0 ** np.arange(-1, -50, -1)
_NEAREST_TO_1 = 2.0**-44
_BISECTIONS = 50

BETA_METHOD = "Beta-Binomial, by quadrature"
NORMAL_METHOD = "Normal, in closed form"


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is believed of treatment minus control after the data.

    Attributes:
        probability: That the treatment's value is above the control's.
        loss_of_treatment: What choosing the treatment costs on average: the mean of max(control - treatment, 0).
        loss_of_control: The mean of max(treatment - control, 0).
        lower: Lower bound of the equal-tailed credible interval of the difference.
        upper: Upper bound.
        method: Distribution and how it was evaluated.
    """

    probability: float
    loss_of_treatment: float
    loss_of_control: float
    lower: float
    upper: float
    method: str


@dataclass(frozen=True, slots=True)
class Beta:
    """A Beta distribution of a rate; both parameters are 0.5 (Jeffreys' prior) or more."""

    a: float
    b: float

    def given(self, group: Proportion) -> "Beta":
        """The posterior after a group's units: successes are added to a, failures to b."""
        return Beta(self.a + group.successes, self.b + group.n - group.successes)

    @property
    def mean(self) -> float:
        """Its mean."""
        return self.a / (self.a + self.b)

    @property
    def sd(self) -> float:
        """Its standard deviation."""
        return sqrt(self.mean * (1 - self.mean) / (self.a + self.b + 1))


UNIFORM = Beta(1, 1)


def compare_rates(
    control: Proportion, treatment: Proportion, *, prior: Beta = UNIFORM, level: float = 0.95
) -> Posterior:
    """Compare two rates with independent Beta posteriors.

    With f, F and g, G the densities and distribution functions of the control's and the treatment's rate:
    P(t > c) = ∫ F g, E max(c - t, 0) = ∫ (1 - F) G, E max(t - c, 0) = ∫ F (1 - G), and the interval's bounds
    d solve ∫ f(x) G(x + d) dx = (1 ± level) / 2. All by Gauss-Legendre quadrature on panels that follow both
    posteriors, so that the same input gives the same output.

    Args:
        control: Control group; it may be empty.
        treatment: Treatment group; likewise.
        prior: Of each group's rate.
        level: Of the credible interval, in (0, 1).

    Source:
        Gelman et al. (2013), Bayesian Data Analysis, section 2.4; the loss is that of VWO's whitepaper
        (Stucchio 2015).
    """
    c, t = prior.given(control), prior.given(treatment)
    if c.mean + t.mean > 1:
        # The same of the rates of units that did not convert: doubles are far finer near 0 than near 1.
        c, t = Beta(t.b, t.a), Beta(c.b, c.a)
    x, weights = _grid(c, t)
    below_c, below_t = betainc(c.a, c.b, x), betainc(t.a, t.b, x)
    mass = _density(t, x) * weights
    return Posterior(
        probability=float(np.clip(mass @ below_c / mass.sum(), 0, 1)),
        loss_of_treatment=float(weights @ (betaincc(c.a, c.b, x) * below_t)),
        loss_of_control=float(weights @ (below_c * betaincc(t.a, t.b, x))),
        lower=_quantile_of_difference(c, t, (1 - level) / 2),
        upper=_quantile_of_difference(c, t, (1 + level) / 2),
        method=BETA_METHOD,
    )


def compare_normal(
    estimate: float,
    standard_error: float,
    *,
    prior_mean: float = 0.0,
    prior_sd: float | None = None,
    level: float = 0.95,
) -> Posterior:
    """Infer a difference from its normal estimate and a Normal prior.

    Precisions add up: 1/τ² = 1/se² + 1/sd², μ = τ² (d/se² + m/sd²); a flat prior leaves d and se. With z = μ/τ:
    P(D > 0) = Φ(z), E max(-D, 0) = τ φ(z) - μ Φ(-z), E max(D, 0) = τ φ(z) + μ Φ(z).

    Args:
        estimate: Treatment minus control.
        standard_error: Of it, above 0.
        prior_mean: Of the difference.
        prior_sd: Of the difference, above 0; None for a flat prior.
        level: Of the credible interval, in (0, 1).

    Source:
        Gelman et al. (2013), Bayesian Data Analysis, section 2.5.
    """
    mean, sd = estimate, standard_error
    if prior_sd is not None:
        # The share of the prior, written so that neither square can overflow.
        share = 1 / (1 + (prior_sd / standard_error) ** 2)
        mean, sd = share * prior_mean + (1 - share) * estimate, standard_error * sqrt(1 - share)
    z = mean / sd
    density = exp(-z * z / 2) / sqrt(2 * pi)
    half = float(ndtri((1 + level) / 2)) * sd
    return Posterior(
        probability=float(ndtr(z)),
        loss_of_treatment=max(0.0, sd * density - mean * float(ndtr(-z))),
        loss_of_control=max(0.0, sd * density + mean * float(ndtr(z))),
        lower=mean - half,
        upper=mean + half,
        method=NORMAL_METHOD,
    )


def _density(beta: Beta, x: _Numbers) -> _Numbers:
    exponent = xlogy(beta.a - 1, x) + xlog1py(beta.b - 1, -x) - betaln(beta.a, beta.b)
    return np.asarray(np.exp(exponent))


def _grid(first: Beta, second: Beta, *more: float) -> tuple[_Numbers, _Numbers]:
    """Nodes and weights on panels that are narrow where either distribution is, and reach from 0 to 1."""
    ends = [each.mean + each.sd * _PANEL_ENDS for each in (first, second)]
    cuts = np.unique(np.clip(np.concatenate([*ends, np.array([0.0, 1.0, *more])]), 0, 1))
    # A density with a parameter below 1 has no bound at 0 or 1, towards which the panels halve.
    if min(first.a, second.a) < 1:
        cuts = np.concatenate([cuts[:1], cuts[1] * _HALVINGS_TO_0, cuts[1:]])
    if min(first.b, second.b) < 1:
        closer = (1 - cuts[-2]) * _HALVINGS_TO_1
        cuts = np.concatenate([cuts[:-1], 1 - closer[closer > _NEAREST_TO_1], cuts[-1:]])
    return on_panels(cuts, _POINTS_A_PANEL)


def _quantile_of_difference(control: Beta, treatment: Beta, share: float) -> float:
    low, high = -1.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _share_below(control, treatment, middle) < share else (low, middle)
    return (low + high) / 2


def _share_below(control: Beta, treatment: Beta, difference: float) -> float:
    """P(t - c <= d): ∫ f(x) G(x + d) dx, and ∫ g(x) (1 - F(x - d)) dx for d below 0, so that no argument is below 0."""
    outer, inner = (control, treatment) if difference >= 0 else (treatment, control)
    x, weights = _grid(outer, outer, 1 - abs(difference))
    mass = _density(outer, x) * weights
    within = betainc(inner.a, inner.b, np.minimum(x + abs(difference), 1))
    share = float(mass @ within / mass.sum())
    return share if difference >= 0 else 1 - share
