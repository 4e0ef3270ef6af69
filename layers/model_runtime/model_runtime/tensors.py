"""Tensors as the runtime knows them: element types, arguments of a graph, and whether an array fits one."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from model_runtime.errors import FeatureError, InvalidFeatures

DTYPES: Mapping[str, np.dtype[Any]] = {
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

_INNERMOST_TENSOR = re.compile(r"tensor\(\w+\)")


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


def element_type(argument: Argument) -> np.dtype[Any] | None:
    """Find the type of a tensor's elements, or of the values in a map or a sequence; None for an unknown one."""
    found = _INNERMOST_TENSOR.search(argument.type)
    return DTYPES.get(found[0]) if found else None


def fixed_shape(argument: Argument) -> tuple[int | None, ...]:
    """Read an argument's dimensions, None for one that may vary."""
    return tuple(length if isinstance(length, int) and length >= 0 else None for length in argument.shape)


def check_feed(feed: Mapping[str, npt.NDArray[Any]], arguments: Sequence[Argument]) -> None:
    """Check whole tensors against a graph's inputs.

    Raises:
        InvalidFeatures: Names every input that is missing, unknown, or of another type or shape.
    """
    known = {argument.name: argument for argument in arguments}
    errors = [FeatureError(name, "is not an input of the model") for name in feed if name not in known]
    for name, argument in known.items():
        if name not in feed:
            errors.append(FeatureError(name, "is missing"))
        elif (msg := _misfit(feed[name], argument)) is not None:
            errors.append(FeatureError(name, msg))
    if errors:
        raise InvalidFeatures(errors)


def _misfit(array: npt.NDArray[Any], argument: Argument) -> str | None:
    dtype = element_type(argument)
    if dtype != array.dtype:
        return f"must be a {argument.type}, got elements of type {array.dtype.name}"
    shape = fixed_shape(argument)
    if len(shape) != array.ndim or any(
        wanted not in {None, length} for wanted, length in zip(shape, array.shape, strict=True)
    ):
        wanted_shape = ", ".join("any" if length is None else str(length) for length in shape)
        return f"must have the shape [{wanted_shape}], got {list(array.shape)}"
    return None
