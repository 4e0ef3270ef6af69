"""Recording what Bakeoff itself did: exposures and predictions."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from bakeoff_core.assignment.assigner import Assignment
from bakeoff_core.clock import Clock
from bakeoff_core.events.ids import time_ordered_id
from bakeoff_core.events.model import Event
from bakeoff_core.events.types import EXPOSURE, PREDICTION
from bakeoff_core.stores.streams import EventSink
from bakeoff_core.telemetry import count, logger


class EventRecorder:
    """Records events so that the caller's answer never depends on it.

    Args:
        stream: Where events belong.
        fallback: Where they go while the stream refuses them.
        clock: The time.
        new_id: Makes an event id at a time.
    """

    def __init__(
        self,
        stream: EventSink,
        fallback: EventSink,
        clock: Clock,
        new_id: Callable[[datetime], str] = time_ordered_id,
    ) -> None:
        self._stream = stream
        self._fallback = fallback
        self._clock = clock
        self._new_id = new_id

    def exposure(self, assignment: Assignment, context: Mapping[str, JsonValue]) -> Event:
        """Describe that a unit met its group; `record` sends it.

        Args:
            assignment: An assignment with a group.
            context: What the caller said of the unit, kept for the analysis of segments.
        """
        now = self._clock()
        return Event(
            event_id=self._new_id(now),
            event_type=EXPOSURE,
            user_id=assignment.unit,
            timestamp=now,
            received_at=now,
            **_of_experiment(assignment),
            metadata={
                "assignment_id": assignment.assignment_id,
                "reason": assignment.reason,
                **_weights(assignment),
                "context": dict(context),
            },
        )

    def prediction(
        self,
        model_name: str,
        model_version: str,
        details: Mapping[str, JsonValue],
        assignment: Assignment | None = None,
    ) -> Event:
        """Describe a prediction; `record` sends it.

        Args:
            model_name: The model that predicted.
            model_version: Its resolved version.
            details: What is kept with it: the features, the output, the latency.
            assignment: The assignment that chose the model, for a prediction in an experiment.
        """
        now = self._clock()
        return Event(
            event_id=self._new_id(now),
            event_type=PREDICTION,
            user_id=assignment.unit if assignment else None,
            timestamp=now,
            received_at=now,
            **(_of_experiment(assignment) if assignment else {}),
            model_name=model_name,
            model_version=model_version,
            metadata=dict(details),
        )

    def record(self, *events: Event) -> None:
        """Send events to the stream, else to the fallback queue, else into the log. Never raises."""
        refused = self._stream.put(events)
        if refused:
            count("fallback_queue_total", len(refused))
            for event in self._fallback.put(refused):
                # What users sent along stays out of the log.
                lost = event.model_dump(mode="json", exclude={"metadata"})
                logger.error("event lost to stream and fallback queue", event=lost)
                count("event_rejected_total", event_type=event.event_type)
        for event in events:
            if event.event_type == EXPOSURE:
                count("exposure_total", experiment=str(event.experiment_name), group=str(event.group_name))


def _weights(assignment: Assignment) -> dict[str, Any]:
    # The shares of hash_based stand in the configuration; every other algorithm may weigh each unit differently.
    if assignment.weights is None or assignment.experiment.assignment_algorithm == "hash_based":
        return {}
    return {"weights": dict(assignment.weights)}


def _of_experiment(assignment: Assignment) -> dict[str, Any]:
    return {
        "experiment_name": assignment.experiment.name,
        "group_name": assignment.group.name if assignment.group else None,
        "config_version": assignment.experiment.config_version,
        "propensity": assignment.propensity,
    }
