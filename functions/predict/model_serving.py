"""Predictions by model name and version."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from bakeoff_core.clock import Clock
from bakeoff_core.errors import (
    BakeoffError,
    DependencyUnavailable,
    FieldError,
    InvalidInput,
    ModelUnavailable,
    PayloadTooLarge,
)
from bakeoff_core.stores.models import CachedModels, ModelRegistry, ModelStatus, ModelVersion
from bakeoff_core.telemetry import count, logger, seconds
from model_loading import ModelLoader, UnusableModel
from model_runtime.errors import InvalidFeatures, PredictionFailed
from model_runtime.model import Model, Outcome
from model_runtime.outputs import Prediction

MAX_BATCH_ROWS = 10_000

_REFUSED: frozenset[ModelStatus] = frozenset({"offline", "unhealthy"})


@dataclass(frozen=True, slots=True)
class Answer:
    """A prediction, and which version made it in how long."""

    model: ModelVersion
    prediction: Prediction
    latency_ms: float


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """Predictions of many rows, or what was wrong with a row, in order."""

    model: ModelVersion
    outcomes: list[Outcome]
    latency_ms: float


class ModelServer:
    """Finds the version that is meant, loads it, and predicts.

    Args:
        registry: Which versions exist.
        loader: Holds the models.
        clock: The time.
        max_age_seconds: For how long a registry's answer serves without another look.
        perf_counter: Measures latencies, in seconds.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        loader: ModelLoader,
        clock: Clock,
        max_age_seconds: float,
        perf_counter: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._registry = registry
        self._loader = loader
        self._clock = clock
        self._max_age_seconds = max_age_seconds
        self._perf_counter = perf_counter
        self._remembered = self._remember_nothing()

    def predict(self, model_name: str, version_or_alias: str | None, data: object, loc: str) -> Answer:
        """Predict one row.

        Args:
            model_name: The model.
            version_or_alias: A version, an alias, or None for the default alias.
            data: Named features, or their values in the schema's order.
            loc: What the request calls the row, for messages.

        Raises:
            ModelNotFound: There is no such version.
            ModelUnavailable: The version cannot serve, or failed on this row.
            DependencyUnavailable: The registry or the object store does not answer.
            InvalidInput: The row does not fit the model's schema.
        """
        started = self._perf_counter()
        version = self._resolve(model_name, version_or_alias)
        with self._measured(version):
            model = self._model(version)
            run_started = self._perf_counter()
            try:
                prediction = model.predict(data, loc)
            except InvalidFeatures as error:
                raise InvalidInput([FieldError(each.loc, each.msg) for each in error.errors]) from error
            except PredictionFailed as error:
                logger.exception("prediction failed", model_key=version.model_key)
                raise ModelUnavailable(version.model_key, str(error)) from error
            self._record_latency(version, run_started)
        return Answer(version, prediction, self._milliseconds_since(started))

    def predict_batch(
        self, model_name: str, version_or_alias: str | None, rows: Sequence[object], loc: str
    ) -> BatchAnswer:
        """Predict many rows in one run; arguments and errors as in `predict`, but a bad row fails alone.

        Raises:
            PayloadTooLarge: There are more rows than are accepted, or than the model's own limit.
        """
        started = self._perf_counter()
        _check_size(rows, MAX_BATCH_ROWS, loc)
        version = self._resolve(model_name, version_or_alias)
        with self._measured(version):
            model = self._model(version)
            _check_size(rows, model.metadata.max_batch_size or MAX_BATCH_ROWS, loc)
            run_started = self._perf_counter()
            outcomes = model.predict_batch(rows, loc)
            self._record_latency(version, run_started)
        for kind in (InvalidFeatures, PredictionFailed):
            failures = [outcome for outcome in outcomes if isinstance(outcome, kind)]
            if failures:
                self._count_errors(version, "InvalidInput" if kind is InvalidFeatures else kind.__name__, len(failures))
        return BatchAnswer(version, outcomes, self._milliseconds_since(started))

    def reload(self, version: ModelVersion) -> ModelVersion:
        """Fetch, verify, build and prove a version anew; it becomes ready, or unhealthy with the reason.

        Raises:
            DependencyUnavailable: The registry or the object store does not answer; the version stays as it was.
        """
        self._set_status(version, "loading")
        self._loader.forget(version)
        try:
            self._loader.get(version)
        except UnusableModel as error:
            return self._set_status(version, "unhealthy", reason=str(error))
        except BaseException:
            self._set_status(version, version.status, reason=version.reason)
            raise
        return self._set_status(version, "ready", loaded_at=self._clock())

    def withdraw(self, version: ModelVersion) -> ModelVersion:
        """Take a version out of service."""
        changed = self._set_status(version, "offline")
        self._loader.forget(version)
        return changed

    def _resolve(self, model_name: str, version_or_alias: str | None) -> ModelVersion:
        version = self._remembered.resolve(model_name, version_or_alias)
        if version.status in _REFUSED:
            # It may have come back a moment ago, and a refusal should not outlive its reason.
            version = self._registry.resolve(model_name, version_or_alias)
        return version

    def _model(self, version: ModelVersion) -> Model:
        if version.status == "offline":
            raise ModelUnavailable(version.model_key, "it was taken offline")
        if version.status == "unhealthy":
            raise ModelUnavailable(version.model_key, version.reason or "it is unhealthy")
        try:
            return self._loader.get(version)
        except UnusableModel as error:
            logger.exception("model cannot be used", model_key=version.model_key)
            try:
                self._set_status(version, "unhealthy", reason=str(error))
            except DependencyUnavailable:
                logger.warning("status could not be written", model_key=version.model_key)
            raise ModelUnavailable(version.model_key, str(error)) from error

    def _set_status(
        self,
        version: ModelVersion,
        status: ModelStatus,
        reason: str | None = None,
        loaded_at: datetime | None = None,
    ) -> ModelVersion:
        changed = self._registry.set_status(version.name, version.version, status, reason=reason, loaded_at=loaded_at)
        self._remembered = self._remember_nothing()
        return changed

    def _remember_nothing(self) -> CachedModels:
        return CachedModels(
            self._registry,
            self._max_age_seconds,
            self._clock,
            lambda name: count("stale_configuration_total", model_name=name),
        )

    @contextmanager
    def _measured(self, version: ModelVersion) -> Iterator[None]:
        started = self._perf_counter()
        count("model_request_total", model_name=version.name, version=version.version)
        try:
            yield
        except BakeoffError as error:
            self._count_errors(version, type(error).__name__, 1)
            raise
        finally:
            elapsed = self._perf_counter() - started
            seconds("model_request_duration_seconds", elapsed, model_name=version.name, version=version.version)

    @staticmethod
    def _count_errors(version: ModelVersion, error_type: str, number: int) -> None:
        count("model_request_errors", number, model_name=version.name, version=version.version, error_type=error_type)

    def _record_latency(self, version: ModelVersion, started: float) -> None:
        elapsed = self._perf_counter() - started
        seconds("prediction_latency_seconds", elapsed, model_name=version.name, version=version.version)

    def _milliseconds_since(self, started: float) -> float:
        return round((self._perf_counter() - started) * 1_000, 3)


def _check_size(rows: Sequence[object], limit: int, loc: str) -> None:
    if len(rows) > limit:
        raise PayloadTooLarge(f"{loc}: at most {limit} rows are accepted at once, got {len(rows)}")
