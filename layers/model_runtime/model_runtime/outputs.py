"""What a model gave, as values that JSON can hold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from model_runtime.errors import ModelRefused, PredictionFailed
from model_runtime.inputs import Argument
from model_runtime.metadata import Label, ModelMetadata

Output: TypeAlias = bool | int | float | str | list[Any]

_BINARY = 2


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer to one row; the probabilities are in the order of the class labels."""

    prediction: Output
    probabilities: list[float] | None


class OutputReader:
    """Reads the outputs that the metadata name.

    Args:
        metadata: The output schema and the class labels.
        arguments: The model's outputs.

    Raises:
        ModelRefused: The model has no output of a name in the schema.
    """

    def __init__(self, metadata: ModelMetadata, arguments: Sequence[Argument]) -> None:
        schema = metadata.output_schema
        self._labels: tuple[Label, ...] = metadata.class_labels or ()
        self._prediction = schema.prediction
        self._probabilities = schema.probabilities
        self.names = [name for name in (schema.prediction, schema.probabilities) if name is not None]
        known = {argument.name for argument in arguments}
        for name in self.names:
            if name not in known:
                raise ModelRefused(f"the model has no output {name}, only {', '.join(sorted(known))}")

    def read(self, outputs: Sequence[Any], rows: int) -> list[Prediction | PredictionFailed]:
        """Turn the outputs of one run into a prediction per row, or what is wrong with that row's.

        Args:
            outputs: As the runtime gave them, in the order of `names`: arrays, or a sequence of maps.
            rows: How many rows went in.

        Raises:
            PredictionFailed: An output has another number of rows, or another form, than it should.
        """
        by_name = dict(zip(self.names, outputs, strict=True))
        probabilities: list[list[float]] | list[None] = [None] * rows
        if self._probabilities is not None:
            probabilities = self._distributions(by_name[self._probabilities], rows)
        if self._prediction is not None:
            predictions = _values(by_name[self._prediction], rows)
        else:
            predictions = [self._likeliest(row) for row in probabilities if row is not None]
        return [_usable(*pair) for pair in zip(predictions, probabilities, strict=True)]

    def _likeliest(self, distribution: list[float]) -> Output:
        return self._labels[max(range(len(distribution)), key=distribution.__getitem__)]

    def _distributions(self, output: Any, rows: int) -> list[list[float]]:
        if isinstance(output, list):
            distributions = [self._from_map(entry) for entry in output]
        else:
            table = np.asarray(output)
            table = table.reshape(-1, 1) if table.ndim == 1 else table
            distributions = [[float(cell) for cell in row] for row in table.tolist()] if table.ndim == _BINARY else []
        if len(distributions) != rows:
            raise PredictionFailed(f"the model gave probabilities for {len(distributions)} rows instead of {rows}")
        return [self._complete(distribution) for distribution in distributions]

    def _from_map(self, entry: Any) -> list[float]:
        try:
            return [float(entry[label]) for label in self._labels]
        except (KeyError, TypeError):
            raise PredictionFailed("the model gave no probability for one of its class labels") from None

    def _complete(self, distribution: list[float]) -> list[float]:
        if len(distribution) == 1 and len(self._labels) == _BINARY:
            return [1 - distribution[0], distribution[0]]
        if len(distribution) != len(self._labels):
            raise PredictionFailed(
                f"the model gave {len(distribution)} probabilities, but has {len(self._labels)} class labels"
            )
        return distribution


def _values(output: Any, rows: int) -> list[Output]:
    table = output if isinstance(output, list) else np.asarray(output)
    if isinstance(table, np.ndarray) and table.ndim == _BINARY and table.shape[1] == 1:
        table = table[:, 0]
    values = table if isinstance(table, list) else table.tolist()
    if not isinstance(values, list) or len(values) != rows:
        raise PredictionFailed(f"the model did not give one prediction for each of {rows} rows")
    return values


def _usable(prediction: Output, probabilities: list[float] | None) -> Prediction | PredictionFailed:
    if not _finite(prediction) or not _finite(probabilities):
        return PredictionFailed("the model gave an output that is not a finite number")
    return Prediction(prediction, probabilities)


def _finite(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
