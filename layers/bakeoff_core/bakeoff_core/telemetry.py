"""Logs and metrics, under the names that dashboards and alarms know."""

import re
import sys
import time
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from os import environ
from threading import Lock
from typing import TypeAlias, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic_core import to_json

NAMESPACE = environ.get("POWERTOOLS_METRICS_NAMESPACE", "Bakeoff")
"""Where a stack's metrics are; template.yaml gives each stack its own."""

_EXPERIMENT_OF_PATH = re.compile(r"/(?:ab_test/experiments?|ofrep/v1/evaluate/flags)/([^/]+)")
_SERVICE = environ.get("POWERTOOLS_SERVICE_NAME", "bakeoff")

_LOG_EVENT = "POWERTOOLS_LOGGER_LOG_EVENT"

_MOST_METRICS = 100
_MOST_VALUES = 100
_MOST_REMEMBERED = 1_024

_Dimensions: TypeAlias = tuple[tuple[str, str], ...]

Event = TypeVar("Event")
Answer = TypeVar("Answer")
Handler: TypeAlias = Callable[[Event, LambdaContext], Answer]

logger = Logger()


def naming_invocations(handler: Handler[Event, Answer]) -> Handler[Event, Answer]:
    """Let the log lines of a handler name its invocation, as `Logger.inject_lambda_context` does.

    That describes the whole function anew for each invocation, which takes as long as many an answer. Here it
    does so for the first one, and where the function is called by another name; then only what is new is told.

    Args:
        handler: The function's entry point.
    """
    described = logger.inject_lambda_context(handler)
    describes_each = bool(logger.sampling_rate or environ.get(_LOG_EVENT))
    known_as: str | None = None

    @wraps(handler)
    def handle(event: Event, context: LambdaContext) -> Answer:
        nonlocal known_as
        if describes_each or context.invoked_function_arn != known_as:
            known_as = context.invoked_function_arn
            answer: Answer = described(event, context)
            return answer
        logger.append_keys(cold_start=False, function_request_id=context.aws_request_id)
        return handler(event, context)

    return handle


def of_request(request_id: str, path: str) -> None:
    """Let the log lines from here on name a request, and its experiment where its path does.

    Args:
        request_id: The id that the caller sees, too.
        path: The request's path.
    """
    named = _EXPERIMENT_OF_PATH.match(path)
    logger.append_keys(request_id=request_id, experiment_name=named[1] if named else None)


def of_experiment(name: str) -> None:
    """Let the log lines from here on, until the next request, name an experiment."""
    logger.append_keys(experiment_name=name)


def count(name: str, value: float = 1, **dimensions: str) -> None:
    """Count something as a CloudWatch embedded metric.

    Args:
        name: The metric's name.
        value: By how much.
        dimensions: What the metric is broken down by. It is there in total as well, for alarms watch totals.
    """
    _gatherer.take(_with_values(**dimensions), name, "Count", value)


def seconds(name: str, value: float, **dimensions: str) -> None:
    """Record a duration in seconds as a CloudWatch embedded metric."""
    _gatherer.take(_with_values(**dimensions), name, "Seconds", value)


def size(name: str, value: float, **dimensions: str) -> None:
    """Record a size in bytes as a CloudWatch embedded metric."""
    _gatherer.take(_with_values(**dimensions), name, "Bytes", value)


class gathered_metrics:  # noqa: N801 - it reads as what a with statement does
    """Write the metrics of a request together at its end, those of the same dimensions in one line."""

    def __enter__(self) -> None:
        _gatherer.begin()

    def __exit__(self, *_: object) -> None:
        _gatherer.end()


@lru_cache(maxsize=_MOST_REMEMBERED)
def _with_values(**dimensions: str) -> _Dimensions:
    """Leave out dimensions without a value, which CloudWatch refuses."""
    return tuple((key, detail) for key, detail in dimensions.items() if detail.strip())


class _Gatherer:
    """Holds metrics back while somebody gathers them; what other threads emit meanwhile goes with them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._gathering = 0
        self._held: dict[_Dimensions, dict[str, tuple[str, list[float]]]] = {}

    def begin(self) -> None:
        with self._lock:
            self._gathering += 1

    def take(self, dimensions: _Dimensions, name: str, unit: str, value: float) -> None:
        with self._lock:
            metrics = self._held.get(dimensions)
            if metrics is None:
                metrics = self._held[dimensions] = {}
            known = metrics.get(name)
            if known is None:
                known = metrics[name] = (unit, [])
            values = known[1]
            values.append(float(value))
            # CloudWatch reads so many of each and no more.
            full = len(values) == _MOST_VALUES or len(metrics) == _MOST_METRICS
            lines = [] if self._gathering and not full else self._taken()
        _write(lines)

    def end(self) -> None:
        with self._lock:
            self._gathering -= 1
            lines = [] if self._gathering else self._taken()
        _write(lines)

    def _taken(self) -> list[str]:
        held, self._held = self._held, {}
        return [_line(dimensions, metrics) for dimensions, metrics in held.items()]


_gatherer = _Gatherer()


def _line(dimensions: _Dimensions, metrics: Mapping[str, tuple[str, list[float]]]) -> str:
    named = tuple((name, unit) for name, (unit, _values) in metrics.items())
    declared = _declared(NAMESPACE, _SERVICE, dimensions, named)
    values = to_json({name: values for name, (_unit, values) in metrics.items()}).decode()
    return f'{{"_aws":{{"Timestamp":{int(time.time() * 1_000)},{declared},{values[1:]}'


@lru_cache(maxsize=_MOST_REMEMBERED)
def _declared(namespace: str, service: str, dimensions: _Dimensions, metrics: tuple[tuple[str, str], ...]) -> str:
    """Write what all lines of the same metrics and dimensions have in common, between the time and the values."""
    total = {"service": service}
    detailed = dict(dimensions) | total
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(detailed)] if detailed == total else [list(detailed), list(total)],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in metrics],
    }
    return f'"CloudWatchMetrics":[{to_json(directive).decode()}]}},{to_json(detailed).decode()[1:-1]}'


def _write(lines: list[str]) -> None:
    if lines:
        sys.stdout.write("\n".join(lines) + "\n")
