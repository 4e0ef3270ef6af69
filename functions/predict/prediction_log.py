"""What is recorded of predictions."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from bakeoff_core.assignment.assigner import Assignment
from bakeoff_core.events.model import Event
from bakeoff_core.events.recorder import EventRecorder
from bakeoff_core.telemetry import logger
from experiment_serving import ExperimentAnswer
from model_runtime.outputs import Prediction
from model_serving import Answer, BatchAnswer, TensorAnswer

Made = TypeVar("Made", Answer, TensorAnswer)

# A record may take 1 MiB on the stream, and 256 KiB in the fallback queue.
_LARGE = 64 * 1024
_FEW = 256
_OF_ANY_SIZE = ("features", "prediction", "probabilities", "shadow")


class PredictionLog:
    """Records every prediction of an experiment, and a sample of the others. It never fails its caller.

    Args:
        recorder: Takes the events.
        sample_rate: The share of predictions outside experiments to record.
        draw: Draws a number from [0, 1).
    """

    def __init__(self, recorder: EventRecorder, sample_rate: float, draw: Callable[[], float]) -> None:
        self._recorder = recorder
        self._sample_rate = sample_rate
        self._draw = draw

    def single(self, made: Made, features: Callable[[], object], request_id: str) -> None:
        """Record a prediction outside experiments, if it is drawn; only then the features are asked for."""
        if self._draw() < self._sample_rate:
            with _harmless():
                self._recorder.record(self._event(made, features(), request_id))

    def batch(self, answer: BatchAnswer, rows: list[object], request_id: str) -> None:
        """Record the drawn ones of a batch's predictions."""
        drawn = [
            Answer(answer.model, outcome, answer.latency_ms)
            if isinstance(outcome, Prediction) and self._draw() < self._sample_rate
            else None
            for outcome in answer.outcomes
        ]
        with _harmless():
            events = [
                self._event(single, row, request_id)
                for single, row in zip(drawn, rows, strict=True)
                if single is not None
            ]
            if events:
                self._recorder.record(*events)

    def in_experiment(
        self,
        chosen: ExperimentAnswer[Made],
        features: object,
        request_id: str,
        assignment: Assignment,
        context: Mapping[str, JsonValue],
    ) -> None:
        """Record that a unit met its group, and the prediction that it met, in one call.

        The prediction of a shadow model stands beside the one that was answered, under `shadow`.
        """
        further: dict[str, JsonValue] = {"fallback": chosen.fallback}
        if chosen.shadow is not None:
            further["shadow"] = dict(chosen.shadow)
        with _harmless():
            exposure = self._recorder.exposure(assignment, context)
            self._recorder.record(exposure, self._event(chosen.answer, features, request_id, assignment, further))

    def _event(
        self,
        made: Answer | TensorAnswer,
        features: object,
        request_id: str,
        assignment: Assignment | None = None,
        further: Mapping[str, JsonValue] | None = None,
    ) -> Event:
        details: dict[str, JsonValue] = {
            "request_id": request_id,
            "features": features,  # type: ignore[dict-item] # it came as JSON
            **outcome_of(made),
            **(further or {}),
        }
        return self._recorder.prediction(made.model.name, made.model.version, _carried(details), assignment)


def _carried(details: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Leave out what is too large for the stream, and say what that was."""
    left_out: list[JsonValue] = [name for name in _OF_ANY_SIZE if name in details and _is_large(details[name])]
    return {**details, **dict.fromkeys(map(str, left_out)), "left_out": left_out} if left_out else details


def _is_large(value: JsonValue) -> bool:
    # Nearly all features are an object of a few short values, and not worth writing to be measured.
    if not isinstance(value, dict | list):
        return isinstance(value, str) and len(value) > _LARGE
    members = value.values() if isinstance(value, dict) else value
    if len(value) < _FEW and not any(
        isinstance(each, dict | list) or (isinstance(each, str) and len(each) > _FEW) for each in members
    ):
        return False
    return len(json.dumps(value)) > _LARGE


def outcome_of(made: Answer | TensorAnswer) -> dict[str, JsonValue]:
    """Write down what a model made and in how long."""
    if isinstance(made, TensorAnswer):
        prediction: JsonValue = {name: written(tensor) for name, tensor in made.tensors.items()}
        return {"prediction": prediction, "probabilities": None, "latency_ms": made.latency_ms}
    return {
        "prediction": made.prediction.prediction,
        "probabilities": list(made.prediction.probabilities) if made.prediction.probabilities else None,
        "latency_ms": made.latency_ms,
    }


def described(made: Answer | TensorAnswer) -> dict[str, JsonValue]:
    """Write down what a shadow model made, and which version that was."""
    return {"model_name": made.model.name, "model_version": made.model.version, **outcome_of(made)}


def written(tensor: npt.NDArray[Any]) -> JsonValue:
    """Write a tensor as nested arrays; what is no number in JSON becomes null, and bytes become text."""
    if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
        return np.where(np.isfinite(tensor), tensor, None).tolist()  # type: ignore[no-any-return,call-overload] # None has no dtype
    if tensor.dtype.kind == "O":
        return np.vectorize(_text, otypes=[object])(tensor).tolist() if tensor.size else tensor.tolist()  # type: ignore[no-any-return] # strings
    return tensor.tolist()  # type: ignore[no-any-return] # numbers or Booleans


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")


@contextmanager
def _harmless() -> Iterator[None]:
    try:
        yield
    except Exception:  # noqa: BLE001 - a prediction that is made must reach its caller, whatever fails here
        logger.exception("prediction could not be recorded")
