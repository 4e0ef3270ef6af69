from datetime import UTC, datetime, timedelta

import pytest

from bakeoff.standin.schedules import interval, scheduled_event
from bakeoff.standin.template import TemplateError


@pytest.mark.parametrize(
    ("expression", "every"),
    [
        ("rate(1 hour)", timedelta(hours=1)),
        ("rate(5 minutes)", timedelta(minutes=5)),
        ("rate(2 days)", timedelta(days=2)),
    ],
)
def test_rates_are_read(expression: str, every: timedelta) -> None:
    assert interval(expression) == every


@pytest.mark.parametrize("expression", ["cron(0 * * * ? *)", "rate(1 week)", "rate(hour)", ""])
def test_other_schedules_are_refused(expression: str) -> None:
    with pytest.raises(TemplateError, match="rate"):
        interval(expression)


def test_the_event_is_the_schedulers() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    event = scheduled_event("Hourly", account="1", region="eu-west-1", now=now)
    assert event["source"] == "aws.scheduler"
    assert event["time"] == "2026-03-01T12:00:00Z"
    assert event["resources"] == ["arn:aws:scheduler:eu-west-1:1:schedule/default/Hourly"]
    assert event["detail"] == "{}"
