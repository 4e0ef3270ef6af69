"""What a model gave, as values that JSON can hold or as tensors."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from model_runtime.errors import ModelRefused, PredictionFailed
from model_runtime.metadata import Label, ModelMetadata
from model_runtime.tensors import Argument, element_type

Output: TypeAlias = bool | int | float | str | list[Any] | dict[str, Any]

_BINARY = 2


class Prediction(NamedTuple):
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
        self._batch_axes = schema.batch_axes
        self.names = list(schema.outputs)
        known = {argument.name for argument in arguments}
        for name in self.names:
            if name not in known:
                raise ModelRefused(f"the model has no output {name}, only {', '.join(sorted(known))}")

    def read(
        self, outputs: Sequence[Any], rows: int, *, has_batch_axis: bool = True
    ) -> list[Prediction | PredictionFailed]:
        """Turn the outputs of one run into a prediction per row, or what is wrong with that row's.

        Args:
            outputs: As the runtime gave them, in the order of `names`: arrays, sequences, or maps.
            rows: How many rows went in.
            has_batch_axis: Whether the outputs count rows at all; else each is the one row's as a whole.

        Raises:
            PredictionFailed: An output has another number of rows, or another form, than it should.
        """
        if len(outputs) == 1 and self._prediction == self.names[0] and has_batch_axis:
            return [_usable(each, None) for each in _values(self._per_row(self.names[0], outputs[0]), rows)]
        by_name = {
            name: self._per_row(name, output) if has_batch_axis else [output]
            for name, output in zip(self.names, outputs, strict=True)
        }
        probabilities: list[list[float]] | list[None] = [None] * rows
        if self._probabilities is not None:
            probabilities = self._distributions(by_name[self._probabilities], rows)
        predictions: list[Any]
        if self._prediction is None:
            predictions = [self._likeliest(row) for row in probabilities if row is not None]
        elif isinstance(self._prediction, str):
            predictions = _values(by_name[self._prediction], rows)
        else:
            columns = [_values(by_name[name], rows) for name in self._prediction]
            predictions = [dict(zip(self._prediction, row, strict=True)) for row in zip(*columns, strict=True)]
        return list(map(_usable, predictions, probabilities))

    def _per_row(self, name: str, output: Any) -> Any:
        if isinstance(output, list):
            return output
        if isinstance(output, dict):
            return [output]
        table = np.asarray(output)
        axis = self._batch_axes.get(name, 0)
        if table.ndim <= axis:
            return table.reshape(1) if table.ndim == 0 else table
        return np.moveaxis(table, axis, 0) if axis else table

    def _likeliest(self, distribution: list[float]) -> Output:
        return self._labels[max(range(len(distribution)), key=distribution.__getitem__)]

    def _distributions(self, output: Any, rows: int) -> list[list[float]]:
        if isinstance(output, list):
            distributions = [self._from_entry(entry) for entry in output]
        else:
            table = output.reshape(-1, 1) if output.ndim == 1 else output
            distributions = [[float(cell) for cell in row] for row in table.tolist()] if table.ndim == _BINARY else []
        if len(distributions) != rows:
            raise PredictionFailed(f"the model gave probabilities for {len(distributions)} rows instead of {rows}")
        return [self._complete(distribution) for distribution in distributions]

    def _from_entry(self, entry: Any) -> list[float]:
        if not isinstance(entry, dict):
            return [float(cell) for cell in np.asarray(entry).reshape(-1).tolist()]
        return in_label_order(entry, self._labels)

    def _complete(self, distribution: list[float]) -> list[float]:
        if len(distribution) == 1 and len(self._labels) == _BINARY:
            return [1 - distribution[0], distribution[0]]
        if len(distribution) != len(self._labels):
            raise PredictionFailed(
                f"the model gave {len(distribution)} probabilities, but has {len(self._labels)} class labels"
            )
        return distribution


def in_label_order(entry: Mapping[Any, Any], labels: Sequence[Label]) -> list[float]:
    """Read the map that a model gives for a row, in the order of the class labels.

    Raises:
        PredictionFailed: The map has no number for a label.
    """
    try:
        return [float(entry[label]) for label in labels]
    except (KeyError, TypeError):
        raise PredictionFailed("the model gave no probability for one of its class labels") from None


def as_tensor(output: Any, argument: Argument, labels: Sequence[Label]) -> npt.NDArray[Any]:
    """Make one tensor of an output: maps become columns in the order of the class labels.

    Raises:
        PredictionFailed: The output has no form that a tensor can have.
    """
    if isinstance(output, dict):
        output = [output]
    if isinstance(output, list):
        output = [in_label_order(entry, labels) if isinstance(entry, dict) else entry for entry in output]
        try:
            return np.array(output, dtype=element_type(argument))
        except ValueError:
            raise PredictionFailed(f"the output {argument.name} is a sequence of unequal parts") from None
    return np.asarray(output)


def _values(output: Any, rows: int) -> list[Any]:
    table = output
    if isinstance(table, np.ndarray) and table.ndim == _BINARY and table.shape[1] == 1:
        table = table[:, 0]
    values = [_plain(entry) for entry in table] if isinstance(table, list) else table.tolist()
    if len(values) != rows:
        raise PredictionFailed(f"the model did not give one prediction for each of {rows} rows")
    return values


def _plain(entry: Any) -> Any:
    if isinstance(entry, dict):
        return {str(key): _plain(value) for key, value in entry.items()}
    if isinstance(entry, list):
        return [_plain(each) for each in entry]
    return entry.tolist() if isinstance(entry, np.ndarray | np.generic) else entry


def _usable(prediction: Output, probabilities: list[float] | None) -> Prediction | PredictionFailed:
    if type(prediction) is float and probabilities is None and math.isfinite(prediction):
        return Prediction(prediction, None)  # what most models give
    if not _finite(prediction) or not _finite(probabilities):
        return PredictionFailed("the model gave an output that is not a finite number")
    return Prediction(prediction, probabilities)


def _finite(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_finite, value))
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return not isinstance(value, float) or math.isfinite(value)
