"""When an experiment's reports are due: the times of a schedule, on the clocks of its time zone."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import count
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from bakeoff_core.experiments.document import Document
from bakeoff_core.experiments.recipients import Recipients

Frequency = Literal["hourly", "daily", "weekly", "monthly"]
ReportKind = Literal["executive", "technical", "dashboard"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
REPORT_KINDS: tuple[ReportKind, ...] = ("executive", "technical", "dashboard")

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_SECOND = timedelta(seconds=1)
_MONTHS = 12
_OF_THE_MACHINE = frozenset({"localtime", "posixrules", "Factory"})

T = TypeVar("T")


@lru_cache(maxsize=1_024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _known_zone(name: str) -> str:
    try:
        if _ZONE.fullmatch(name) and name not in _OF_THE_MACHINE and not name.startswith(("posix/", "right/")):
            _zone(name)
            return name
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise ValueError("must be a time zone of the IANA database, such as Europe/Berlin or UTC")


def _clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError("must be a time of day such as 08:30, from 00:00 to 23:59")
    return text


def _each_once(kinds: tuple[ReportKind, ...]) -> tuple[ReportKind, ...]:
    if len(set(kinds)) < len(kinds):
        raise ValueError("must name each report once")
    return kinds


class Schedule(Document):
    """How often an experiment is reported on, and who is told.

    Attributes:
        frequency: How often.
        time_zone: On whose clocks, by its name in the IANA database.
        minute: Of an hourly schedule: the minute of the hour. 0 if not given.
        time: Of any other: the time of day, HH:MM. 08:00 if not given.
        weekday: Of a weekly schedule: the day. Monday if not given.
        day_of_month: Of a monthly schedule: the day; a month that is shorter has its last day. 1 if not given.
        recipients: Who gets a notice of each report.
        reports: Which reports the notice links to.
    """

    frequency: Frequency
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    minute: Annotated[int, Field(ge=0, le=59)] | None = Field(default=None, validate_default=True)
    time: Annotated[str, AfterValidator(_clock)] | None = Field(default=None, validate_default=True)
    weekday: Weekday | None = Field(default=None, validate_default=True)
    day_of_month: Annotated[int, Field(ge=1, le=31)] | None = Field(default=None, validate_default=True)
    recipients: Recipients = ()
    reports: Annotated[tuple[ReportKind, ...], Field(min_length=1), AfterValidator(_each_once)] = REPORT_KINDS

    @field_validator("minute")
    @classmethod
    def _minute_of_hours(cls, minute: int | None, info: ValidationInfo) -> int | None:
        return _for({"hourly"}, minute, 0, info)

    @field_validator("time")
    @classmethod
    def _time_of_days(cls, time: str | None, info: ValidationInfo) -> str | None:
        return _for({"daily", "weekly", "monthly"}, time, "08:00", info)

    @field_validator("weekday")
    @classmethod
    def _weekday_of_weeks(cls, weekday: Weekday | None, info: ValidationInfo) -> Weekday | None:
        return _for({"weekly"}, weekday, "monday", info)

    @field_validator("day_of_month")
    @classmethod
    def _day_of_months(cls, day: int | None, info: ValidationInfo) -> int | None:
        return _for({"monthly"}, day, 1, info)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return _zone(self.time_zone)


def _for(frequencies: set[str], value: T | None, default: T, info: ValidationInfo) -> T | None:
    """Fill in the default where a schedule of such a frequency leaves it out; refuse a value where it means nothing."""
    frequency = info.data.get("frequency")
    if frequency is None:
        return value
    if frequency in frequencies:
        return default if value is None else value
    if value is not None:
        raise ValueError(f"is for a frequency of {' or '.join(sorted(frequencies))} only")
    return None


def due_times(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    """List when reports are due, in order and in UTC.

    There is one for every day, week or month of the time zone's calendar, at the time of day that its clocks show.
    Where clocks are put forward over that time, it is the first moment that there is; where they are put back over
    it, so that they show it twice, it is the first of the two. A day that a zone left out altogether, as Samoa did in
    2011, has no daily report of its own. An hourly schedule has one in every hour of UTC, when the clocks show its
    minute; in an hour within which they are changed by a part of an hour, the clocks as they stood when it began.

    Args:
        schedule: The schedule.
        after: They are later than this moment.
        until: They are not later than this one.
    """
    calendar = _calendar(schedule)
    for index in count(calendar.index(after) - 1):
        moment = calendar.moment(index)
        if moment is None:
            continue
        if moment > until:
            return
        if moment > after:
            yield moment


def latest_due(schedule: Schedule, after: datetime, until: datetime) -> datetime | None:
    """Find the last time within `due_times`; None where there is none."""
    calendar = _calendar(schedule)
    for index in count(calendar.index(until) + 1, -1):
        moment = calendar.moment(index)
        if moment is not None and moment <= until:
            return moment if moment > after else None
    raise AssertionError("unreachable: the count has no end")


@dataclass(frozen=True, slots=True)
class _Calendar:
    """The periods of a schedule, numbered: hours, days, weeks or months.

    Attributes:
        index: The number of the period in which a moment lies.
        moment: When the report of a period is due; None where it has none.
    """

    index: Callable[[datetime], int]
    moment: Callable[[int], datetime | None]


def _calendar(schedule: Schedule) -> _Calendar:
    zone = schedule.zone
    if schedule.frequency == "hourly":
        minute = schedule.minute or 0
        return _Calendar(_hour, lambda hour: _minute_of(hour, minute, zone))
    clock = time.fromisoformat(schedule.time or "08:00")
    number, day_of = _days(schedule)

    def moment(index: int) -> datetime | None:
        day = day_of(index)
        if schedule.frequency == "daily" and not _has(day, zone):
            return None
        return _first(datetime.combine(day, clock), zone)

    return _Calendar(lambda moment: number(moment.astimezone(zone).date()), moment)


def _days(schedule: Schedule) -> tuple[Callable[[date], int], Callable[[int], date]]:
    """Number the periods of a calendar, and say on which day of a period reports are due."""
    match schedule.frequency:
        case "weekly":
            weekday = WEEKDAYS.index(schedule.weekday or "monday")
            return (
                lambda day: (day.toordinal() - 1) // 7,
                lambda week: date.fromordinal(week * 7 + 1 + weekday),  # ordinal 1 is a Monday
            )
        case "monthly":
            wanted = schedule.day_of_month or 1
            return lambda day: day.year * _MONTHS + day.month - 1, lambda month: _day_of_month(month, wanted)
        case _:
            return date.toordinal, date.fromordinal


def _day_of_month(month: int, wanted: int) -> date:
    first = date(month // _MONTHS, month % _MONTHS + 1, 1)
    following = date((month + 1) // _MONTHS, (month + 1) % _MONTHS + 1, 1)
    return min(first + timedelta(days=wanted - 1), following - timedelta(days=1))


def _hour(moment: datetime) -> int:
    return int(moment.timestamp() // 3_600)


def _minute_of(hour: int, minute: int, zone: ZoneInfo) -> datetime:
    beginning = datetime.fromtimestamp(hour * 3_600, UTC)
    # Offsets of whole minutes are all that there have been since 1972.
    return beginning + timedelta(minutes=(minute - beginning.astimezone(zone).minute) % 60)


def _has(day: date, zone: ZoneInfo) -> bool:
    return _first(datetime.combine(day, time.min), zone).astimezone(zone).date() == day


def _first(wall: datetime, zone: ZoneInfo) -> datetime:
    """Find the first moment at which clocks show a time, or, where they leap over it, the first after."""
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    # By the offset from after the leap the time would be before it; by that from before, after it.
    earlier = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    before = earlier.astimezone(zone).utcoffset()
    while moment - earlier > _SECOND:
        middle = earlier + (moment - earlier) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            earlier = middle
        else:
            moment = middle
    return moment
