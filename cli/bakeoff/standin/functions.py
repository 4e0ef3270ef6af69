"""Functions that run as Lambda runs them: one event at a time in each of a few processes."""

import json
import multiprocessing
import os
import signal
import threading
import uuid
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any

from bakeoff.standin.worker import FunctionConfiguration, InvocationResult, initialize, invoke

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
_SECONDS_TO_START = 60


class InvocationError(Exception):
    """The function raised, died or ran out of time."""


class FunctionTimeoutError(InvocationError):
    """The function did not answer within its timeout."""


class PayloadTooLargeError(InvocationError):
    """The event is larger than Lambda takes."""


class _Container:
    """One process of a function, which handles one event at a time."""

    def __init__(self, configuration: FunctionConfiguration) -> None:
        self._timeout = configuration.timeout
        self._executor = ProcessPoolExecutor(
            max_workers=1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=initialize,
            initargs=(configuration,),
        )
        try:
            self._pid = self._executor.submit(os.getpid).result(_SECONDS_TO_START)
        except BaseException:
            self._executor.shutdown(wait=False, cancel_futures=True)
            raise

    def invoke(self, request_id: str, payload: bytes) -> InvocationResult:
        return self._executor.submit(invoke, request_id, payload).result(self._timeout)

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self._executor.shutdown(wait=True, cancel_futures=True)


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
            except BrokenProcessPool as error:
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
        except (BrokenProcessPool, TimeoutError) as error:
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
