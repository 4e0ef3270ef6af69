"""An event as it travels through the stream and lies in the files."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    PlainSerializer,
    StringConstraints,
    field_validator,
    model_validator,
)

from bakeoff_core.clock import rfc3339
from bakeoff_core.events.types import EXPOSURE_TYPES, PREDICTION
from bakeoff_core.validation import NAME_PATTERN, FiniteJson, Name, UnitId

_LARGEST_VERSION = 2**31 - 1

EventId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


_STARTS_WITH_A_DATE = re.compile(r"\d{4}-")


def _written_as_a_date(value: Any) -> Any:
    # A bare number would be read as seconds or milliseconds, whichever it looks like.
    if isinstance(value, datetime) or (isinstance(value, str) and _STARTS_WITH_A_DATE.match(value)):
        return value
    raise ValueError("must be an RFC 3339 time with its zone, such as 2026-01-31T09:30:00Z")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from None


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_written_as_a_date),
    AfterValidator(_in_utc),
    PlainSerializer(rfc3339, when_used="json"),
]
"""A time with its zone, kept in UTC and written to the microsecond."""


class Event(BaseModel):
    """Something that a unit met or did, in version 1 of the schema."""

    model_config = ConfigDict(frozen=True, protected_namespaces=(), hide_input_in_errors=True)

    schema_version: Literal[1] = 1
    event_id: EventId
    event_type: Name
    user_id: UnitId | None = None
    timestamp: Moment
    received_at: Moment
    event_value: FiniteFloat | None = None
    experiment_name: Name | None = None
    group_name: Name | None = None
    config_version: int | None = Field(default=None, ge=1)
    propensity: FiniteFloat | None = Field(default=None, gt=0, le=1)
    model_name: Name | None = None
    model_version: Name | None = None
    metadata: dict[str, FiniteJson] = {}

    def to_line(self) -> bytes:
        """Write the event as one line of JSON, without the line's end."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read an event back.

        Raises:
            pydantic.ValidationError: The bytes are not an event.
        """
        return cls.model_validate_json(line)

    @property
    def partition_key(self) -> str:
        """What keeps a unit's events together and in order."""
        return self.user_id if self.user_id is not None else self.event_id


class EventRequest(BaseModel):
    """An event as a caller reports it to `POST /ab_test/events`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    event_id: EventId | None = None
    user_id: UnitId
    event_type: Name
    event_value: FiniteFloat | None = None
    experiment_name: Name | None = None
    timestamp: Moment | None = None
    metadata: dict[str, FiniteJson] = {}

    @field_validator("event_type")
    @classmethod
    def _not_bakeoffs_own(cls, event_type: str) -> str:
        if event_type == PREDICTION:
            raise ValueError("is recorded by Bakeoff itself")
        return event_type

    @model_validator(mode="after")
    def _exposures_say_to_what(self) -> Self:
        if self.event_type in EXPOSURE_TYPES:
            if self.experiment_name is None:
                raise ValueError(f"experiment_name: is required for an event of type {self.event_type}")
            if self.group_name is None:
                raise ValueError(f"metadata.group_name: must name the group in an event of type {self.event_type}")
        return self

    @property
    def group_name(self) -> str | None:
        """The group that the caller names in the metadata, if it is a name."""
        name = self.metadata.get("group_name")
        return name if isinstance(name, str) and re.fullmatch(NAME_PATTERN, name) else None

    @property
    def config_version(self) -> int | None:
        """The configuration version that the caller names in the metadata, if it is one."""
        version = self.metadata.get("config_version")
        return version if type(version) is int and 1 <= version <= _LARGEST_VERSION else None

    def to_event(self, event_id: str, now: datetime) -> Event:
        """Complete the report with what the caller left out.

        Args:
            event_id: The id to use where the caller gave none.
            now: The time of arrival.
        """
        return Event(
            event_id=self.event_id or event_id,
            event_type=self.event_type,
            user_id=self.user_id,
            timestamp=self.timestamp or now,
            received_at=now,
            event_value=self.event_value,
            experiment_name=self.experiment_name,
            group_name=self.group_name if self.experiment_name is not None else None,
            config_version=self.config_version if self.experiment_name is not None else None,
            metadata=self.metadata,
        )
