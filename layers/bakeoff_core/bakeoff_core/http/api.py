"""Routes of a hot entry point, on Powertools' resolver: no framework stands between a request and its answer."""

import base64
import binascii
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Self, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from bakeoff_core.errors import BakeoffError, ForeignOrigin, InvalidInput, NotFound, PayloadTooLarge, TooManyRequests
from bakeoff_core.http.callers import actor_of, check_origin, check_rate
from bakeoff_core.http.events import as_payload_2, header
from bakeoff_core.http.problems import CONTENT_TYPE, problem_for
from bakeoff_core.http.request_ids import HEADER, request_id_for
from bakeoff_core.telemetry import logger, of_request

Route = TypeVar("Route", bound=Callable[..., Any])

DescribeError = Callable[[str, Exception], tuple[int, dict[str, Any]]]
"""Says with which status and JSON body a protocol answers an error on a path."""

MAX_ANSWER_BYTES = 6 * 1024**2 - 16 * 1024
"""What Lambda carries back, with room for the headers."""

_to_json = partial(json.dumps, allow_nan=False, separators=(",", ":"))


def json_response(status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response[str]:
    """Make an answer in JSON with headers of its own.

    Args:
        status: The status code.
        content: The body.
        headers: Headers besides those that every answer has.
    """
    return Response(status, "application/json", _to_json(content), dict(headers or {}))


def bytes_response(status: int, content: bytes, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    """Make an answer of bytes, which travels through API Gateway in base64.

    Args:
        status: The status code.
        content: The body.
        headers: Headers besides those that every answer has.
    """
    return Response(status, "application/octet-stream", content, dict(headers or {}))


class HttpApi:
    """The routes of one Lambda function.

    A route takes its path parameters and returns a JSON object, such an object and a status code, or a Response.
    A domain error that it raises becomes its problem document; any other is logged and becomes a 500
    that tells nothing of what is inside.

    Args:
        perf_counter: Measures X-Process-Time, in seconds.
    """

    def __init__(self, perf_counter: Callable[[], float] = time.perf_counter) -> None:
        self._perf_counter = perf_counter
        self._request_id = ""
        self._path = ""
        self._origin_secret = ""
        self._describe_below: dict[str, DescribeError] = {}
        self._resolver = APIGatewayHttpResolver(serializer=_to_json)
        self._resolver.exception_handler(Exception)(self._problem)
        self._resolver.not_found(self._no_such_route)

    def get(self, path: str) -> Callable[[Route], Route]:
        """Register a route for GET; `<name>` in the path is a parameter."""
        return self._resolver.get(path)

    def post(self, path: str) -> Callable[[Route], Route]:
        """Register a route for POST; `<name>` in the path is a parameter."""
        return self._resolver.post(path)

    def behind(self, origin_secret: str) -> Self:
        """Answer only what comes through CloudFront, which adds a secret as a header; an empty one asks for nothing."""
        self._origin_secret = origin_secret
        return self

    def errors_below(self, prefix: str, describe: DescribeError) -> None:
        """Answer errors on all paths with a prefix as another protocol does, instead of by problem documents.

        Args:
            prefix: The beginning of the paths.
            describe: Says how an error is answered; errors that are not the domain's are logged before.
        """
        self._describe_below[prefix] = describe

    @property
    def request_id(self) -> str:
        """The id of the request that is being served."""
        return self._request_id

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the request that is being served, by name in lower case."""
        return {name.lower(): value for name, value in self._resolver.current_event.headers.items()}

    @property
    def body(self) -> str | None:
        """The body of the request that is being served, decoded.

        Raises:
            InvalidInput: The bytes are not UTF-8.
        """
        try:
            return self._resolver.current_event.decoded_body
        except ValueError:
            raise InvalidInput.of("body", "must be UTF-8 text") from None

    @property
    def raw_body(self) -> bytes:
        """The bytes of the body of the request that is being served.

        Raises:
            InvalidInput: They should be in base64, and are not.
        """
        event = self._resolver.current_event.raw_event
        body: str = event.get("body") or ""
        if not event.get("isBase64Encoded"):
            return body.encode(errors="surrogatepass")
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error:
            raise InvalidInput.of("body", "must be in base64") from None

    @property
    def actor(self) -> str:
        """Who makes the request that is being served, as audit trails name callers."""
        return actor_of(self._resolver.current_event.raw_event)

    def header(self, name: str) -> str | None:
        """Look up a header of the request that is being served, by its name in lower case."""
        return header(self._resolver.current_event.raw_event, name)

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer a request of payload format 2.0 or 1.0, or from a function URL.

        Args:
            event: The Lambda event.
            context: The Lambda context.
        """
        started = self._perf_counter()
        try:
            request = as_payload_2(event)
        except InvalidInput as error:
            return self._refused(error, started)
        self._request_id = request_id_for(header(request, HEADER.lower()))
        self._path = request["rawPath"]
        of_request(self._request_id, self._path)
        try:
            check_origin(request, self._origin_secret)
            check_rate(request)
            answer = self._resolver.resolve(request, context)
        except (ForeignOrigin, TooManyRequests) as error:
            answer = self._resolver_answer(self._problem_document(error))
        except Exception as error:  # noqa: BLE001 - the last line before the runtime, which would show a stack trace
            answer = self._resolver_answer(self._problem(error))
        if len(answer.get("body") or "") > MAX_ANSWER_BYTES // 3 and len(json.dumps(answer)) > MAX_ANSWER_BYTES:
            too_large = PayloadTooLarge(f"the answer would be above {MAX_ANSWER_BYTES} bytes: ask for less at once")
            answer = self._resolver_answer(self._problem(too_large))
        return self._marked(answer, started)

    def _refused(self, error: InvalidInput, started: float) -> dict[str, Any]:
        """Answer an event that is no request, and that no path or id is known of."""
        self._request_id = request_id_for(None)
        of_request(self._request_id, "")
        logger.error("event not understood")
        return self._marked(self._resolver_answer(self._problem_document(error)), started)

    def _marked(self, answer: dict[str, Any], started: float) -> dict[str, Any]:
        answer["headers"] = {
            **answer.get("headers", {}),
            HEADER: self._request_id,
            "X-Process-Time": f"{self._perf_counter() - started:.6f}",
        }
        return answer

    def _problem(self, error: Exception) -> Response[str]:
        if not isinstance(error, BakeoffError):
            logger.exception("request failed", exc_info=error)
        for prefix, describe in self._describe_below.items():
            if self._path.startswith(prefix):
                return json_response(*describe(self._path, error))
        return self._problem_document(error)

    def _problem_document(self, error: Exception) -> Response[str]:
        problem = problem_for(error, self._request_id)
        return Response(problem.status, CONTENT_TYPE, _to_json(problem.to_json()), problem.headers)

    def _no_such_route(self, _error: Exception) -> Response[str]:
        return self._problem(NotFound("there is no such route"))

    @staticmethod
    def _resolver_answer(response: Response[str]) -> dict[str, Any]:
        return {
            "statusCode": int(HTTPStatus(response.status_code)),
            "headers": response.headers,
            "body": response.body,
            "isBase64Encoded": False,
            "cookies": [],
        }


def http_api() -> HttpApi:
    """Make the routes of one Lambda function, none registered yet."""
    return HttpApi()
