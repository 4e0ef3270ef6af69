"""Predictions by model name and version."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import numpy.typing as npt

from bakeoff_core.clock import Clock
from bakeoff_core.errors import (
    DependencyUnavailable,
    FieldError,
    InvalidInput,
    ModelUnavailable,
    PayloadTooLarge,
)
from bakeoff_core.stores.models import CachedModels, ModelRegistry, ModelStatus, ModelVersion
from bakeoff_core.telemetry import count, logger, seconds
from feature_usage import FeatureUsage
from guarding import Guard
from measuring import Measured, count_errors
from model_loading import LoadedModel, ModelLoader, UnusableModel
from model_runtime.errors import InvalidFeatures, PredictionFailed
from model_runtime.model import Model, Outcome, TensorDescription
from model_runtime.outputs import Prediction
from prediction_cache import PredictionCache

Result = TypeVar("Result")

MAX_BATCH_ROWS = 10_000

_REFUSED: frozenset[ModelStatus] = frozenset({"offline", "unhealthy"})


class Answer(NamedTuple):
    """A prediction, and which version made it in how long."""

    model: ModelVersion
    prediction: Prediction
    latency_ms: float


class BatchAnswer(NamedTuple):
    """Predictions of many rows, or what was wrong with a row, in order."""

    model: ModelVersion
    outcomes: list[Outcome]
    latency_ms: float


class TensorAnswer(NamedTuple):
    """Whole tensors, by the outputs' names."""

    model: ModelVersion
    tensors: dict[str, npt.NDArray[Any]]
    latency_ms: float


