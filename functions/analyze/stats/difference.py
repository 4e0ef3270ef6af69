"""What a comparison of two groups comes to: a difference with its uncertainty, or why there is none."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """Treatment minus control, with its uncertainty.

    Attributes:
        estimate: The difference, in the metric's own unit.
        lower: Lower bound of the interval.
        upper: Upper bound of the interval.
        p_value: Two-sided.
        method: The names of the test and of the interval.
        standard_error: Of the estimate; None where the method has none.
        statistic: The test statistic; None for an exact test.
        degrees_of_freedom: Of the t distribution; None where the normal one was used.
    """

    estimate: float
    lower: float
    upper: float
    p_value: float
    method: str
    standard_error: float | None = None
    statistic: float | None = None
    degrees_of_freedom: float | None = None


@dataclass(frozen=True, slots=True)
class Undefined:
    """A value that does not exist for this data, and why."""

    reason: str
