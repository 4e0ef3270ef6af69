"""Checked rows to the tensors that a model takes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from model_runtime.arrays import Shape, written
from model_runtime.blocks import Block
from model_runtime.errors import ModelRefused
from model_runtime.rows import Limits, Row
from model_runtime.schema import Feature, InputSchema
from model_runtime.tensors import DTYPES, Argument, fixed_shape

# numpy's kinds of element type that hold a feature of that type without changing what it means.
_KINDS = {"str": "O", "float": "f", "int": "iuf", "bool": "biuf"}

_MATRIX_RANK = 2

Rows: TypeAlias = Sequence[Row] | Block
"""Rows that were read one by one, or at once."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One of the model's inputs, and which features fill it.

    Attributes:
        name: Its name in the graph.
        dtype: The type of its elements.
        columns: The positions of its features.
        shape: The dimensions of one row's part; empty for a single value, as of a column.
        rank: How many dimensions the input has.
        batch_axis: Which of them counts the rows; None where all rows of a run share the tensor.
        batch_size: The number of rows where the model's graph fixes it.
        is_whole: Whether its features are all there are, in the schema's order.
    """

    name: str
    dtype: np.dtype[Any]
    columns: tuple[int, ...]
    shape: Shape
    rank: int
    batch_axis: int | None
    batch_size: int | None
    is_whole: bool = False

    def of(self, rows: Rows) -> npt.NDArray[Any]:
        """Make the tensor of some rows, all of which have its shared values and equally long arrays."""
        column = self.columns[0]
        if isinstance(rows, np.ndarray) and self.batch_axis is not None:
            picked = rows[:, column] if self.rank == 1 else rows if self.is_whole else rows[:, self.columns]
            return picked.astype(self.dtype)
        if self.batch_axis is None:
            return np.asarray(rows[0][column]).astype(self.dtype)
        if self.shape:
            return np.stack([row[column] for row in rows], axis=self.batch_axis).astype(self.dtype, copy=False)
        if self.rank == 1:
            return np.array([row[column] for row in rows], dtype=self.dtype)
        return np.array([[row[column] for column in self.columns] for row in rows], dtype=self.dtype)

    def kind_of(self, row: Row) -> object:
        """What rows must have in common to share a run, as far as this input goes."""
        value = row[self.columns[0]]
        if self.batch_axis is None:
            if isinstance(value, np.ndarray):
                return value.shape, tuple(value.flat) if value.dtype.kind == "O" else value.tobytes()
            return value
        return value.shape if isinstance(value, np.ndarray) else ()


def bind_inputs(schema: InputSchema, arguments: Sequence[Argument]) -> tuple[Tensor, ...]:
    """Match a schema with a model's inputs.

    A feature fills the input that it names, else the one of its own name, else the model's only one. An
    input takes one feature, of any shape, or a row's single values side by side.

    Raises:
        ModelRefused: The model's inputs do not fit the schema.
    """
    by_name = {argument.name: argument for argument in arguments}
    columns: dict[str, list[int]] = {name: [] for name in by_name}
    for index, feature in enumerate(schema.features):
        name = feature.input or (feature.name if feature.name in by_name else None)
        if name is None and len(by_name) == 1:
            (name,) = by_name
        if name not in columns:
            raise _no_match(by_name, schema)
        columns[name].append(index)
    if not all(columns.values()):
        raise _no_match(by_name, schema)
    return tuple(_tensor(by_name[name], schema.features, tuple(indexes)) for name, indexes in columns.items())


def batch_size_of(tensors: Sequence[Tensor]) -> int | None:
    """Find the number of rows that a run must have, or None where it may have any.

    Raises:
        ModelRefused: Two inputs fix different numbers.
    """
    sizes = {tensor.batch_size for tensor in tensors if tensor.batch_size is not None}
    if len(sizes) > 1:
        raise ModelRefused(f"the model's inputs have different fixed batch sizes: {', '.join(map(str, sorted(sizes)))}")
    return sizes.pop() if sizes else None


def limits_of(schema: InputSchema, tensors: Sequence[Tensor]) -> Limits:
    """Say between which bounds each numeric feature fits its tensor."""
    limits: dict[str, tuple[float, float]] = {}
    for tensor, feature in _pairs(schema, tensors):
        if tensor.dtype.kind in "iu":
            integers = np.iinfo(tensor.dtype)
            limits[feature.name] = (int(integers.min), int(integers.max))
        elif tensor.dtype.kind == "f":
            reals = np.finfo(tensor.dtype)
            limits[feature.name] = (float(reals.min), float(reals.max))
    # A Boolean fits any number's tensor, and is no number itself.
    return {
        feature.name: limits[feature.name]
        for feature in schema.features
        if feature.name in limits and feature.type in {"int", "float"}
    }


def shapes_of(schema: InputSchema, tensors: Sequence[Tensor]) -> Mapping[str, Shape]:
    """Say which dimensions the inputs ask of the features that are arrays."""
    return {feature.name: tensor.shape for tensor, feature in _pairs(schema, tensors) if feature.shape}


def _pairs(schema: InputSchema, tensors: Sequence[Tensor]) -> Iterator[tuple[Tensor, Feature]]:
    return ((tensor, schema.features[column]) for tensor in tensors for column in tensor.columns)


def _no_match(arguments: Mapping[str, Argument], schema: InputSchema) -> ModelRefused:
    return ModelRefused(
        f"the model has the inputs {', '.join(sorted(arguments))}, which are not the features "
        f"{', '.join(sorted(feature.input or feature.name for feature in schema.features))}"
    )


def _tensor(argument: Argument, features: Sequence[Feature], columns: tuple[int, ...]) -> Tensor:
    dtype = DTYPES.get(argument.type)
    if dtype is None:
        raise ModelRefused(f"input {argument.name} is a {argument.type}, which no feature can fill")
    for feature in (features[column] for column in columns):
        if dtype.kind not in _KINDS[feature.type]:
            raise ModelRefused(f"feature {feature.name} is of type {feature.type}, but its input is a {argument.type}")
    lengths = fixed_shape(argument)
    if len(columns) > 1:
        return _matrix(argument, dtype, features, columns)
    feature = features[columns[0]]
    if len(lengths) == _MATRIX_RANK and not feature.shape and lengths[1] in {None, 1}:
        return Tensor(argument.name, dtype, columns, (), _MATRIX_RANK, 0, lengths[0])
    if len(lengths) == len(feature.shape):
        shape = _narrowed(feature, lengths, argument)
        return Tensor(argument.name, dtype, columns, shape, len(lengths), None, None)
    if len(lengths) == len(feature.shape) + 1:
        axis = feature.batch_axis
        shape = _narrowed(feature, lengths[:axis] + lengths[axis + 1 :], argument)
        return Tensor(argument.name, dtype, columns, shape, len(lengths), axis, lengths[axis])
    raise _misfit(argument, f"feature {feature.name} has the shape {written(feature.shape)}")


def _matrix(argument: Argument, dtype: np.dtype[Any], features: Sequence[Feature], columns: tuple[int, ...]) -> Tensor:
    lengths = fixed_shape(argument)
    arrays = [features[column].name for column in columns if features[column].shape]
    if arrays:
        raise ModelRefused(f"input {argument.name} takes several features, and {arrays[0]} is an array")
    if len(lengths) != _MATRIX_RANK or lengths[1] not in {None, len(columns)}:
        raise _misfit(argument, f"there are {len(columns)} features for it")
    is_whole = columns == tuple(range(len(features)))
    return Tensor(argument.name, dtype, columns, (), _MATRIX_RANK, 0, lengths[0], is_whole)


def _narrowed(feature: Feature, lengths: Sequence[int | None], argument: Argument) -> Shape:
    narrowed = tuple(
        wanted if length is None else length for length, wanted in zip(lengths, feature.shape, strict=True)
    )
    if any(wanted not in {None, length} for wanted, length in zip(feature.shape, narrowed, strict=True)):
        raise _misfit(argument, f"feature {feature.name} has the shape {written(feature.shape)}")
    return narrowed


def _misfit(argument: Argument, why: str) -> ModelRefused:
    return ModelRefused(f"input {argument.name} has the shape {list(argument.shape)}, but {why}")
