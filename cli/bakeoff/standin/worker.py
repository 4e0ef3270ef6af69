"""What runs inside a function's process: the environment and the calls that Lambda would make."""

import faulthandler
import importlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bakeoff.standin.permissions import Permission, refuse_what_is_not_granted

_SUCCEEDED, _FAILED = b"+", b"-"
_OF_LAYERS = frozenset({"aws_lambda_powertools", "bakeoff_core", "model_runtime"})
_INHERITED = ("PATH", "LANG", "LC_ALL", "HOME", "SYSTEMROOT", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class FunctionConfiguration:
    """A function, with every expression of the template evaluated."""

    name: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    memory: int
    timeout: float
    environment: Mapping[str, str]
    arn: str
    log: Path
    permissions: tuple[Permission, ...] | None = None


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """What Lambda answers to an invocation: a JSON payload, and whether it is an error."""

    payload: bytes
    function_error: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """The context object that a handler gets."""

    aws_request_id: str
    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str
    log_group_name: str
    log_stream_name: str
    deadline: float
    function_version: str = "$LATEST"
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout."""
        return max(0, round((self.deadline - time.monotonic()) * 1000))


_configuration: FunctionConfiguration
_handler: Callable[[Any, Context], Any]


def initialize(configuration: FunctionConfiguration) -> None:
    """Turn this process into the function's: environment, import path, log, handler."""
    global _configuration, _handler  # noqa: PLW0603 - a process is one function
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _redirect_output(configuration.log)
    faulthandler.enable()
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    os.environ.clear()
    os.environ.update(kept | dict(configuration.environment))
    time.tzset()
    _forget_imports()
    sys.path[:0] = [str(folder) for folder in (configuration.code, *configuration.layers)]
    _configuration = configuration
    if configuration.permissions is not None:
        # Only now: a session reads its settings from the environment.
        import boto3  # noqa: PLC0415

        boto3.setup_default_session()
        refuse_what_is_not_granted(configuration.permissions, boto3.DEFAULT_SESSION)
    module, _, attribute = configuration.handler.rpartition(".")
    try:
        _handler = getattr(importlib.import_module(module.replace("/", ".")), attribute)
    except BaseException:
        traceback.print_exc()
        raise


def serve(configuration: FunctionConfiguration, connection: Connection) -> None:
    """Be a container of a function: say so once it is ready, then answer one event after the other.

    Args:
        configuration: The function.
        connection: Where the ids and the events of invocations come in, and answers go out.
    """
    initialize(configuration)
    connection.send_bytes(b"ready")
    while True:
        request_id = connection.recv_bytes().decode()
        connection.send_bytes(_packed(invoke(request_id, connection.recv_bytes())))


def unpacked(answer: bytes) -> InvocationResult:
    """Read what `serve` sent."""
    return InvocationResult(answer[1:], function_error=answer[:1] == _FAILED)


def _packed(result: InvocationResult) -> bytes:
    return (_FAILED if result.function_error else _SUCCEEDED) + result.payload


def invoke(request_id: str, payload: bytes) -> InvocationResult:
    """Call the handler with a JSON event, as Lambda does."""
    configuration = _configuration
    context = Context(
        aws_request_id=request_id,
        function_name=configuration.name,
        memory_limit_in_mb=configuration.memory,
        invoked_function_arn=configuration.arn,
        log_group_name=f"/aws/lambda/{configuration.name}",
        log_stream_name=str(os.getpid()),
        deadline=time.monotonic() + configuration.timeout,
    )
    try:
        return InvocationResult(json.dumps(_handler(json.loads(payload), context)).encode())
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is an invocation error
        traceback.print_exc()
        failure = {"errorMessage": str(error), "errorType": type(error).__name__, "requestId": request_id}
        return InvocationResult(json.dumps(failure).encode(), function_error=True)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _forget_imports() -> None:
    """Let the function import its layers anew: what the command line imported knows another environment."""
    for name in list(sys.modules):
        if name.partition(".")[0] in _OF_LAYERS:
            del sys.modules[name]


def _redirect_output(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _end_with_parent() -> None:
    """End this process when the one that started it has gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
