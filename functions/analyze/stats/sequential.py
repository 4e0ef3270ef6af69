"""Results that may be looked at as often as one likes: confidence sequences."""

from dataclasses import dataclass
from math import exp, expm1, log, log1p, sqrt

from stats.difference import Undefined
from stats.estimates import Alternative

METHOD = "asymptotic confidence sequence"
TUNING_SAMPLE_SIZE = 5_000
_SMALLEST_EVIDENCE = 1e-12  # below which a one-sided p-value is 1 in any case


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
    alternative: Alternative = "two_sided",
) -> ConfidenceSequence | Undefined:
    """Bound a difference at all sample sizes at once.

    Half-width s sqrt(2 (n rho² + 1) ln(sqrt(n rho² + 1) / alpha) / (n rho)²), with
    s² = se² n and rho = sqrt((-2 ln alpha + ln(-2 ln alpha + 1)) / N*). The p-value is
    the alpha at which the sequence first touches 0, with rho held. A one-sided p-value inverts the one-sided
    sequence, whose half-width is s sqrt(2 (n rho² + 1) ln(1 + sqrt(n rho² + 1) / (2 alpha)) / (n rho)²); the
    interval is the two-sided one in any case.

    Args:
        estimate: The difference, absolute or relative.
        standard_error: Of the estimate.
        n: Units of both groups together.
        level: Coverage over all looks, in (0, 1).
        tuning_sample_size: N*, the number of units at which the sequence is tightest.
        alternative: Of the p-value.

    Returns:
        The sequence's value at n; undefined without units or without variance.

    Source:
        Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv 2103.06476, equations 13 and 45 with n, rho and
        s² of both groups together.
    """
    if n == 0 or standard_error == 0:
        return Undefined("no variance to bound the difference with")
    information = _information(n, level, tuning_sample_size)
    growth = information + 1
    half = standard_error * _distance(information, 1 - level, "two_sided")
    # (estimate / s)² n rho² / (2 (n rho² + 1)), which the logarithms of both p-values are about.
    evidence = (estimate / standard_error) ** 2 * information / (2 * growth)
    return ConfidenceSequence(
        estimate=estimate,
        lower=estimate - half,
        upper=estimate + half,
        p_value=_p_value(evidence, growth, estimate, alternative),
    )


def sequence_boundary(
    standard_error: float,
    n: int,
    *,
    alpha: float,
    level: float = 0.95,
    tuning_sample_size: int = TUNING_SAMPLE_SIZE,
    alternative: Alternative = "two_sided",
) -> float:
    """Find how far a difference must be from 0 for its always-valid p-value to be alpha; n and the error above 0.

    It is the half-width of the sequence at alpha, with rho held at the sequence's own level: what inverts the p-value.

    Args:
        standard_error: Of the difference.
        n: Units of both groups together.
        alpha: The p-value to be reached.
        level: As for the sequence.
        tuning_sample_size: As for the sequence.
        alternative: Of the p-value.
    """
    return standard_error * _distance(_information(n, level, tuning_sample_size), alpha, alternative)


def _information(n: int, level: float, tuning_sample_size: int) -> float:
    """Compute n rho²."""
    alpha = 1 - level
    return n * (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / tuning_sample_size


def _distance(information: float, alpha: float, alternative: Alternative) -> float:
    """The half-width at alpha in standard errors, with s² = se² n put in and the logarithm of the root taken apart."""
    growth = information + 1
    evidence = log(growth) / 2 - log(alpha) if alternative == "two_sided" else log1p(sqrt(growth) / (2 * alpha))
    return sqrt(2 * growth / information * evidence)


def _p_value(evidence: float, growth: float, estimate: float, alternative: Alternative) -> float:
    if alternative == "two_sided":
        return exp(min(0.0, log(growth) / 2 - evidence))
    against = estimate <= 0 if alternative == "greater" else estimate >= 0
    if against or evidence < _SMALLEST_EVIDENCE:
        return 1.0
    # sqrt(growth) / (2 (e^evidence - 1)), without overflow.
    return min(1.0, sqrt(growth) / 2 * exp(-evidence) / -expm1(-evidence))
