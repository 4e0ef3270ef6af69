"""Servers as processes on loopback: started, asked over one connection, and ended."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks.peer_questions import Question
from benchmarks.processor_time import seconds_of, tree_of

_SECONDS_TO_START = 60
_SECONDS_TO_ANSWER = 60
_SECONDS_TO_STOP = 10


class NoAnswer(Exception):
    """A server did not start, or did not answer as it should."""


class Server:
    """A process that answers on a port, and the connection to it.

    Args:
        pid: The process.
        port: Where on loopback it listens.
        counted: Whether its own time counts, or that of its children only.
    """

    def __init__(self, pid: int, port: int, *, counted: bool = True) -> None:
        self._pid = pid
        self._counted = counted
        self._connection = HTTPConnection("127.0.0.1", port, timeout=_SECONDS_TO_ANSWER)

    def ask(self, question: Question) -> bytes:
        """Ask once.

        Raises:
            NoAnswer: The answer is not one of success.
        """
        try:
            self._connection.request("POST", question.path, question.body, question.headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        if response.status != 200:  # noqa: PLR2004
            raise NoAnswer(f"{response.status}: {answer[:300].decode(errors='replace')}")
        return answer

    def seconds(self, question: Question, times: int) -> tuple[float, bytes]:
        """Ask a number of times, over one connection.

        Returns:
            The processor time that the answers took, and the last of them.

        Raises:
            NoAnswer: One answer was not one of success, or a process came or went meanwhile, whose time is not known.
        """
        self._connection.close()  # a server may have hung up while others were asked
        self.ask(question)
        processes = self._processes()
        started = sum(map(seconds_of, processes))
        answer = b""
        for _ in range(times):
            answer = self.ask(question)
        spent = sum(map(seconds_of, processes)) - started
        if self._processes() != processes:
            raise NoAnswer("a process came or went")
        return spent, answer

    def _processes(self) -> frozenset[int]:
        found = tree_of(self._pid)
        return found if self._counted else found - {self._pid}


@contextmanager
def served(
    command: Sequence[str], port: int, log: Path, *, environment: Mapping[str, str], folder: Path
) -> Iterator[Server]:
    """Run a server.

    Args:
        command: Starts it.
        port: Where on loopback it will listen.
        log: Where its output goes.
        environment: What it finds in its environment beside PATH and HOME.
        folder: Where it runs.

    Raises:
        NoAnswer: It does not listen.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this package's commands
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the benchmark, which ends this one in its own time
        )
    try:
        _await(process, port, log)
        yield Server(process.pid, port)
    finally:
        descendants = tree_of(process.pid)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_STOP)
        for pid in descendants:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            # Some answer before their model is there; whether they answer rightly is seen later.
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, HTTPException):
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise NoAnswer(f"did not start: {log.read_text(errors='replace')[-300:]}")
