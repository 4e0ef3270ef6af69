"""Parity: does the converted model predict what its source predicts?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakeoff.conversion.errors import ParityFailure
from model_runtime.errors import ModelRuntimeError
from model_runtime.model import Outcome
from model_runtime.outputs import Output
from model_runtime.values import Value

CLASSIFIER_TOLERANCE = 1e-5
REGRESSOR_TOLERANCE = 1e-4

PROBABILITY_FLOOR = 0.03
"""A probability below this is compared as if it were this large, so to 3e-7. It may be the complement of one near 1,
of which a float32 has no more digits."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the source predicts for one row."""

    prediction: Output | None
    probabilities: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Parity:
    """How far two models are apart, and on which row most.

    Attributes:
        rows: How many rows were compared.
        tolerance: The difference that is allowed.
        largest: The largest relative difference; infinite where a label differs or a row failed.
        absolute: The largest absolute difference of two numbers.
        row: The worst row.
        expected: What the source predicts for it.
        given: What the converted model predicts for it.
    """

    rows: int
    tolerance: float
    largest: float
    absolute: float
    row: Mapping[str, Value]
    expected: object
    given: object

    @property
    def holds(self) -> bool:
        """Whether the difference is allowed."""
        return self.largest <= self.tolerance

    def require(self) -> None:
        """Raise ParityFailure unless the difference is allowed."""
        if not self.holds:
            raise ParityFailure(
                f"the converted model differs from its source by {self.largest:.3g} relative, above "
                f"{self.tolerance:g}; the worst of {self.rows} rows: {dict(self.row)}\n"
                f"  source:    {self.expected}\n  converted: {self.given}"
            )


def compare(rows: Sequence[Mapping[str, Value]], expected: Sequence[Expected], given: Sequence[Outcome]) -> Parity:
    """Compare predictions row by row.

    Two numbers a (source) and b differ by |a - b| / max(|a|, floor). The floor is `PROBABILITY_FLOOR` for
    probabilities, and for predicted values the mean of |a| over the rows, over a hundred: a value near 0
    among large ones carries their rounding. Labels differ or do not, but one may be exchanged for another of the
    same probability.

    Args:
        rows: The sample.
        expected: The source's predictions.
        given: The converted model's.
    """
    classifies = any(each.probabilities is not None or _is_label(each.prediction) for each in expected)
    sizes = [abs(number) for each in expected for number in _numbers(each.prediction)]
    floor = max(sum(sizes) / len(sizes) / 100, 1e-30) if sizes else 1.0
    gaps = [_gap(one, other, floor) for one, other in zip(expected, given, strict=True)]
    worst = max(range(len(gaps)), key=lambda index: gaps[index][0])
    return Parity(
        rows=len(gaps),
        tolerance=CLASSIFIER_TOLERANCE if classifies else REGRESSOR_TOLERANCE,
        largest=gaps[worst][0],
        absolute=max(gap[1] for gap in gaps),
        row=rows[worst],
        expected=_shown(expected[worst]),
        given=_shown(given[worst]),
    )


def _gap(expected: Expected, given: Outcome, floor: float) -> tuple[float, float]:
    if isinstance(given, ModelRuntimeError):
        return float("inf"), 0.0
    relative, absolute = 0.0, 0.0
    if expected.probabilities is not None:
        if given.probabilities is None or len(given.probabilities) != len(expected.probabilities):
            return float("inf"), 0.0
        for a, b in zip(expected.probabilities, given.probabilities, strict=True):
            absolute = max(absolute, abs(a - b))
            relative = max(relative, abs(a - b) / max(abs(a), PROBABILITY_FLOOR))
    if _is_label(expected.prediction):
        same = expected.prediction == given.prediction or _tied(expected)
        return (relative if same else float("inf")), absolute
    if expected.prediction is None:
        return relative, absolute
    ours, theirs = _numbers(expected.prediction), _numbers(given.prediction)
    if len(ours) != len(theirs):
        return float("inf"), absolute
    for a, b in zip(ours, theirs, strict=True):
        absolute = max(absolute, abs(a - b))
        relative = max(relative, abs(a - b) / max(abs(a), floor))
    return relative, absolute


def _is_label(value: object) -> bool:
    return isinstance(value, bool | int | str)


def _tied(expected: Expected) -> bool:
    if expected.probabilities is None or len(expected.probabilities) < 2:  # noqa: PLR2004 - one has no rival
        return False
    second, first = sorted(expected.probabilities)[-2:]
    return first - second <= 2 * CLASSIFIER_TOLERANCE


def _numbers(value: object) -> list[float]:
    if isinstance(value, list | tuple):
        return [number for each in value for number in _numbers(each)]
    return [value] if isinstance(value, float) else []


def _shown(answer: object) -> object:
    if isinstance(answer, Exception):
        return str(answer)
    probabilities = getattr(answer, "probabilities", None)
    prediction = getattr(answer, "prediction", None)
    if probabilities is None:
        return prediction
    return {"prediction": prediction, "probabilities": list(probabilities)}
