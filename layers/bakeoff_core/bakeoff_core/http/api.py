"""Routes of a hot entry point: no framework stands between a request and its answer."""

import base64
import binascii
import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Self, TypeVar

from bakeoff_core.errors import BakeoffError, ForeignOrigin, InvalidInput, NotFound, PayloadTooLarge, TooManyRequests
from bakeoff_core.http.callers import actor_of, check_origin, check_rate
from bakeoff_core.http.events import as_payload_2, header
from bakeoff_core.http.problems import CONTENT_TYPE, problem_for
from bakeoff_core.http.request_ids import HEADER, request_id_for
from bakeoff_core.http.responses import Response, json_response, to_json
from bakeoff_core.http.router import Router
from bakeoff_core.telemetry import gathered_metrics, logger, of_request

Route = TypeVar("Route", bound=Callable[..., Any])

DescribeError = Callable[[str, Exception], tuple[int, dict[str, Any]]]
"""Says with which status and JSON body a protocol answers an error on a path."""

MAX_ANSWER_BYTES = 6 * 1024**2 - 16 * 1024
"""What Lambda carries back, with room for the headers."""


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
        self._router = Router()
        self._request: Mapping[str, Any] = {}

    def get(self, path: str) -> Callable[[Route], Route]:
        """Register a route for GET; `<name>` in the path is a parameter."""
        return self._registering("GET", path)

    def post(self, path: str) -> Callable[[Route], Route]:
        """Register a route for POST; `<name>` in the path is a parameter."""
        return self._registering("POST", path)

    def _registering(self, method: str, path: str) -> Callable[[Route], Route]:
        def register(route: Route) -> Route:
            self._router.add(method, path, route)
            return route

        return register

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
        return {name.lower(): value for name, value in self._request["headers"].items()}

    @property
    def body(self) -> str | None:
        """The body of the request that is being served, decoded.

        Raises:
            InvalidInput: The bytes are not UTF-8.
        """
        body: str | None = self._request.get("body")
        if not body or not self._request.get("isBase64Encoded"):
            return body
        try:
            return base64.b64decode(body).decode()
        except ValueError:
            raise InvalidInput.of("body", "must be UTF-8 text") from None

    @property
    def content(self) -> str | bytes:
        """The body of the request that is being served, as text where it came as text.

        Raises:
            InvalidInput: It should be in base64, and is not.
        """
        return self.raw_body if self._request.get("isBase64Encoded") else self._request.get("body") or ""

    @property
    def raw_body(self) -> bytes:
        """The bytes of the body of the request that is being served.

        Raises:
            InvalidInput: They should be in base64, and are not.
        """
        body: str = self._request.get("body") or ""
        if not self._request.get("isBase64Encoded"):
            return body.encode(errors="surrogatepass")
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error:
            raise InvalidInput.of("body", "must be in base64") from None

    @property
    def actor(self) -> str:
        """Who makes the request that is being served, as audit trails name callers."""
        return actor_of(self._request)

    def header(self, name: str) -> str | None:
        """Look up a header of the request that is being served, by its name in lower case."""
        return header(self._request, name)

    def resolve(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request of payload format 2.0 or 1.0, or from a function URL.

        Args:
            event: The Lambda event.
        """
        started = self._perf_counter()
        with gathered_metrics():
            answer = self._answer(event).to_payload()
            if len(answer["body"]) > MAX_ANSWER_BYTES // 3 and len(json.dumps(answer)) > MAX_ANSWER_BYTES:
                too_large = PayloadTooLarge(f"the answer would be above {MAX_ANSWER_BYTES} bytes: ask for less at once")
                answer = self._problem(too_large).to_payload()
        answer["headers"][HEADER] = self._request_id
        answer["headers"]["X-Process-Time"] = f"{self._perf_counter() - started:.6f}"
        return answer

    def _answer(self, event: Mapping[str, Any]) -> Response:
        try:
            self._request = as_payload_2(event)
        except InvalidInput as error:
            return self._refused(error)
        self._request_id = request_id_for(header(self._request, HEADER.lower()))
        self._path = self._request["rawPath"]
        of_request(self._request_id, self._path)
        try:
            check_origin(self._request, self._origin_secret)
            check_rate(self._request)
            return self._routed()
        except (ForeignOrigin, TooManyRequests) as error:
            return self._problem_document(error)
        except Exception as error:  # noqa: BLE001 - the last line before the runtime, which would show a stack trace
            return self._problem(error)

    def _routed(self) -> Response:
        found = self._router.find(self._request["requestContext"]["http"]["method"], self._path)
        if found is None:
            raise NotFound("there is no such route")
        made = found.handler(**found.parameters)
        if isinstance(made, Response):
            return made
        content, status = made if isinstance(made, tuple) else (made, HTTPStatus.OK)
        return json_response(status, content)

    def _refused(self, error: InvalidInput) -> Response:
        """Answer an event that is no request, and that no path or id is known of."""
        self._request_id = request_id_for(None)
        of_request(self._request_id, "")
        logger.error("event not understood")
        return self._problem_document(error)

    def _problem(self, error: Exception) -> Response:
        if not isinstance(error, BakeoffError):
            logger.exception("request failed", exc_info=error)
        for prefix, describe in self._describe_below.items():
            if self._path.startswith(prefix):
                return json_response(*describe(self._path, error))
        return self._problem_document(error)

    def _problem_document(self, error: Exception) -> Response:
        problem = problem_for(error, self._request_id)
        return Response(problem.status, CONTENT_TYPE, to_json(problem.to_json()), problem.headers)


def http_api() -> HttpApi:
    """Make the routes of one Lambda function, none registered yet."""
    return HttpApi()
