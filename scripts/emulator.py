"""A built function under the Lambda Runtime Interface Emulator, without Docker."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

PATH = "/2015-03-31/functions/function/invocations"

_SECONDS_TO_START = 20
_SECONDS_TO_ANSWER = 60


@dataclass(frozen=True, slots=True)
class BuiltFunction:
    """What Lambda would be given: the unzipped code and layers, the handler, the environment."""

    name: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    memory: int
    timeout: int
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tools:
    """The emulator, and a Python of the runtime's version that has the interface client and boto3 and nothing else."""

    emulator: Path
    python: Path


class EmulatedFunction:
    """One function's process, which answers one invocation after the other.

    Attributes:
        port: Where on loopback it is invoked, once it runs.
    """

    def __init__(self, function: BuiltFunction, tools: Tools, log: Path) -> None:
        self._function = function
        self._tools = tools
        self._log = log

    def __enter__(self) -> Self:
        port, runtime_port = free_ports(2)
        self._url = f"http://127.0.0.1:{port}{PATH}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    self._tools.emulator,
                    "--runtime-interface-emulator-address",
                    f"127.0.0.1:{port}",
                    "--runtime-api-address",
                    f"127.0.0.1:{runtime_port}",
                    self._tools.python,
                    "-m",
                    "awslambdaric",
                    self._function.handler,
                ],
                cwd=self._function.code,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the emulator starts the runtime as a process of its own
            )
        self.port = port
        self._await_port(port)
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def pid(self) -> int:
        """The emulator's process, whose child is the function's."""
        return self._process.pid

    def invoke(self, event: object) -> Any:
        """Send an event and return the answer.

        Raises:
            AssertionError: The function did not start or raised; the message holds its log.
        """
        response = httpx.post(self._url, json=event, timeout=_SECONDS_TO_ANSWER, trust_env=False)
        answer = response.json()
        if not isinstance(answer, dict) or "errorType" not in answer:
            return answer
        raise AssertionError(f"{self._function.name}: {json.dumps(answer)}\n{self._log.read_text()}")

    def _environment(self) -> dict[str, str]:
        function = self._function
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
            "LAMBDA_TASK_ROOT": str(function.code),
            "PYTHONPATH": os.pathsep.join(map(str, [function.code, *(layer / "python" for layer in function.layers)])),
            **function.environment,
        }

    def _await_port(self, port: int) -> None:
        deadline = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.__exit__()
        raise AssertionError(f"the emulator of {self._function.name} did not start\n{self._log.read_text()}")


def free_ports(count: int) -> list[int]:
    """Find loopback ports that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports
