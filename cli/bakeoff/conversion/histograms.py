"""Distributions of sample columns and of what the model predicts for them."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from bakeoff.conversion.samples import Sample
from model_runtime.distributions import Frequencies, Histogram, TrainingSample
from model_runtime.outputs import Prediction
from model_runtime.values import Value

_BINS = 10
_DIGITS = 6
_TEXTS = 20
# A rarer text says little of a distribution, and may say much of a person.
_SMALLEST_SHARE = 0.01
_LONGEST_TEXT = 100
# The registry's item holds 400 KB.
_FEATURES = 500


def training_sample(sample: Sample, predictions: Sequence[Prediction]) -> TrainingSample:
    """Describe sample rows and the predictions for them, as later requests are compared with them.

    Of a wide sample, the first columns are described.
    """
    features = {column.name: distribution(column.complete()) for column in sample.columns[:_FEATURES]}
    scores: dict[Literal["prediction", "probability"], Histogram | Frequencies] = {}
    outputs = [prediction.prediction for prediction in predictions]
    if all(isinstance(output, bool | int | float | str) for output in outputs):
        scores["prediction"] = distribution(outputs)  # type: ignore[arg-type] # just checked
    probabilities = [score(prediction.probabilities) for prediction in predictions if prediction.probabilities]
    if probabilities:
        scores["probability"] = distribution(probabilities)
    return TrainingSample(rows=sample.size, features=features, scores=scores)


def score(probabilities: Sequence[float]) -> float:
    """One number for a distribution over classes: the second of two probabilities, the highest of several."""
    return probabilities[1] if len(probabilities) == 2 else max(probabilities)  # noqa: PLR2004 - two classes


def distribution(values: Sequence[Value]) -> Histogram | Frequencies:
    """Count texts and booleans by value, and numbers between deciles, or between values if there are few.

    Texts that are rare or long are counted together.
    """
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return _histogram([float(value) for value in values])
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    common = [
        (text, count)
        for text, count in Counter(texts).most_common(_TEXTS)
        if count >= _SMALLEST_SHARE * len(texts) and len(text) <= _LONGEST_TEXT
    ]
    counts = [count for _text, count in common]
    return Frequencies(texts=tuple(text for text, _count in common), counts=(*counts, len(texts) - sum(counts)))


def _histogram(values: Sequence[float]) -> Histogram:
    ordered = sorted(values)
    distinct = sorted(set(values))
    if len(distinct) <= _BINS:
        cuts = [(low + high) / 2 for low, high in pairwise(distinct)]
    else:
        cuts = sorted({ordered[len(ordered) * decile // _BINS] for decile in range(1, _BINS)})
    # The sum of two huge neighbours is infinite; and two near cuts may be one in fewer digits.
    cuts = sorted({float(f"{cut:.{_DIGITS}g}") for cut in cuts if abs(cut) < float("inf")})
    cuts = [cut for cut in cuts if abs(cut) < float("inf")]
    counts = [0] * (len(cuts) + 1)
    for value in values:
        counts[bisect_left(cuts, value)] += 1
    return Histogram(cuts=tuple(cuts), counts=tuple(counts))
