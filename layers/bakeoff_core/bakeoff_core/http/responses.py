"""Answers, in the form in which API Gateway takes them from a function."""

import base64
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pydantic_core

JSON = "application/json"

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class Response(NamedTuple):
    """An answer.

    Attributes:
        status_code: The HTTP status.
        content_type: What the body is.
        body: Text, or bytes, which travel in base64.
        headers: Further headers.
    """

    status_code: int
    content_type: str | None = None
    body: str | bytes | None = None
    headers: Mapping[str, str] = MappingProxyType({})

    def to_payload(self) -> dict[str, Any]:
        """Write the answer in the HTTP API's payload format 2.0."""
        headers = dict(self.headers)
        if self.content_type is not None:
            headers["Content-Type"] = self.content_type
        is_bytes = isinstance(self.body, bytes)
        return {
            "statusCode": int(self.status_code),
            "headers": headers,
            "body": base64.b64encode(self.body).decode() if isinstance(self.body, bytes) else self.body or "",
            "isBase64Encoded": is_bytes,
            "cookies": [],
        }


def to_json(content: Mapping[str, Any]) -> str:
    """Write JSON in which there is no NaN.

    Raises:
        ValueError: There would be, or something in it is nothing that JSON knows.
    """
    try:
        written = pydantic_core.to_json(content, inf_nan_mode="constants")
    except pydantic_core.PydanticSerializationError as error:
        raise ValueError(str(error)) from error
    # A text may hold these words, too: then the slower way tells.
    return _encode(content) if b"NaN" in written or b"Infinity" in written else written.decode()


def json_response(status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Make an answer in JSON with headers of its own.

    Args:
        status: The status code.
        content: The body.
        headers: Headers besides those that every answer has.
    """
    return Response(status, JSON, to_json(content), headers or {})


def bytes_response(status: int, content: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """Make an answer of bytes, which travels through API Gateway in base64.

    Args:
        status: The status code.
        content: The body.
        headers: Headers besides those that every answer has.
    """
    return Response(status, "application/octet-stream", content, headers or {})
