"""Routes of a management entry point, on FastAPI: the same answers as the hot ones.

FastAPI and Mangum come with the functions that use this module; the hot ones do without.
"""

import base64
import json
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from mangum import Mangum
from mangum.adapter import DEFAULT_TEXT_MIME_TYPES
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException

from bakeoff_core import __version__
from bakeoff_core.errors import BakeoffError, InvalidInput, NotFound
from bakeoff_core.http.callers import check_origin, check_rate
from bakeoff_core.http.events import as_payload_2
from bakeoff_core.http.problems import CONTENT_TYPE, problem_for
from bakeoff_core.http.request_ids import HEADER, request_id_for
from bakeoff_core.telemetry import logger, of_request
from bakeoff_core.validation import field_error

_TEXT = [*DEFAULT_TEXT_MIME_TYPES, CONTENT_TYPE]

Handler = Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]


def create_app(title: str, perf_counter: Callable[[], float] = time.perf_counter) -> FastAPI:
    """Make an application with Bakeoff's request ids, process times and problem documents.

    Args:
        title: What its routes are about.
        perf_counter: Measures X-Process-Time, in seconds.
    """
    # One document for the routes of all functions is made when they are built, and served by one of them.
    app = FastAPI(title=title, version=__version__, openapi_url=None)

    app.state.origin_secret = ""

    @app.middleware("http")
    async def with_request_id(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        started = perf_counter()
        request.state.request_id = request_id_for(request.headers.get(HEADER))
        of_request(request.state.request_id, request.url.path)
        try:
            event = request.scope.get("aws.event", {})
            check_origin(event, app.state.origin_secret)
            check_rate(event)
            response = await call_next(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a problem document
            response = _problem(request, error)
        response.headers[HEADER] = request.state.request_id
        response.headers["X-Process-Time"] = f"{perf_counter() - started:.6f}"
        return response

    @app.exception_handler(BakeoffError)
    async def domain_error(request: Request, error: Exception) -> Response:
        return _problem(request, error)

    @app.exception_handler(RequestValidationError)
    async def bad_request(request: Request, error: Exception) -> Response:
        return _problem(request, _invalid_input(error))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: Exception) -> Response:
        no_route = isinstance(error, HTTPException) and error.status_code in {404, 405}
        return _problem(request, NotFound("there is no such route") if no_route else error)

    return app


def lambda_handler(app: FastAPI, origin_secret: str = "") -> Handler:
    """Make a Lambda handler that serves requests of payload format 2.0 or 1.0, or from a function URL.

    Args:
        app: Answers them.
        origin_secret: What CloudFront adds as a header to those it lets through; empty to serve all.
    """
    app.state.origin_secret = origin_secret
    with warnings.catch_warnings():
        # Mangum asks for the thread's event loop before there is one: Python 3.12 and later make it, and complain.
        warnings.simplefilter("ignore", DeprecationWarning)
        mangum = Mangum(app, lifespan="off", text_mime_types=_TEXT)

    def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        try:
            request = as_payload_2(event)
            _check_body(request)
            answer: dict[str, Any] = mangum(request, context)  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - the last line before the runtime, which would show a stack trace
            return _answer(error)
        return answer

    return handler


def _check_body(request: Mapping[str, Any]) -> None:
    """Refuse a body that is no bytes, whichever way it is written."""
    body, encoded = request.get("body") or "", request.get("isBase64Encoded")
    try:
        base64.b64decode(body, validate=True) if encoded else body.encode()
    except ValueError:
        raise InvalidInput.of("body", "must be in base64" if encoded else "must be UTF-8 text") from None


def _answer(error: Exception) -> dict[str, Any]:
    """Answer an event that did not reach the application."""
    request_id = request_id_for(None)
    of_request(request_id, "")
    logger.error("event not understood", exc_info=None if isinstance(error, BakeoffError) else error)
    problem = problem_for(error, request_id)
    return {
        "statusCode": problem.status.value,
        "headers": {"content-type": CONTENT_TYPE, HEADER.lower(): request_id, "x-process-time": "0.000000"},
        "body": json.dumps(problem.to_json()),
        "isBase64Encoded": False,
    }


def _problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, BakeoffError):
        logger.exception("request failed", exc_info=error)
    problem = problem_for(error, request.state.request_id)
    return JSONResponse(problem.to_json(), problem.status, problem.headers, media_type=CONTENT_TYPE)


def _invalid_input(error: Exception) -> InvalidInput:
    found: Sequence[ErrorDetails] = error.errors() if isinstance(error, RequestValidationError) else []
    # The first part of FastAPI's location says where the field was: in the path, the query or the body.
    return InvalidInput([field_error({**details, "loc": tuple(details["loc"][1:])}) for details in found])
