"""Checked rows to the tensors that a model takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from model_runtime.errors import ModelRefused
from model_runtime.metadata import Feature, InputSchema
from model_runtime.rows import Limits, Row

_DTYPES: Mapping[str, np.dtype[Any]] = {
    "tensor(float16)": np.dtype(np.float16),
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(int8)": np.dtype(np.int8),
    "tensor(int16)": np.dtype(np.int16),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(uint16)": np.dtype(np.uint16),
    "tensor(uint32)": np.dtype(np.uint32),
    "tensor(uint64)": np.dtype(np.uint64),
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(string)": np.dtype(np.object_),
}

# numpy's kinds of element type that hold a feature of that type without changing what it means.
_KINDS = {"str": "O", "float": "f", "int": "iuf", "bool": "biuf"}

_MATRIX_RANK = 2


class Argument(Protocol):
    """An input or output as the runtime describes it."""

    @property
    def name(self) -> str:
        """Its name in the graph."""
        ...

    @property
    def type(self) -> str:
        """Its type, such as `tensor(float)`."""
        ...

    @property
    def shape(self) -> Sequence[int | str | None]:
        """Its dimensions; a number where one is fixed."""
        ...


@dataclass(frozen=True, slots=True)
class Tensor:
    """One of the model's inputs, and which features fill it."""

    name: str
    dtype: np.dtype[Any]
    rank: int
    columns: tuple[int, ...]

    def of(self, rows: Sequence[Row]) -> npt.NDArray[Any]:
        """Make the tensor of some rows: [rows, columns], or [rows] where the model takes a vector."""
        if self.rank == 1:
            (column,) = self.columns
            return np.array([row[column] for row in rows], dtype=self.dtype)
        return np.array([[row[column] for column in self.columns] for row in rows], dtype=self.dtype)


def bind_inputs(schema: InputSchema, arguments: Sequence[Argument]) -> tuple[Tensor, ...]:
    """Match a schema with a model that has one input per feature, by name, or a single one for all, in order.

    Raises:
        ModelRefused: The model's inputs do not fit the schema.
    """
    by_name = {argument.name: argument for argument in arguments}
    features = schema.features
    if by_name.keys() == {feature.name for feature in features}:
        return tuple(_tensor(by_name[feature.name], features, (index,)) for index, feature in enumerate(features))
    if len(arguments) == 1:
        return (_tensor(arguments[0], features, tuple(range(len(features)))),)
    raise ModelRefused(
        f"the model has the inputs {', '.join(sorted(by_name))}, which are not the features "
        f"{', '.join(sorted(feature.name for feature in features))}"
    )


def limits_of(schema: InputSchema, tensors: Sequence[Tensor]) -> Limits:
    """Say between which bounds each numeric feature fits its tensor."""
    limits: dict[str, tuple[float, float]] = {}
    for tensor in tensors:
        for column in tensor.columns:
            feature = schema.features[column]
            if tensor.dtype.kind in "iu":
                integers = np.iinfo(tensor.dtype)
                limits[feature.name] = (int(integers.min), int(integers.max))
            elif tensor.dtype.kind == "f":
                reals = np.finfo(tensor.dtype)
                limits[feature.name] = (float(reals.min), float(reals.max))
    return limits


def _tensor(argument: Argument, features: Sequence[Feature], columns: tuple[int, ...]) -> Tensor:
    dtype = _DTYPES.get(argument.type)
    if dtype is None:
        raise ModelRefused(f"input {argument.name} is a {argument.type}, which no feature can fill")
    for feature in (features[column] for column in columns):
        if dtype.kind not in _KINDS[feature.type]:
            raise ModelRefused(f"feature {feature.name} is of type {feature.type}, but its input is a {argument.type}")
    return Tensor(argument.name, dtype, _rank(argument, len(columns)), columns)


def _rank(argument: Argument, width: int) -> int:
    shape = list(argument.shape)
    if shape and isinstance(shape[0], int):
        raise ModelRefused(f"input {argument.name} has a fixed batch size of {shape[0]}: export it with a dynamic one")
    fits = (len(shape) == 1 and width == 1) or (
        len(shape) == _MATRIX_RANK and (not isinstance(shape[1], int) or shape[1] == width)
    )
    if not fits:
        raise ModelRefused(f"input {argument.name} has the shape {shape}, but there are {width} features for it")
    return len(shape)
