"""One feature's value: what the schema's types accept."""

import math
from typing import Literal, TypeAlias

FeatureType = Literal["int", "float", "str", "bool"]

Value: TypeAlias = bool | int | float | str

_WANTED = {"int": "an integer", "float": "a number", "str": "a string", "bool": "true or false"}
_SHOWN_CHARACTERS = 80


def read_value(kind: FeatureType, value: object) -> Value:
    """Check a JSON value against a type; a whole float is an integer too, as JSON does not tell them apart.

    Args:
        kind: The feature's type.
        value: What the caller gave.

    Returns:
        The value as bool, int, float or str, whichever the type says.

    Raises:
        ValueError: It is of another type, not finite, or not encodable; the text says what was wanted.
    """
    accepted = _accept(kind, value)
    if accepted is None:
        raise ValueError(f"must be {_WANTED[kind]}, got {shown(value)}")
    return accepted


def shown(value: object) -> str:
    """Show a value in a message, shortened."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "an array"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, int) and value.bit_length() > 64:  # noqa: PLR2004 - longer ones fit no tensor
        return "a longer integer"
    text = ascii(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _accept(kind: FeatureType, value: object) -> Value | None:
    if isinstance(value, bool) or kind == "bool":
        return value if isinstance(value, bool) and kind == "bool" else None
    if kind == "str":
        return value if isinstance(value, str) and _encodable(value) else None
    if kind == "int":
        return _integer(value)
    return _real(value)


def _integer(value: object) -> int | None:
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) else None


def _real(value: object) -> float | None:
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _encodable(value: str) -> bool:
    # A lone surrogate has no UTF-8, and the runtime's strings end at a NUL.
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value
