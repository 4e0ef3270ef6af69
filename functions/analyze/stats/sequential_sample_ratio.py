"""Sample ratio for any number of looks: do the groups get the shares of units that were configured?"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log

from stats.difference import Undefined

CONCENTRATION = 1_000.0
METHOD = "Bayes factor of a Dirichlet-multinomial against the configured shares"


@dataclass(frozen=True, slots=True)
class SequentialSampleRatio:
    """Observed against configured shares of units, at one of many looks."""

    log_bayes_factor: float
    p_value: float


def sequential_sample_ratio(
    counts: Sequence[int], weights: Sequence[float], *, concentration: float = CONCENTRATION
) -> SequentialSampleRatio | Undefined:
    """Test unit counts against configured weights, in a way that holds however often one looks.

    With shares θ, counts x and b = cθ, the Bayes factor of a Dirichlet(b) mixture against θ is
    B = Γ(c)/Γ(c + n) · Π Γ(b_i + x_i)/Γ(b_i) / Π θ_i^{x_i}. If units come with the shares θ, it is a martingale of
    mean 1, so that by Ville's inequality it ever reaches 1/a with a probability of at most a: p = min(1, 1/B).

    Args:
        counts: Units per group.
        weights: Configured weights in the same order, on any scale.
        concentration: c, how close to θ other shares are expected; with 1,000 they are some one and a half percentage
            points off a half.

    Returns:
        The test; undefined with fewer than two groups that have a weight, or units in one that has none.

    Source:
        Lindon and Malek (2022), Anytime-valid inference for multinomial count data, NeurIPS 35.
    """
    if any(count for count, weight in zip(counts, weights, strict=True) if weight == 0):
        return Undefined("a group with weight 0 has units")
    observed = [(count, weight) for count, weight in zip(counts, weights, strict=True) if weight > 0]
    if len(observed) < 2:  # noqa: PLR2004 - a ratio is of two
        return Undefined("fewer than two groups have a weight")
    total, n = sum(weight for _, weight in observed), sum(count for count, _ in observed)
    factor = lgamma(concentration) - lgamma(concentration + n)
    for count, weight in observed:
        share = weight / total
        factor += lgamma(concentration * share + count) - lgamma(concentration * share) - count * log(share)
    return SequentialSampleRatio(factor, min(1.0, exp(-max(factor, 0.0))))
