"""Results that may be looked at as often as one likes: confidence sequences."""

from dataclasses import dataclass
from math import exp, log, sqrt

from stats.difference import Undefined

METHOD = "asymptotic confidence sequence"
TUNING_SAMPLE_SIZE = 5_000


@dataclass(frozen=True, slots=True)
class ConfidenceSequence:
    """An interval that covers the truth at every look at once, and the p-value that inverts it."""

    estimate: float
    lower: float
    upper: float
    p_value: float


def confidence_sequence(
    estimate: float,
    standard_error: float,
    n: int,
    *,
    level: float = 0.95,
    tuning_sample_size: int = TUNING_SAMPLE_SIZE,
) -> ConfidenceSequence | Undefined:
    """Bound a difference at all sample sizes at once.

    Half-width s sqrt(2 (n rho² + 1) ln(sqrt(n rho² + 1) / alpha) / (n rho)²), with
    s² = se² n and rho = sqrt((-2 ln alpha + ln(-2 ln alpha + 1)) / N*). The p-value is
    the alpha at which the sequence first touches 0, with rho held.

    Args:
        estimate: The difference, absolute or relative.
        standard_error: Of the estimate.
        n: Units of both groups together.
        level: Coverage over all looks, in (0, 1).
        tuning_sample_size: N*, the number of units at which the sequence is tightest.

    Returns:
        The sequence's value at n; undefined without units or without variance.

    Source:
        Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv 2103.06476.
    """
    if n == 0 or standard_error == 0:
        return Undefined("no variance to bound the difference with")
    alpha = 1 - level
    rho_squared = (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / tuning_sample_size
    growth = n * rho_squared + 1
    # The half-width with s² = se² n put in, and the logarithm of the root taken apart.
    half = standard_error * sqrt(2 * growth / (n * rho_squared) * (log(growth) / 2 - log(alpha)))
    exponent = log(growth) / 2 - (estimate / standard_error) ** 2 * n * rho_squared / (2 * growth)
    return ConfidenceSequence(
        estimate=estimate, lower=estimate - half, upper=estimate + half, p_value=exp(min(0.0, exponent))
    )
