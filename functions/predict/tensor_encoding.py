"""Tensors as the Open Inference Protocol writes them: JSON arrays, or raw little-endian bytes."""

import math
import struct
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff_core.errors import InvalidInput
from model_runtime.packing import packed

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}

_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_LENGTH = struct.Struct("<I")


def datatype_of(dtype: np.dtype[Any]) -> str:
    """Name an element type as the protocol does."""
    return _NAMES[dtype]


def from_json(data: object, datatype: str, shape: Sequence[int], loc: str) -> npt.NDArray[Any]:
    """Make a tensor of nested or flat JSON arrays.

    Raises:
        InvalidInput: There are more or fewer elements than the shape says, or one is of another type.
    """
    array = packed(data, DTYPES[datatype]) if isinstance(data, list) and len(data) == math.prod(shape) else None
    if array is None:
        array = _from_elements(data, datatype, shape, loc)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidInput.of(loc, f"holds a number that is no {datatype}")
    return array.reshape(shape)


def _from_elements(data: object, datatype: str, shape: Sequence[int], loc: str) -> npt.NDArray[Any]:
    """Make a flat array, looking at each element where it has to be said what is wrong."""
    elements, types = _flat(data, loc)
    if len(elements) != math.prod(shape):
        raise InvalidInput.of(loc, f"must hold {math.prod(shape)} elements, as its shape says, got {len(elements)}")
    wanted, fits = _FITTING["FP" if datatype.startswith("FP") else datatype.lstrip("U").rstrip("0123456789")]
    if not types <= _OF_NUMBERS.get(wanted, frozenset()):
        for element in elements:
            if not fits(element):
                raise InvalidInput.of(loc, f"must hold {wanted} only, got {element!r:.80}")
    try:
        return np.array(elements, dtype=DTYPES[datatype])
    except (OverflowError, ValueError):
        raise InvalidInput.of(loc, f"holds a number that is no {datatype}") from None


def from_bytes(raw: bytes, datatype: str, shape: Sequence[int], loc: str) -> npt.NDArray[Any]:
    """Make a tensor of raw bytes.

    Raises:
        InvalidInput: There are more or fewer bytes than the shape says, or they are no such elements.
    """
    if datatype == "BYTES":
        elements = _strings(raw, loc)
        if len(elements) != math.prod(shape):
            raise InvalidInput.of(loc, f"must hold {math.prod(shape)} elements, as its shape says, got {len(elements)}")
        return np.array(elements, dtype=np.object_).reshape(shape)
    dtype = DTYPES[datatype]
    needed = math.prod(shape) * dtype.itemsize
    if len(raw) != needed:
        raise InvalidInput.of(loc, f"must hold {needed} bytes, as its shape says, got {len(raw)}")
    if datatype == "BOOL":
        return np.frombuffer(raw, np.uint8).astype(np.bool_).reshape(shape)
    return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def to_json(tensor: npt.NDArray[Any], loc: str) -> list[Any]:
    """Write a tensor as a flat JSON array, row by row.

    Raises:
        InvalidInput: It holds NaN or infinities, which JSON does not know.
    """
    if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
        raise InvalidInput.of(loc, "holds NaN or infinities, which JSON does not know: ask for binary data")
    return [
        element.decode(errors="replace") if isinstance(element, bytes) else element
        for element in tensor.reshape(-1).tolist()
    ]


def to_bytes(tensor: npt.NDArray[Any]) -> bytes:
    """Write a tensor as raw bytes, row by row."""
    if tensor.dtype.kind == "O":
        encoded = (each if isinstance(each, bytes) else str(each).encode() for each in tensor.reshape(-1).tolist())
        return b"".join(chain.from_iterable((_LENGTH.pack(len(each)), each) for each in encoded))
    return tensor.astype(tensor.dtype.newbyteorder("<")).tobytes()


def _flat(data: object, loc: str) -> tuple[list[Any], set[type]]:
    """Unnest elements, and say of which types they are."""
    if not isinstance(data, list):
        raise InvalidInput.of(loc, "must be an array")
    level: list[Any] = data
    types = set(map(type, level))
    while list in types:
        if len(types) > 1:
            raise InvalidInput.of(loc, "must be nested evenly")
        level = list(chain.from_iterable(level))
        types = set(map(type, level))
    return level, types


def _strings(raw: bytes, loc: str) -> list[str]:
    elements: list[str] = []
    at = 0
    while at < len(raw):
        if len(raw) - at < _LENGTH.size:
            raise InvalidInput.of(loc, "ends within the length of an element")
        (length,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size
        element = raw[at : at + length]
        if len(element) != length:
            raise InvalidInput.of(loc, "ends within an element")
        at += length
        try:
            elements.append(element.decode())
        except UnicodeDecodeError:
            raise InvalidInput.of(loc, "must hold UTF-8 text") from None
    return elements


def _is_text(element: object) -> bool:
    if not isinstance(element, str):
        return False
    try:
        element.encode()
    except UnicodeEncodeError:
        return False
    return True


# What JSON gives where nothing needs a closer look.
_OF_NUMBERS = {"integers": frozenset({int}), "numbers": frozenset({int, float})}

_FITTING: dict[str, tuple[str, Callable[[object], bool]]] = {
    "BOOL": ("true and false", lambda element: isinstance(element, bool)),
    "INT": ("integers", lambda element: isinstance(element, int) and not isinstance(element, bool)),
    "FP": ("numbers", lambda element: isinstance(element, int | float) and not isinstance(element, bool)),
    "BYTES": ("strings", _is_text),
}
