"""Arrays of plain numbers, made of lists without a look at each of them."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_NUMBERS = "fiu"


def packed(values: Sequence[object], dtype: npt.DTypeLike) -> npt.NDArray[Any] | None:
    """Make an array of values that came as JSON.

    Args:
        values: Whatever JSON gives.
        dtype: What the array is to hold.

    Returns:
        The numbers, or None where the values must be looked at one by one: the array is to hold no numbers, or one of
        the values is no number of that kind or out of its range; a float beyond the range may be an infinity, too.
    """
    array = np.empty(len(values), dtype)
    if array.dtype.kind not in _NUMBERS:
        return None
    try:
        struct.pack_into(f"{len(values)}{array.dtype.char}", array.data, 0, *values)
    except (OverflowError, struct.error):
        return None
    # Of what is no number, booleans alone are packed, as 0 and 1: only there is the type not certain.
    uncertain = np.flatnonzero((array == 0) | (array == 1)).tolist()
    return None if bool in {type(values[at]) for at in uncertain} else array
