"""Lambda's Runtime API on loopback: a function runs in a process of its own, under Lambda's own runtime client.

So the process is what Lambda would run: the interpreter, the runtime client, the function and its layers, and each
event as JSON over HTTP. Code and layers come from the checkout.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any, Self

from benchmarks.environment import ROOT

_PREFIX = "/2018-06-01/runtime/"
_SECONDS_TO_ANSWER = 120.0
_SECONDS_OF_AN_INVOCATION = 60.0


class FunctionFailed(Exception):
    """The function raised, could not be imported, or ended."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a function ends in the middle of waiting."""


class RuntimeApi:
    """Hands out events one after the other, and takes their answers."""

    def __init__(self) -> None:
        self._events: Queue[bytes | None] = Queue()
        self._answers: Queue[tuple[str, bytes]] = Queue()
        self._server = _Server(("127.0.0.1", 0), self._handler())

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._events.put(None)  # whoever still waits for an event gets none
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Where a runtime client finds it: host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    def send(self, event: object) -> None:
        """Let a function have an event."""
        self._events.put(json.dumps(event).encode())

    def answer(self, seconds: float) -> Any:
        """Wait for what the function says to an event.

        Raises:
            FunctionFailed: It raised, or could not be imported.
            queue.Empty: It said nothing for that many seconds.
        """
        kind, body = self._answers.get(timeout=seconds)
        if kind == "error":
            raise FunctionFailed(body.decode(errors="replace"))
        return json.loads(body) if body else None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        events, answers = self._events, self._answers

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                event = events.get()
                if event is None:
                    self.close_connection = True
                    return
                deadline = int((time.time() + _SECONDS_OF_AN_INVOCATION) * 1_000)
                self._reply(
                    200,
                    event,
                    {
                        "Content-Type": "application/json",  # which the client takes for granted
                        "Lambda-Runtime-Aws-Request-Id": "52fdfc07-2182-154f-163f-5f0f9a621d72",
                        "Lambda-Runtime-Deadline-Ms": str(deadline),
                        "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
                    },
                )

            def do_POST(self) -> None:
                body = self._body()
                self._reply(202, b"")
                answers.put(("response" if self.path.endswith("/response") else "error", body))

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                pieces = []
                while length := int(self.rfile.readline(), 16):
                    pieces.append(self.rfile.read(length))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(pieces)

            def _reply(self, status: int, body: bytes, headers: Mapping[str, str] = {}) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's names
                """Say nothing."""

        return Handler


class FunctionProcess:
    """One function under the runtime client, ready for events.

    Args:
        folder: The folder below `functions`.
        handler: The handler, as `module.function`.
        layers: The folders below `layers`.
        environment: What the function finds in its environment, beside what Lambda sets.
    """

    def __init__(self, folder: str, handler: str, layers: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._folder = ROOT / "functions" / folder
        self._handler = handler
        self._environment = {
            **environment,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(self._folder), *(str(ROOT / "layers" / layer) for layer in layers)]),
            "AWS_LAMBDA_FUNCTION_NAME": folder,
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "_HANDLER": handler,
        }
        self._api = RuntimeApi()

    def __enter__(self) -> Self:
        self._api.__enter__()
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter
            [sys.executable, "-m", "awslambdaric", self._handler],
            cwd=self._folder,
            env={**self._environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._api.__exit__()

    def invoke(self, event: object) -> Any:
        """Send an event and return the answer.

        Raises:
            FunctionFailed: The function raised, could not be imported, or ended.
        """
        self._api.send(event)
        waited = 0
        while waited < _SECONDS_TO_ANSWER:
            try:
                return self._api.answer(1)
            except Empty:
                waited += 1
                if self._process.poll() is not None:
                    raise FunctionFailed(f"the process ended with {self._process.returncode}") from None
        raise FunctionFailed(f"no answer within {_SECONDS_TO_ANSWER:.0f} seconds")

    def peak_megabytes(self) -> float:
        """The most memory that the process ever had resident, in megabytes of 2**20 bytes."""
        return peak_megabytes(self._process.pid)


def peak_megabytes(pid: int | str = "self") -> float:
    """The most memory that a process ever had resident, in megabytes of 2**20 bytes.

    Not getrusage's figure, which counts what the process was before it became another program.

    Args:
        pid: The process's number.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1_024
