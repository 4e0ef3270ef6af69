"""Types and words that the request and configuration models share."""

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, JsonValue, StringConstraints, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails

from bakeoff_core.errors import FieldError

NAME_PATTERN = r"^[A-Za-z0-9._-]{1,128}$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A name that is safe in a URL, a key and a file name."""


def _finite(value: JsonValue) -> JsonValue:
    stack = [value]
    while stack:
        match stack.pop():
            case float() as number if not math.isfinite(number):
                raise ValueError("must hold finite numbers only")
            case list() as items:
                stack.extend(items)
            case dict() as members:
                stack.extend(members.values())
    return value


FiniteJson = Annotated[JsonValue, AfterValidator(_finite)]
"""Any JSON value; NaN and infinities, which JSON does not know, are refused."""


def _unit(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError("must be a string or an integer")
    if not value:
        raise ValueError("must not be empty")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode, without lone surrogates") from None
    return value


UnitId = Annotated[
    str,
    StringConstraints(max_length=512),
    BeforeValidator(_unit),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 512}, {"type": "integer"}]}, mode="validation"
    ),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 512}, mode="serialization"),
]
"""What is randomised: any non-empty Unicode string as given; an integer is its decimal string."""


_KINDS = frozenset({"sns", "email", "slack", "webhook"})
_WITHOUT_A_KIND = frozenset({"union_tag_invalid", "union_tag_not_found"})


def field_errors(error: ValidationError) -> list[FieldError]:
    """Say what pydantic found in the form `groups[1].weight: must be ..., got -0.5`."""
    return [field_error(details) for details in error.errors(include_url=False)]


def field_error(details: ErrorDetails) -> FieldError:
    """Say one thing that pydantic found."""
    message = details["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    value = details["input"]
    if details["type"] == "model_type":  # whose own words name a class
        message = "must be an object"
    if isinstance(value, str | int | float | bool) and details["type"] != "json_invalid":
        message += f", got {value!r:.80}"
    where = details["loc"]
    if details["type"] in _WITHOUT_A_KIND:
        where = (*where, details["ctx"]["discriminator"].strip("'"))
    return FieldError(location(where), message)


def location(parts: tuple[int | str, ...]) -> str:
    """Write a path into a document as a person would: groups[1].weight."""
    written, before = "", None
    for part in parts:
        # What one of several kinds is found to be stands among the parts, and not in the document.
        is_kind = isinstance(before, int) and part in _KINDS
        before = part
        if is_kind:
            continue
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            written += f".{part}" if written else part
    return written
