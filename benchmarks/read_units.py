"""What DynamoDB counts for reading items.

Source:
    Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats" and "Read consistency and capacity units".
"""

import math
from collections.abc import Iterable, Mapping

_BYTES_A_UNIT = 4_096
_EVENTUAL = 0.5


def item_bytes(item: Mapping[str, str | int]) -> int:
    """Tell how many bytes an item of texts and whole numbers counts with.

    A text counts with its UTF-8 bytes, a number with a byte for every two of its digits and one more, and each
    attribute with its name.
    """
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def units(items: Iterable[Mapping[str, str | int]]) -> float:
    """Tell how many read units one query or scan takes that reads these items with eventual consistency."""
    return math.ceil(sum(map(item_bytes, items)) / _BYTES_A_UNIT) * _EVENTUAL


def _value_bytes(value: str | int) -> int:
    if isinstance(value, str):
        return len(value.encode())
    return math.ceil(len(str(abs(value)).rstrip("0") or "0") / 2) + 1
