"""Taking events in: each is checked by itself, and the caller learns what became of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from bakeoff_core.clock import Clock
from bakeoff_core.errors import DependencyUnavailable, FieldError, InvalidInput, PayloadTooLarge
from bakeoff_core.events.ids import time_ordered_id
from bakeoff_core.events.model import Event, EventRequest
from bakeoff_core.stores.streams import EventSink, is_too_large
from bakeoff_core.validation import field_errors

MAX_EVENTS_A_REQUEST = 500
_TOO_LARGE = (FieldError("metadata", "makes the event larger than 1 MiB"),)
_REFUSED = (FieldError("", "the event stream refused it: send it again with the same event_id"),)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event of a request."""

    index: int
    event_id: str | None
    errors: tuple[FieldError, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Answer as `POST /ab_test/events` does."""
        if not self.errors:
            return {"index": self.index, "event_id": self.event_id, "status": "accepted"}
        return {
            "index": self.index,
            "event_id": self.event_id,
            "status": "rejected",
            "errors": [{"loc": error.loc, "msg": error.msg} for error in self.errors],
        }


class EventIntake:
    """Checks reported events and puts them on the stream.

    Args:
        stream: Where events go.
        clock: The time of arrival.
        new_id: Makes the id of an event whose caller gave none.
    """

    def __init__(self, stream: EventSink, clock: Clock, new_id: Callable[[datetime], str] = time_ordered_id) -> None:
        self._stream = stream
        self._clock = clock
        self._new_id = new_id

    def accept(
        self, reports: Sequence[Any], read: Callable[[Any], EventRequest] = EventRequest.model_validate
    ) -> list[Outcome]:
        """Take every event that is right and that the stream takes.

        Args:
            reports: Up to 500 events, as parsed from JSON and not validated.
            read: Makes an event of a report, or raises pydantic.ValidationError.

        Returns:
            One outcome an event, in their order.

        Raises:
            InvalidInput: There are no events, or none of them is right.
            PayloadTooLarge: There are more than 500, or each is larger than the stream takes.
            DependencyUnavailable: The stream took none of them.
        """
        if not reports:
            raise InvalidInput.of("", "must hold at least one event")
        if len(reports) > MAX_EVENTS_A_REQUEST:
            raise PayloadTooLarge(f"must hold {MAX_EVENTS_A_REQUEST} events at most, got {len(reports)}")
        now = self._clock()
        checked = [self._check(report, now, read) for report in reports]
        events = [result for result in checked if isinstance(result, Event)]
        refused = {id(event): _refusal(event) for event in self._stream.put(events)} if events else {}
        found = [result if not isinstance(result, Event) else refused.get(id(result), ()) for result in checked]
        if all(errors == _TOO_LARGE for errors in found):
            raise PayloadTooLarge(f"metadata: {_TOO_LARGE[0].msg}")
        if all(found):
            if _REFUSED in found:
                raise DependencyUnavailable("the event stream")
            raise InvalidInput([_at(index, error) for index, errors in enumerate(found) for error in errors])
        return [
            Outcome(index, result.event_id if isinstance(result, Event) and errors != _TOO_LARGE else None, errors)
            for index, (result, errors) in enumerate(zip(checked, found, strict=True))
        ]

    def _check(self, report: Any, now: datetime, read: Callable[[Any], EventRequest]) -> Event | tuple[FieldError, ...]:
        try:
            request = read(report)
            return request.to_event(request.event_id or self._new_id(now), now)
        except ValidationError as error:
            return tuple(field_errors(error))


def _refusal(event: Event) -> tuple[FieldError, ...]:
    return _TOO_LARGE if is_too_large(event) else _REFUSED


def _at(index: int, error: FieldError) -> FieldError:
    return FieldError(f"[{index}].{error.loc}" if error.loc else f"[{index}]", error.msg)
