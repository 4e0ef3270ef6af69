"""Reading bodies that are mostly numbers."""

from typing import Any, TypeVar

import orjson
from pydantic import BaseModel

from bakeoff_core.http import checked, parse

Model = TypeVar("Model", bound=BaseModel)


def parse_numbers(model: type[Model], body: str | bytes | None) -> Model:
    """Read a body into a model as `parse` does, a third sooner where it holds many numbers.

    An integer beyond 64 bits becomes the nearest float, so this is for what goes into tensors, and for names.

    Args:
        model: What the body must be.
        body: JSON text.

    Raises:
        InvalidInput: The body is no JSON, or one or more of its fields are wrong; it names them.
    """
    try:
        document: Any = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        return parse(model, body)  # which says what is wrong as all other routes do
    return checked(model, document) if isinstance(document, dict) else parse(model, body)
