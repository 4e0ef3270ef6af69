"""What is counted of every request for a model version."""

from collections.abc import Callable
from typing import Self

from bakeoff_core.errors import BakeoffError, ModelUnavailable
from bakeoff_core.stores.models import ModelVersion
from bakeoff_core.telemetry import count, logger, seconds


class Measured:
    """Counts a request, how long it took and how it failed, around a with statement.

    Args:
        version: The version.
        perf_counter: Measures durations, in seconds.
    """

    __slots__ = ("_perf_counter", "_started", "_version")

    def __init__(self, version: ModelVersion, perf_counter: Callable[[], float]) -> None:
        self._version = version
        self._perf_counter = perf_counter
        self._started = 0.0

    def __enter__(self) -> Self:
        self._started = self._perf_counter()
        count("model_request_total", model_name=self._version.name, version=self._version.version)
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        version, elapsed = self._version, self._perf_counter() - self._started
        if isinstance(error, BakeoffError):
            if isinstance(error, ModelUnavailable):
                logger.error("prediction failed", model_key=version.model_key, exc_info=error)
            count_errors(version, type(error).__name__, 1)
        seconds("model_request_duration_seconds", elapsed, model_name=version.name, version=version.version)


def count_errors(version: ModelVersion, error_type: str, number: int) -> None:
    """Count errors of a version.

    Args:
        version: The version.
        error_type: What they are called.
        number: How many.
    """
    count("model_request_errors", number, model_name=version.name, version=version.version, error_type=error_type)
