"""The HTTP side: API Gateway's HTTP API, and Lambda's Invoke, in front of the functions."""

import json
import logging
import socket
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Self

import uvicorn
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from bakeoff.errors import UsageError
from bakeoff.standin.cloud import ACCOUNT, REGION
from bakeoff.standin.functions import Function, FunctionTimeoutError, InvocationError, PayloadTooLargeError
from bakeoff.standin.http_events import (
    HttpAnswer,
    HttpRequest,
    MalformedAnswerError,
    authorized_context,
    from_payload,
    message,
    to_authorizer_event,
    to_event,
)
from bakeoff.standin.routing import Router
from bakeoff.standin.template import Route

MAX_BODY_BYTES = 10 * 1024 * 1024
API_ID = "standin"

_CONCURRENT_REQUESTS = 64
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

logger = logging.getLogger(__name__)


class _WholePath(PathConvertor):
    regex = "(?s:.*)"  # a line break is a character like any other


register_url_convertor("whole", _WholePath())


class Gateway:
    """Answers HTTP requests with functions."""

    def __init__(self, functions: Mapping[str, Function], router: Router, clock: Callable[[], datetime]) -> None:
        self._functions = functions
        self._router = router
        self._clock = clock
        self._limiter = CapacityLimiter(_CONCURRENT_REQUESTS)
        self.app = Starlette(
            routes=[
                StarletteRoute("/2015-03-31/functions/{name}/invocations", self._invoke, methods=["POST"]),
                StarletteRoute("/{path:whole}", self._serve, methods=list(_METHODS)),
            ]
        )

    async def _serve(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("ascii")
        match = self._router.match(request.method, path)
        request_id = str(uuid.uuid4())
        if match is None:
            return _response(message(404, "Not Found"), request_id)
        body = await _body(request)
        if body is None:
            return _response(message(413, "Request Entity Too Large"), request_id)
        event = to_event(
            HttpRequest(
                method=request.method,
                path=path,
                query=request.url.query,
                headers=tuple(request.headers.items()),
                body=body,
                client=request.client.host if request.client else "",
                protocol=f"HTTP/{request.scope['http_version']}",
            ),
            match,
            api=API_ID,
            request_id=request_id,
            now=self._clock(),
        )
        answer = await to_thread.run_sync(self._answer, match.route, event, limiter=self._limiter)
        return _response(answer, request_id)

    def _answer(self, route: Route, event: dict[str, Any]) -> HttpAnswer:
        if route.authorizer is not None:
            try:
                context = _authorize(self._functions[route.authorizer], event)
            except (InvocationError, MalformedAnswerError):
                logger.exception("a request could not be authorized")
                return message(500, "Internal Server Error")
            if context is None:
                return message(403, "Forbidden")
            event["requestContext"]["authorizer"] = {"lambda": context}
        return _ask(self._functions[route.function], json.dumps(event).encode())

    async def _invoke(self, request: Request) -> Response:
        name = request.path_params["name"].rpartition(":")[2]
        function = self._functions.get(name)
        if function is None:
            return _lambda_error(404, "ResourceNotFoundException", f"Function not found: {name}")
        payload = await _body(request)
        if payload is None:
            return _lambda_error(413, "RequestTooLargeException", "The event is above 6 MB")
        kind = request.headers.get("x-amz-invocation-type", "RequestResponse")
        if kind == "DryRun":
            return Response(status_code=204)
        if kind == "Event":
            threading.Thread(target=_ask_lambda, args=(function, payload or b"{}"), daemon=True).start()
            return Response(status_code=202)
        return await run_in_threadpool(_ask_lambda, function, payload or b"{}")


class Port:
    """A port of loopback, taken before anything answers there, so that its URL can be passed on.

    Args:
        number: Which one; 0 means any free one.

    Attributes:
        url: What requests to it begin with.

    Raises:
        UsageError: It is not to be had.
    """

    def __init__(self, number: int) -> None:
        # With its protocol named, asyncio sends small answers at once; else each waits for the last one's receipt.
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.socket.bind(("127.0.0.1", number))
        except OSError as error:
            self.socket.close()
            raise UsageError(f"port {number}: {error.strerror}") from error
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


class GatewayServer:
    """A gateway that listens on a port in a thread of its own."""

    def __init__(self, gateway: Gateway, port: Port) -> None:
        self._socket = port.socket
        config = uvicorn.Config(
            gateway.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, name="gateway")

    def __enter__(self) -> Self:
        self._socket.listen()  # from here on a request waits for its answer instead of being refused
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()


def _authorize(authorizer: Function, event: Mapping[str, Any]) -> dict[str, Any] | None:
    http = event["requestContext"]["http"]
    arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API_ID}/$default/{http['method']}{http['path']}"
    result = authorizer.invoke(json.dumps(to_authorizer_event(event, arn)).encode())
    if result.function_error:
        raise InvocationError(f"{authorizer.name}: failed; see its log")
    return authorized_context(result.payload)


def _ask(function: Function, payload: bytes) -> HttpAnswer:
    try:
        result = function.invoke(payload)
        if result.function_error:
            return message(500, "Internal Server Error")
        return from_payload(result.payload)
    except PayloadTooLargeError:
        return message(413, "Request Entity Too Large")
    except FunctionTimeoutError:
        return message(503, "Service Unavailable")
    except (InvocationError, MalformedAnswerError):
        logger.exception("a request could not be answered")
        return message(500, "Internal Server Error")


def _ask_lambda(function: Function, payload: bytes) -> Response:
    headers = {"x-amz-executed-version": "$LATEST"}
    try:
        result = function.invoke(payload)
    except PayloadTooLargeError as error:
        return _lambda_error(413, "RequestTooLargeException", str(error))
    except InvocationError as error:
        failure = {"errorMessage": str(error), "errorType": "Runtime.ExitError"}
        headers["x-amz-function-error"] = "Unhandled"
        return Response(json.dumps(failure), headers=headers, media_type="application/json")
    if result.function_error:
        headers["x-amz-function-error"] = "Unhandled"
    return Response(result.payload, headers=headers, media_type="application/json")


def _lambda_error(status: int, kind: str, text: str) -> Response:
    content = json.dumps({"Type": "User", "Message": text})
    return Response(content, status, {"x-amzn-errortype": kind}, media_type="application/json")


async def _body(request: Request) -> bytes | None:
    """Read a body, or None when it is above the limit."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return None
    except ClientDisconnect:
        return bytes(body)
    return bytes(body)


def _response(answer: HttpAnswer, request_id: str) -> Response:
    response = Response(answer.body, answer.status)
    for name, value in (*answer.headers, ("apigw-requestid", request_id)):
        response.headers.append(name, value)
    return response
