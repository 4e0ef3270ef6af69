"""Due times against the clocks of every time zone: once a local day, week and month, however often one looks."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bakeoff_core.experiments.schedule import WEEKDAYS, Schedule, due_times, latest_due

ZONES = sorted(available_timezones() - {"localtime", "posixrules", "Factory"})
SECOND = timedelta(seconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(schedule: Schedule, after: str, until: str) -> list[str]:
    return [
        moment.astimezone(schedule.zone).strftime("%m-%d %H:%M%z")
        for moment in due_times(schedule, at(after), at(until))
    ]


def days_of(zone: ZoneInfo, first: datetime, last: datetime) -> list[date]:
    """Every local date that has a moment, by looking at the clock once an hour."""
    hours = int((last - first).total_seconds() // 3_600)
    return sorted({(first + timedelta(hours=hour)).astimezone(zone).date() for hour in range(hours)})


def wanted_day(schedule: Schedule, moment: datetime) -> date:
    """The local day that a due time is for, having checked that it is at its time or the first after a gap over it."""
    assert schedule.time is not None
    local = moment.astimezone(schedule.zone)
    clock = local.strftime("%H:%M:%S.%f")
    if clock == f"{schedule.time}:00.000000":
        assert local.fold == 0
        return local.date()
    before = (moment - SECOND).astimezone(schedule.zone).replace(tzinfo=None)
    after = local.replace(tzinfo=None)
    hour, minute = map(int, schedule.time.split(":"))
    skipped = [
        wall
        for day in {before.date(), after.date()}
        if before < (wall := datetime.combine(day, time(hour, minute))) < after
    ]
    assert len(skipped) == 1, f"{local} is neither at {schedule.time} nor just after a gap over it"
    return skipped[0].date()


zones = st.sampled_from(ZONES)
clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
years = st.integers(1975, 2037)


def window(year: int) -> tuple[datetime, datetime]:
    return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 2, 1, tzinfo=UTC)


@settings(max_examples=100, deadline=None)
@given(zone=zones, clock=clocks, year=years)
def test_a_daily_schedule_is_due_once_a_local_day(zone: str, clock: str, year: int) -> None:
    schedule = Schedule(frequency="daily", time_zone=zone, time=clock)
    first, last = window(year)
    moments = list(due_times(schedule, first, last))
    assert all(earlier < later for earlier, later in pairwise(moments))
    # A day at either end may have its time outside the window.
    inner = days_of(schedule.zone, first, last)[1:-1]
    assert [day for moment in moments if (day := wanted_day(schedule, moment)) in inner] == inner


@settings(max_examples=200, deadline=None)
@given(zone=zones, clock=clocks, weekday=st.sampled_from(WEEKDAYS), year=years)
def test_a_weekly_schedule_is_due_once_a_week_on_its_day(zone: str, clock: str, weekday: str, year: int) -> None:
    schedule = Schedule.model_validate({"frequency": "weekly", "time_zone": zone, "time": clock, "weekday": weekday})
    days = [wanted_day(schedule, moment) for moment in due_times(schedule, *window(year))]
    assert {WEEKDAYS[day.weekday()] for day in days} == {weekday}
    assert {later - earlier for earlier, later in pairwise(days)} == {timedelta(days=7)}
    assert len(days) in {56, 57}


@settings(max_examples=200, deadline=None)
@given(zone=zones, clock=clocks, day_of_month=st.integers(1, 31), year=years)
def test_a_monthly_schedule_is_due_once_a_month(zone: str, clock: str, day_of_month: int, year: int) -> None:
    schedule = Schedule(frequency="monthly", time_zone=zone, time=clock, day_of_month=day_of_month)
    days = [wanted_day(schedule, moment) for moment in due_times(schedule, *window(year))]
    for day in days:
        last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        assert day.day == min(day_of_month, last.day)
    months = [(day.year, day.month) for day in days if day.year == year][-11:]
    assert months == [(year, month) for month in range(2, 13)]


@settings(max_examples=150, deadline=None)
@given(zone=zones, minute=st.integers(0, 59), year=years, day=st.integers(1, 360))
def test_an_hourly_schedule_is_due_once_an_hour(zone: str, minute: int, year: int, day: int) -> None:
    schedule = Schedule(frequency="hourly", time_zone=zone, minute=minute)
    first = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day)
    moments = list(due_times(schedule, first - SECOND, first + timedelta(days=8) - SECOND))
    assert [moment.replace(minute=0) for moment in moments] == [first + timedelta(hours=n) for n in range(24 * 8)]
    for moment in moments:
        hour, following = moment.replace(minute=0), moment.replace(minute=0) + timedelta(hours=1)
        if hour.astimezone(schedule.zone).utcoffset() == following.astimezone(schedule.zone).utcoffset():
            assert moment.astimezone(schedule.zone).minute == minute


frequencies = st.one_of(
    st.builds(Schedule, frequency=st.just("hourly"), time_zone=zones, minute=st.integers(0, 59)),
    st.builds(Schedule, frequency=st.just("daily"), time_zone=zones, time=clocks),
    st.builds(Schedule, frequency=st.just("weekly"), time_zone=zones, time=clocks, weekday=st.sampled_from(WEEKDAYS)),
    st.builds(Schedule, frequency=st.just("monthly"), time_zone=zones, time=clocks, day_of_month=st.integers(1, 31)),
)
moments = st.integers(0, 68 * 365 * 24 * 3_600).map(lambda seconds: at("1970-01-02") + seconds * SECOND)


@settings(max_examples=300, deadline=None)
@given(schedule=frequencies, first=moments, gaps=st.lists(st.timedeltas(timedelta(0), timedelta(days=9)), max_size=8))
def test_it_does_not_matter_how_often_one_looks(schedule: Schedule, first: datetime, gaps: list[timedelta]) -> None:
    looks = [first]
    for gap in gaps:
        looks.append(looks[-1] + gap)
    seen = [moment for earlier, later in pairwise(looks) for moment in due_times(schedule, earlier, later)]
    whole = list(due_times(schedule, looks[0], looks[-1]))
    assert seen == whole
    assert latest_due(schedule, looks[0], looks[-1]) == (whole[-1] if whole else None)


@pytest.mark.parametrize(
    ("zone", "clock", "after", "until", "expected"),
    [
        # Clocks leap from 02:00 to 03:00, and later show 02:00 to 03:00 twice.
        ("Europe/Berlin", "02:30", "2026-03-28T12", "2026-03-30T12", ["03-29 03:00+0200", "03-30 02:30+0200"]),
        ("Europe/Berlin", "02:30", "2026-10-24T12", "2026-10-26T12", ["10-25 02:30+0200", "10-26 02:30+0100"]),
        ("America/New_York", "02:00", "2026-03-07T12", "2026-03-09T12", ["03-08 03:00-0400", "03-09 02:00-0400"]),
        ("America/New_York", "01:59", "2026-10-31T12", "2026-11-02T12", ["11-01 01:59-0400", "11-02 01:59-0500"]),
        # By half an hour, at midnight, and by a whole day.
        ("Australia/Lord_Howe", "02:10", "2026-10-03T00", "2026-10-05T00", ["10-04 02:30+1100", "10-05 02:10+1100"]),
        ("America/Sao_Paulo", "00:00", "2018-11-03T12", "2018-11-05T12", ["11-04 01:00-0200", "11-05 00:00-0200"]),
        ("Pacific/Apia", "08:00", "2011-12-28T20", "2011-12-31T12", ["12-29 08:00-1000", "12-31 08:00+1400"]),
    ],
)
def test_days_on_which_clocks_change(zone: str, clock: str, after: str, until: str, expected: list[str]) -> None:
    assert due(Schedule(frequency="daily", time_zone=zone, time=clock), after, until) == expected


def test_a_weekly_day_that_a_zone_left_out_is_made_up_for() -> None:
    schedule = Schedule(frequency="weekly", time_zone="Pacific/Apia", time="08:00", weekday="friday")
    assert due(schedule, "2011-12-20T00:00", "2012-01-07T00:00") == [
        "12-23 08:00-1000",
        "12-31 00:00+1400",
        "01-06 08:00+1400",
    ]


def test_months_that_are_shorter_have_their_last_day() -> None:
    schedule = Schedule(frequency="monthly", day_of_month=30, time="00:00")
    assert due(schedule, "2027-11-30T00:00", "2028-04-30T00:00") == [
        "12-30 00:00+0000",
        "01-30 00:00+0000",
        "02-29 00:00+0000",
        "03-30 00:00+0000",
        "04-30 00:00+0000",
    ]


def test_an_hour_that_clocks_show_twice_is_two_hours() -> None:
    schedule = Schedule(frequency="hourly", time_zone="Asia/Kathmandu", minute=0)
    assert due(schedule, "2026-01-01T00:00", "2026-01-01T02:30") == [
        "01-01 06:00+0545",
        "01-01 07:00+0545",
        "01-01 08:00+0545",
    ]
    schedule = Schedule(frequency="hourly", time_zone="Europe/Berlin", minute=15)
    assert due(schedule, "2026-10-25T00:00", "2026-10-25T02:00") == ["10-25 02:15+0200", "10-25 02:15+0100"]


def test_what_is_left_out_is_filled_in() -> None:
    assert Schedule(frequency="hourly").minute == 0
    assert Schedule(frequency="daily").time == "08:00"
    weekly, monthly = Schedule(frequency="weekly"), Schedule(frequency="monthly")
    assert (weekly.weekday, weekly.time, weekly.day_of_month) == ("monday", "08:00", None)
    assert (monthly.weekday, monthly.time, monthly.day_of_month) == (None, "08:00", 1)
    for schedule in (weekly, monthly):
        assert Schedule.model_validate_json(schedule.model_dump_json()) == schedule


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"frequency": "yearly"}, "frequency"),
        ({"frequency": "daily", "time_zone": "Europe/Nowhere"}, "must be a time zone of the IANA database"),
        ({"frequency": "daily", "time_zone": "../../etc/passwd"}, "must be a time zone of the IANA database"),
        ({"frequency": "daily", "time_zone": "localtime"}, "must be a time zone of the IANA database"),
        ({"frequency": "daily", "time_zone": "Europe"}, "must be a time zone of the IANA database"),
        ({"frequency": "daily", "time": "24:00"}, "must be a time of day such as 08:30"),
        ({"frequency": "daily", "time": "8:00"}, "must be a time of day such as 08:30"),
        ({"frequency": "hourly", "minute": 60}, "less than or equal to 59"),
        ({"frequency": "hourly", "time": "08:00"}, "is for a frequency of daily or monthly or weekly only"),
        ({"frequency": "daily", "minute": 1}, "is for a frequency of hourly only"),
        ({"frequency": "daily", "weekday": "monday"}, "is for a frequency of weekly only"),
        ({"frequency": "weekly", "day_of_month": 1}, "is for a frequency of monthly only"),
        ({"frequency": "monthly", "day_of_month": 32}, "less than or equal to 31"),
        ({"frequency": "daily", "reports": []}, "at least 1 item"),
        ({"frequency": "daily", "reports": ["executive", "executive"]}, "must name each report once"),
        ({"frequency": "daily", "every": 2}, "not permitted"),
    ],
)
def test_what_is_no_schedule_is_refused(document: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Schedule.model_validate(document)
