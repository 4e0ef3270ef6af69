"""What the routes of experiments read from requests: names, bodies, and who asks."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Path, Request

from bakeoff_core.errors import InvalidInput
from bakeoff_core.http import parse_json
from bakeoff_core.http.callers import actor_of
from bakeoff_core.validation import NAME_PATTERN

Name = Annotated[str, Path(pattern=NAME_PATTERN)]


async def _json(request: Request) -> Any:
    return parse_json(await request.body())


async def _document(request: Request) -> dict[str, Any]:
    document = await _json(request)
    if not isinstance(document, dict):
        raise InvalidInput.of("body", "must be a JSON object")
    return document


async def _optional_document(request: Request) -> dict[str, Any]:
    return await _document(request) if (await request.body()).strip() else {}


def _actor(request: Request) -> str:
    return actor_of(request.scope.get("aws.event", {}))


# Bodies are validated by what they are handed to, whose errors name the field; the schema is for the documentation.
Json = Annotated[Any, Depends(_json)]
Document = Annotated[dict[str, Any], Depends(_document)]
OptionalDocument = Annotated[dict[str, Any], Depends(_optional_document)]
Actor = Annotated[str, Depends(_actor)]


def documented_body(schema: Callable[[], dict[str, Any]], *, required: bool = True) -> dict[str, Any]:
    """Describe a body for the documentation.

    Args:
        schema: Makes its JSON schema, when the documentation is written: no start of the function waits for it.
        required: Whether there must be one.
    """
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}
