"""From domain errors to problem documents (RFC 9457): the one table that decides status codes."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from bakeoff_core.errors import (
    BakeoffError,
    Conflict,
    ForeignOrigin,
    InvalidInput,
    NotFound,
    PayloadTooLarge,
    TooManyRequests,
    Unavailable,
)

CONTENT_TYPE = "application/problem+json"

STATUS_OF: dict[type[BakeoffError], HTTPStatus] = {
    InvalidInput: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    ForeignOrigin: HTTPStatus.FORBIDDEN,
    PayloadTooLarge: HTTPStatus(413),  # its name differs between Python versions
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What a caller is told about a failure."""

    status: HTTPStatus
    detail: str
    request_id: str
    errors: list[dict[str, str]] = field(default_factory=list)
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the answer has besides its content type."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def to_json(self) -> dict[str, Any]:
        """Write the problem document; `errors` is there for a bad body only."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "request_id": self.request_id,
        }
        if self.errors:
            document["errors"] = self.errors
        return document


def problem_for(error: Exception, request_id: str) -> Problem:
    """Say what a caller may know of an error.

    An error that is not the domain's becomes a 500 that tells nothing of what is inside.

    Args:
        error: What was raised.
        request_id: The id under which the log has the details.
    """
    for kind, status in STATUS_OF.items():
        if isinstance(error, kind):
            errors = (
                [{"loc": each.loc, "msg": each.msg} for each in error.errors] if isinstance(error, InvalidInput) else []
            )
            retry_after = error.retry_after if isinstance(error, TooManyRequests) else None
            return Problem(status, str(error), request_id, errors, retry_after)
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "the request could not be served; its id is in the log", request_id
    )
