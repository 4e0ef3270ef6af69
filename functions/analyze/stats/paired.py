"""Two numbers per unit and how they go together: what ratios and covariates are computed from."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum

from stats.means import Moments


@dataclass(frozen=True, slots=True)
class PairedMoments:
    """Sufficient statistics of two numbers x and y per unit.

    Attributes:
        n: Units.
        total_y: Σy.
        m2_y: Σ(y - mean of y)².
        total_x: Σx.
        m2_x: Σ(x - mean of x)².
        comoment: Σ(y - mean of y)(x - mean of x), in which nothing cancels.
    """

    n: int
    total_y: float
    m2_y: float
    total_x: float
    m2_x: float
    comoment: float

    @classmethod
    def of(cls, units: Iterable[tuple[float, float]]) -> "PairedMoments":
        """Sum up pairs (y, x) in two passes."""
        pairs = tuple(units)
        y, x = Moments.of(y for y, _ in pairs), Moments.of(x for _, x in pairs)
        comoment = fsum((b - y.mean) * (a - x.mean) for b, a in pairs)
        return cls(len(pairs), y.total, y.m2, x.total, x.m2, comoment)

    @property
    def y(self) -> Moments:
        """The first number alone."""
        return Moments(self.n, self.total_y, self.m2_y)

    @property
    def x(self) -> Moments:
        """The second number alone."""
        return Moments(self.n, self.total_x, self.m2_x)

    @property
    def covariance(self) -> float:
        """Unbiased covariance of one unit's numbers; n > 1."""
        return self.comoment / (self.n - 1)

    def merge(self, other: "PairedMoments") -> "PairedMoments":
        """Join the statistics of two disjoint sets of units.

        Source:
            Chan, Golub and LeVeque (1983), The American Statistician 37, 242-247; for the comoment Pébay
            (2008), Sandia report SAND2008-6212, equation 3.9.
        """
        if self.n == 0 or other.n == 0:
            return other if self.n == 0 else self
        y, x = self.y.merge(other.y), self.x.merge(other.x)
        gap = (other.y.mean - self.y.mean) * (other.x.mean - self.x.mean)
        comoment = self.comoment + other.comoment + gap * self.n * other.n / y.n
        return PairedMoments(y.n, y.total, y.m2, x.total, x.m2, comoment)