class ModelServer:
    """Finds the version that is meant, loads it, and predicts.

    Args:
        registry: Which versions exist.
        loader: Holds the models.
        guard: Gives up models that fail or take too long.
        cache: Keeps predictions of single rows.
        clock: The time.
        max_age_seconds: For how long a registry's answer serves without another look.
        perf_counter: Measures latencies, in seconds.
    """

    def __init__(  # noqa: PLR0913 - a server joins where models are with what stands between them and requests
        self,
        registry: ModelRegistry,
        loader: ModelLoader,
        guard: Guard,
        cache: PredictionCache,
        *,
        clock: Clock,
        max_age_seconds: float,
        perf_counter: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._registry = registry
        self._loader = loader
        self._guard = guard
        self._cache = cache
        self._usage = FeatureUsage(perf_counter)
        self._clock = clock
        self._max_age_seconds = max_age_seconds
        self._perf_counter = perf_counter
        self._remembered = self._remember_nothing()

    def predict(
        self, model_name: str, version_or_alias: str | None, data: object, loc: str, *, engineered: bool = False
    ) -> Answer:
        """Predict one row.

        Args:
            model_name: The model.
            version_or_alias: A version, an alias, or None for the default alias.
            data: Named features, or their values in the schema's order.
            loc: What the request calls the row, for messages.
            engineered: Whether the row holds what a feature pipeline makes, and goes around it.

        Raises:
            ModelNotFound: There is no such version.
            ModelUnavailable: The version cannot serve, failed on this row, or did not answer in time.
            DependencyUnavailable: The registry or the object store does not answer.
            InvalidInput: The row does not fit the model's schema.
        """
        started = self._perf_counter()
        version = self._resolve(model_name, version_or_alias)

        def use(loaded: LoadedModel, model: Model) -> Prediction:
            return self._cache.predict(
                version, (loaded.fingerprint, engineered), model.read(data, loc), model.predict_row
            )

        with Measured(version, self._perf_counter):
            prediction = self._run(version, use, engineered=engineered)
        return Answer(version, prediction, self._milliseconds_since(started))

    def predict_batch(
        self,
        model_name: str,
        version_or_alias: str | None,
        rows: Sequence[object],
        loc: str,
        *,
        engineered: bool = False,
    ) -> BatchAnswer:
        """Predict many rows in one run; arguments and errors as in `predict`, but a bad row fails alone.

        Raises:
            PayloadTooLarge: There are more rows than are accepted, or than the model's own limit.
        """
        started = self._perf_counter()
        _check_size(len(rows), MAX_BATCH_ROWS, loc)
        version = self._resolve(model_name, version_or_alias)

        def use(_loaded: LoadedModel, model: Model) -> list[Outcome]:
            _check_size(len(rows), model.metadata.max_batch_size or MAX_BATCH_ROWS, loc)
            return model.predict_batch(rows, loc)

        with Measured(version, self._perf_counter):
            outcomes = self._run(version, use, engineered=engineered, has_failed=_none_succeeded, rows=len(rows))
        for kind in (InvalidFeatures, PredictionFailed):
            failures = [outcome for outcome in outcomes if isinstance(outcome, kind)]
            if failures:
                count_errors(version, "InvalidInput" if kind is InvalidFeatures else kind.__name__, len(failures))
        return BatchAnswer(version, outcomes, self._milliseconds_since(started))

    def infer(
        self,
        model_name: str,
        version_or_alias: str | None,
        feed: Mapping[str, npt.NDArray[Any]],
        outputs: Sequence[str] | None,
    ) -> TensorAnswer:
        """Compute whole tensors, as the model's graph takes and gives them; errors as in `predict`.

        Args:
            model_name: The model.
            version_or_alias: A version, an alias, or None for the default alias.
            feed: Every input of the feature pipeline where there is one, else of the model.
            outputs: Which outputs are wanted; None for all.

        Raises:
            PayloadTooLarge: There are more rows than are accepted, or than the model's own limit.
        """
        started = self._perf_counter()
        version = self._resolve(model_name, version_or_alias)

        def use(_loaded: LoadedModel, model: Model) -> dict[str, npt.NDArray[Any]]:
            _check_size(model.rows_in(feed), model.metadata.max_batch_size or MAX_BATCH_ROWS, "inputs")
            return model.infer(feed, outputs)

        with Measured(version, self._perf_counter):
            tensors = self._run(version, use, rows=_rows_of(feed))
        return TensorAnswer(version, tensors, self._milliseconds_since(started))

    def describe(self, model_name: str, version_or_alias: str | None) -> "Description":
        """Say what tensors a version takes and gives; errors as in `predict`."""
        version = self._resolve(model_name, version_or_alias)
        return self._run(version, lambda _loaded, model: Description(version, model.inputs, model.outputs))

    def reload(self, version: ModelVersion) -> ModelVersion:
        """Fetch, verify, build and prove a version anew; it becomes ready, or unhealthy with the reason.

        Raises:
            DependencyUnavailable: The registry or the object store does not answer; the version stays as it was.
        """
        self._set_status(version, "loading")
        self._loader.forget(version)
        try:
            self._guard.prove(version.model_key, lambda: self._load(version))
        except UnusableModel as error:
            return self._found_unhealthy(version, error)
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

    def _run(
        self,
        version: ModelVersion,
        use: Callable[[LoadedModel, Model], Result],
        *,
        engineered: bool = False,
        has_failed: Callable[[Result], bool] = lambda _result: False,
        rows: int = 1,
    ) -> Result:
        """Use a version's model under the guard."""
        _refuse_out_of_service(version)
        running: list[Model] = []

        def job() -> Result:
            try:
                with self._loader.lease(version) as loaded:
                    return self._used(version, loaded, loaded.engineered if engineered else loaded.raw, use, running)
            except UnusableModel as error:
                raise self._unusable(version, error) from error
            except PredictionFailed as error:
                raise ModelUnavailable(version.model_key, str(error)) from error

        def cancel() -> None:
            for model in running:
                model.cancel()

        work = rows if self._loader.holds(version) else None
        return self._guard.run(version.model_key, job, cancel, has_failed, work)

    def _used(
        self,
        version: ModelVersion,
        loaded: LoadedModel,
        model: Model,
        use: Callable[[LoadedModel, Model], Result],
        running: list[Model],
    ) -> Result:
        running.append(model)
        started = self._perf_counter()
        try:
            result = use(loaded, model)
        except InvalidFeatures as error:
            raise InvalidInput([FieldError(each.loc, each.msg) for each in error.errors]) from error
        finally:
            self._usage.note(version, loaded)
        seconds(
            "prediction_latency_seconds",
            self._perf_counter() - started,
            model_name=version.name,
            version=version.version,
        )
        return result

    def _unusable(self, version: ModelVersion, error: UnusableModel) -> ModelUnavailable:
        logger.exception("model cannot be used", model_key=version.model_key)
        try:
            self._found_unhealthy(version, error)
        except DependencyUnavailable:
            logger.warning("status could not be written", model_key=version.model_key)
        return ModelUnavailable(version.model_key, str(error))

    def _load(self, version: ModelVersion) -> None:
        with self._loader.lease(version):
            pass

    def _found_unhealthy(self, version: ModelVersion, error: UnusableModel) -> ModelVersion:
        count("model_unhealthy_total", model_name=version.name, version=version.version)
        return self._set_status(version, "unhealthy", reason=str(error))

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

    def _milliseconds_since(self, started: float) -> float:
        return round((self._perf_counter() - started) * 1_000, 3)


@dataclass(frozen=True, slots=True)
class Description:
    """What tensors a version takes and gives."""

    model: ModelVersion
    inputs: list[TensorDescription]
    outputs: list[TensorDescription]


def _refuse_out_of_service(version: ModelVersion) -> None:
    if version.status == "offline":
        raise ModelUnavailable(version.model_key, "it was taken offline")
    if version.status == "unhealthy":
        raise ModelUnavailable(version.model_key, version.reason or "it is unhealthy")


def _none_succeeded(outcomes: list[Outcome]) -> bool:
    failed = any(isinstance(outcome, PredictionFailed) for outcome in outcomes)
    return failed and not any(isinstance(outcome, Prediction) for outcome in outcomes)


def _rows_of(feed: Mapping[str, npt.NDArray[Any]]) -> int:
    """Count the rows of tensors as nearly all models do, along the first dimension."""
    return max((tensor.shape[0] for tensor in feed.values() if tensor.ndim), default=1)


def _check_size(rows: int, limit: int, loc: str) -> None:
    if rows > limit:
        raise PayloadTooLarge(f"{loc}: at most {limit} rows are accepted at once, got {rows}")
