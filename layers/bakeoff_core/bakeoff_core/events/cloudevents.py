"""CloudEvents 1.0 as another way to report events: structured, batched, or in the headers of the request."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from bakeoff_core.events.model import EventRequest, Moment
from bakeoff_core.validation import FiniteJson, Name, UnitId

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

_HEADER_PREFIX = "ce-"
_EVENT_FIELDS = frozenset({"user_id", "event_value", "experiment_name"})

NonEmpty = Annotated[str, StringConstraints(min_length=1)]
Extension = str | int | bool


class CloudEvent(BaseModel):
    """An event in the form of CloudEvents 1.0.

    `type` is the event type, `subject` the unit and `time` the time. Of an object in `data` the members user_id,
    event_value and experiment_name mean what they mean in a plain event, `metadata` and all others are the metadata.
    """

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)
    __pydantic_extra__: dict[str, Extension] = Field(init=False)

    specversion: Literal["1.0"]
    id: NonEmpty
    source: NonEmpty
    type: Name
    subject: UnitId | None = None
    time: Moment | None = None
    datacontenttype: str | None = None
    dataschema: NonEmpty | None = None
    data: dict[str, FiniteJson] | None = None

    @field_validator("datacontenttype")
    @classmethod
    def _json(cls, value: str | None) -> str | None:
        if value is not None and not _is_json(value):
            raise ValueError("must be JSON")
        return value

    def to_request(self) -> EventRequest:
        """Read it as a plain event.

        Two sources may use one id, so the event's id is made of both.

        Raises:
            pydantic.ValidationError: It lacks the unit, or `data` holds a wrong value.
        """
        data = self.data or {}
        metadata = data.get("metadata", {})
        others = {name: value for name, value in data.items() if name not in {*_EVENT_FIELDS, "metadata"}}
        origin = {"id": self.id, "source": self.source, **(self.__pydantic_extra__ or {})}
        document: dict[str, Any] = {
            "event_id": _event_id(self.source, self.id),
            "event_type": self.type,
            **({"user_id": self.subject} if self.subject is not None else {}),
            **{name: data[name] for name in _EVENT_FIELDS if name in data},
            "timestamp": self.time,
            "metadata": {**others, **metadata, "cloudevent": origin} if isinstance(metadata, dict) else metadata,
        }
        return EventRequest.model_validate(document)


def read_cloudevent(document: Any) -> EventRequest:
    """Read a CloudEvent in its JSON form.

    Raises:
        pydantic.ValidationError: It is none, or it does not say what an event must.
    """
    if isinstance(document, dict) and "data_base64" in document:
        document = {**document, "data": document["data_base64"]}  # text where an object is needed, and so refused
    return CloudEvent.model_validate(document).to_request()


def is_binary(headers: Mapping[str, str]) -> bool:
    """Whether a request's headers carry the attributes of a CloudEvent.

    Args:
        headers: By name in lower case.
    """
    return f"{_HEADER_PREFIX}specversion" in headers


def from_binary(headers: Mapping[str, str], data: Any) -> dict[str, Any]:
    """Put the attributes in the headers and the data in the body into one JSON form.

    Args:
        headers: By name in lower case.
        data: The body, parsed from JSON.
    """
    attributes: dict[str, Any] = {
        name.removeprefix(_HEADER_PREFIX): unquote(value)
        for name, value in headers.items()
        if name.startswith(_HEADER_PREFIX)
    }
    return {**attributes, "datacontenttype": headers.get("content-type", "application/json"), "data": data}


def _event_id(source: str, identifier: str) -> str:
    # The length keeps apart what would read the same in one piece.
    digest = blake2b(f"{len(source)}:{source}{identifier}".encode(), digest_size=16)
    return f"ce-{digest.hexdigest()}"


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.endswith(("/json", "+json"))
