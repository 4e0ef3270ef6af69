"""Functions that run as Lambda runs them: one event at a time in each of a few processes."""

import json
import multiprocessing
import threading
import uuid
from typing import Any

from bakeoff.standin.worker import FunctionConfiguration, InvocationResult, serve, unpacked

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
_SECONDS_TO_START = 60


class InvocationError(Exception):
    """The function raised, died or ran out of time."""


class FunctionTimeoutError(InvocationError):
    """The function did not answer within its timeout."""


class PayloadTooLargeError(InvocationError):
    """The event is larger than Lambda takes."""


class _ContainerEnded(Exception):
    """The process of a container is no more."""


class _Container:
    """One process of a function, which handles one event at a time, over a pipe."""

    def __init__(self, configuration: FunctionConfiguration) -> None:
        self._timeout = configuration.timeout
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(configuration, theirs), daemon=True)
        self._process.start()
        theirs.close()
        try:
            self._receive(_SECONDS_TO_START)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def invoke(self, request_id: str, payload: bytes) -> InvocationResult:
        """Send an event and wait for the answer.

        Raises:
            TimeoutError: The answer took longer than the function's timeout.
            _ContainerEnded: The process ended before it answered.
        """
        try:
            self._connection.send_bytes(request_id.encode())
            self._connection.send_bytes(payload)
        except OSError as error:
            raise _ContainerEnded from error
        return unpacked(self._receive(self._timeout))

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _receive(self, seconds: float) -> bytes:
        try:
            answer = self._connection.recv_bytes() if self._connection.poll(seconds) else None
        except (EOFError, OSError) as error:
            raise _ContainerEnded from error
        if answer is None:
            raise TimeoutError
        return answer


class Function:
    """A function and its containers, which are started when they are needed and kept warm."""

    def __init__(self, configuration: FunctionConfiguration, max_containers: int) -> None:
        self._configuration = configuration
        self._permits = threading.BoundedSemaphore(max_containers)
        self._lock = threading.Lock()
        self._idle: list[_Container] = []
        self._running: set[_Container] = set()
        self._stopped = False

    @property
    def name(self) -> str:
        """The function's name in the template."""
        return self._configuration.name

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return self._configuration.arn

    @property
    def pids(self) -> list[int]:
        """The processes of its containers."""
        with self._lock:
            return [container.pid for container in self._running if container.pid is not None]

    def invoke(self, payload: bytes, request_id: str | None = None) -> InvocationResult:
        """Send a JSON event and wait for the answer.

        A function that raises answers with an error result, as Lambda does.

        Args:
            payload: The event.
            request_id: The invocation's id; a new one when absent.

        Raises:
            PayloadTooLargeError: The event is above Lambda's limit.
            FunctionTimeoutError: The answer took longer than the function's timeout.
            InvocationError: The process died or could not start.
        """
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLargeError(f"{self.name}: the event has {len(payload)} bytes, the limit is 6 MB")
        with self._permits:
            container = self._take()
            try:
                result = container.invoke(request_id or str(uuid.uuid4()), payload)
            except TimeoutError as error:
                self._discard(container)
                self._log(f"Task timed out after {self._configuration.timeout:.2f} seconds")
                raise FunctionTimeoutError(f"{self.name}: timed out") from error
            except _ContainerEnded as error:
                self._discard(container)
                self._log("The process of the function ended before it answered")
                raise InvocationError(f"{self.name}: its process ended") from error
            except BaseException:
                self._discard(container)
                raise
            with self._lock:
                self._idle.append(container)
        if len(result.payload) > MAX_PAYLOAD_BYTES:
            raise InvocationError(f"{self.name}: the answer has {len(result.payload)} bytes, the limit is 6 MB")
        return result

    def call(self, event: object) -> Any:
        """Send an event and return the answer.

        Raises:
            InvocationError: The function failed.
        """
        result = self.invoke(json.dumps(event).encode())
        answer = json.loads(result.payload)
        if result.function_error:
            raise InvocationError(f"{self.name}: {answer['errorType']}: {answer['errorMessage']}")
        return answer

    def stop(self) -> None:
        """End every process of the function, whatever it is doing."""
        with self._lock:
            self._stopped = True
            containers = list(self._running)
        for container in containers:
            self._discard(container)

    def _take(self) -> _Container:
        with self._lock:
            if self._stopped:
                raise InvocationError(f"{self.name}: the stand-in has stopped")
            if self._idle:
                return self._idle.pop()
        try:
            container = _Container(self._configuration)
        except (_ContainerEnded, TimeoutError) as error:
            raise InvocationError(f"{self.name}: could not start; see {self._configuration.log}") from error
        with self._lock:
            self._running.add(container)
            stopped_meanwhile = self._stopped
        if stopped_meanwhile:
            self._discard(container)
            raise InvocationError(f"{self.name}: the stand-in has stopped")
        return container

    def _discard(self, container: _Container) -> None:
        container.stop()
        with self._lock:
            self._running.discard(container)
            if container in self._idle:
                self._idle.remove(container)

    def _log(self, line: str) -> None:
        with self._configuration.log.open("a") as log:
            log.write(line + "\n")
