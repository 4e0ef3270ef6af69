import math
from typing import Any

import pytest

from bakeoff.conversion.errors import ParityFailure
from bakeoff.conversion.parity import Expected, compare
from model_runtime.errors import PredictionFailed
from model_runtime.outputs import Prediction


def classified(*probabilities: float, label: Any = 1) -> Expected:
    return Expected(label, probabilities)


def given(*probabilities: float, label: Any = 1) -> Prediction:
    return Prediction(label, list(probabilities))


def rows(count: int) -> list[dict[str, Any]]:
    return [{"row": index} for index in range(count)]


def test_probabilities_differ_relative_to_themselves() -> None:
    parity = compare(rows(2), [classified(0.8, 0.2), classified(0.5, 0.5)], [given(0.8, 0.200_001), given(0.5, 0.5)])
    assert parity.largest == pytest.approx(1e-6 / 0.2)
    assert parity.absolute == pytest.approx(1e-6)
    assert (parity.row, parity.rows, parity.tolerance, parity.holds) == ({"row": 0}, 2, 1e-5, True)


def test_small_probabilities_differ_relative_to_the_floor() -> None:
    parity = compare(rows(1), [classified(0.999, 0.001)], [given(0.999, 0.001_000_3)])
    assert parity.largest == pytest.approx(3e-7 / 0.03)


@pytest.mark.parametrize("off", [2.1e-6, -2.1e-6])
def test_a_probability_above_the_tolerance_is_refused_with_its_row(off: float) -> None:
    parity = compare(rows(3), [classified(0.8, 0.2)] * 3, [given(0.8, 0.2), given(0.8, 0.2 + off), given(0.8, 0.2)])
    assert not parity.holds
    with pytest.raises(ParityFailure, match=r"worst of 3 rows: \{'row': 1\}\n  source: .*0\.2\]\}\n  converted: "):
        parity.require()


def test_values_differ_relative_to_themselves_or_to_a_hundredth_of_the_mean() -> None:
    expected = [Expected(100.0, None), Expected(0.0, None), Expected(-200.0, None)]
    parity = compare(rows(3), expected, [Prediction(100.005, None), Prediction(0.0001, None), Prediction(-200.0, None)])
    assert parity.tolerance == 1e-4
    assert parity.largest == pytest.approx(0.0001)
    assert parity.row == {"row": 1}
    assert parity.absolute == pytest.approx(0.005)


def test_several_values_a_row_are_compared_one_by_one() -> None:
    parity = compare(rows(1), [Expected([1.0, 2.0], None)], [Prediction([1.0, 2.01], None)])
    assert parity.largest == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        (classified(0.8, 0.2, label="a"), given(0.8, 0.2, label="b")),
        (classified(0.8, 0.2), Prediction(1, None)),
        (classified(0.8, 0.2), given(0.8, 0.1, 0.1)),
        (classified(0.8, 0.2), PredictionFailed("the model failed")),
        (Expected("a", None), Prediction("b", None)),
        (Expected([1.0, 2.0], None), Prediction([1.0], None)),
        (Expected(1.0, None), PredictionFailed("the model failed")),
    ],
)
def test_another_label_shape_or_a_failure_is_infinitely_far(expected: Expected, answer: Any) -> None:
    parity = compare(rows(1), [expected], [answer])
    assert math.isinf(parity.largest)
    with pytest.raises(ParityFailure):
        parity.require()


def test_labels_of_the_same_probability_may_be_exchanged() -> None:
    parity = compare(rows(1), [classified(0.5, 0.5, label="a")], [given(0.5, 0.5, label="b")])
    assert parity.largest == 0
