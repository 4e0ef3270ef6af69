"""How the values of a metric are drawn and written."""

from collections.abc import Callable
from dataclasses import dataclass

from bakeoff_core.experiments.metrics import Metric
from rendering.formatting import number, percent, points, signed_number

_HUNDREDTHS = 100


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis of a metric.

    Attributes:
        factor: From values to what is drawn.
        suffix: After the numbers of the axis.
        unit: Behind the axis's title.
        write: Writes a value for people.
    """

    factor: float
    suffix: str
    unit: str
    write: Callable[[float], str]

    def of(self, value: float) -> float:
        """Where a value is drawn."""
        return value * self.factor

    def title(self, what: str) -> str:
        """The axis's title."""
        return f"{what}{self.unit}"


def value_scale(metric: Metric) -> Scale:
    """The scale of a metric's values."""
    return Scale(_HUNDREDTHS, "%", "", percent) if metric.is_share else Scale(1, "", "", number)


def difference_scale(metric: Metric) -> Scale:
    """The scale of its differences."""
    if metric.is_share:
        return Scale(_HUNDREDTHS, "", ", percentage points", points)
    return Scale(1, "", "", signed_number)
