"""What is recorded of predictions."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pydantic import JsonValue

from bakeoff_core.assignment.assigner import Assignment
from bakeoff_core.events.model import Event
from bakeoff_core.events.recorder import EventRecorder
from bakeoff_core.telemetry import logger
from model_runtime.outputs import Prediction
from model_serving import Answer, BatchAnswer


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

    def single(self, answer: Answer, features: object, request_id: str) -> None:
        """Record a prediction outside experiments, if it is drawn."""
        if self._draw() < self._sample_rate:
            with _harmless():
                self._recorder.record(self._event(answer, features, request_id))

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
        answer: Answer,
        features: object,
        request_id: str,
        assignment: Assignment,
        *,
        context: Mapping[str, JsonValue],
        fallback: bool,
    ) -> None:
        """Record that a unit met its group, and the prediction that it met, in one call."""
        with _harmless():
            exposure = self._recorder.exposure(assignment, context)
            prediction = self._event(answer, features, request_id, assignment, {"fallback": fallback})
            self._recorder.record(exposure, prediction)

    def _event(
        self,
        answer: Answer,
        features: object,
        request_id: str,
        assignment: Assignment | None = None,
        further: Mapping[str, JsonValue] | None = None,
    ) -> Event:
        details: dict[str, JsonValue] = {
            "request_id": request_id,
            "features": features,  # type: ignore[dict-item] # it came as JSON
            "prediction": answer.prediction.prediction,
            "probabilities": list(answer.prediction.probabilities) if answer.prediction.probabilities else None,
            "latency_ms": answer.latency_ms,
            **(further or {}),
        }
        return self._recorder.prediction(answer.model.name, answer.model.version, details, assignment)


@contextmanager
def _harmless() -> Iterator[None]:
    try:
        yield
    except Exception:  # noqa: BLE001 - a prediction that is made must reach its caller, whatever fails here
        logger.exception("prediction could not be recorded")
