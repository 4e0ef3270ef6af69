"""Reading request bodies."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from bakeoff_core.errors import InvalidInput
from bakeoff_core.validation import field_errors

Model = TypeVar("Model", bound=BaseModel)


def parse_json(body: str | bytes | None) -> Any:
    """Read a JSON document; NaN and infinities are not JSON.

    Raises:
        InvalidInput: The body is empty or no JSON.
    """
    if not body:
        raise InvalidInput.of("body", "must hold a JSON document")
    # What is no text, as lone surrogates are none, is then found where it stands.
    written = body.encode(errors="surrogatepass") if isinstance(body, str) else body
    try:
        return from_json(written, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidInput.of("body", f"must be valid JSON: {error}") from None


def parse(model: type[Model], body: str | bytes | None) -> Model:
    """Read a body into a model.

    Args:
        model: What the body must be.
        body: JSON text.

    Raises:
        InvalidInput: The body is no JSON, or one or more of its fields are wrong; it names them.
    """
    document = parse_json(body)
    if not isinstance(document, dict):
        raise InvalidInput.of("body", "must be a JSON object")
    return checked(model, document)


def checked(model: type[Model], document: Any) -> Model:
    """Read a document that is parsed into a model.

    Raises:
        InvalidInput: One or more of its fields are wrong; it names them.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidInput(field_errors(error)) from None
