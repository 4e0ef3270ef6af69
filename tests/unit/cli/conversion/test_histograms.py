import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.conversion.histograms import distribution, training_sample
from bakeoff.conversion.samples import read_sample
from model_runtime.distributions import Frequencies, Histogram
from model_runtime.outputs import Prediction


def test_many_numbers_are_counted_between_deciles() -> None:
    counted = distribution([float(number) for number in range(1_000)])
    assert isinstance(counted, Histogram)
    assert counted.cuts == tuple(range(100, 1_000, 100))
    assert counted.counts == (101, *[100] * 8, 99)


def test_few_numbers_are_counted_one_by_one() -> None:
    assert distribution([1, 1, 2, 5]) == Histogram(cuts=(1.5, 3.5), counts=(2, 1, 1))
    assert distribution([3, 3]) == Histogram(cuts=(), counts=(2,))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_number_is_counted_once(values: list[float]) -> None:
    assert sum(distribution(values).counts) == len(values)


def test_texts_and_booleans_are_counted_by_value_the_rare_ones_together() -> None:
    assert distribution(["b", "a", "b"]) == Frequencies(texts=("b", "a"), counts=(2, 1, 0))
    assert distribution([True, False, True]) == Frequencies(texts=("true", "false"), counts=(2, 1, 0))
    assert distribution(["b"] * 200 + ["rare"]) == Frequencies(texts=("b",), counts=(200, 1))
    assert distribution(["long" * 50, "b"]) == Frequencies(texts=("b",), counts=(1, 1))
    many = distribution([str(number) for number in range(30)])
    assert (len(many.counts), many.counts[-1]) == (21, 10)


def test_a_sample_is_described_with_its_defaults_and_scores() -> None:
    sample = read_sample([{"x": 1}, {"x": None}]).with_defaults({"x": 2})
    described = training_sample(sample, [Prediction("a", [0.8, 0.2]), Prediction("a", [0.7, 0.3])])
    assert described.rows == 2
    assert described.features == {"x": Histogram(cuts=(1.5,), counts=(1, 1))}
    assert described.scores["prediction"] == Frequencies(texts=("a",), counts=(2, 0))
    assert described.scores["probability"] == Histogram(cuts=(0.25,), counts=(1, 1))


@pytest.mark.parametrize(("probabilities", "cut"), [([[0.1, 0.6, 0.3], [0.8, 0.1, 0.1]], 0.7)])
def test_of_several_classes_the_highest_probability_counts(probabilities: list[list[float]], cut: float) -> None:
    sample = read_sample([{"x": 1}, {"x": 1}])
    described = training_sample(sample, [Prediction(1, each) for each in probabilities])
    assert described.scores["probability"] == Histogram(cuts=(cut,), counts=(1, 1))


def test_of_a_wide_sample_the_first_columns_are_described() -> None:
    sample = read_sample([{f"x{number}": 1.5 for number in range(600)}])
    assert list(training_sample(sample, [Prediction(1, None)]).features) == [f"x{number}" for number in range(500)]


def test_cuts_have_few_digits_and_still_count_every_number() -> None:
    counted = distribution([number / 7 for number in range(100)])
    assert isinstance(counted, Histogram)
    assert counted.cuts[0] == 1.42857
    assert sum(counted.counts) == 100


def test_predictions_of_several_values_have_no_score() -> None:
    described = training_sample(read_sample([{"x": 1}]), [Prediction([1.0, 2.0], None)])
    assert described.scores == {}
