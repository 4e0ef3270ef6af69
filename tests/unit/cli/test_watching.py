"""An experiment watched from the terminal."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from bakeoff.api import Api, ApiError
from bakeoff.watching import Watcher, duration, standing
from tests.support import NOON, SettableClock


def comparison(**changes: Any) -> dict[str, Any]:
    always_valid = {"interval": [0.001, 0.009], "adjusted_interval": [-0.0004, 0.0104], "adjusted_p_value": 0.0712}
    found: dict[str, Any] = {
        "difference": 0.005,
        "relative_difference": 0.1,
        "interval": [0.002, 0.008],
        "adjusted_interval": None,
        "adjusted_p_value": 0.0123,
        "always_valid": always_valid,
        "group_sequential": None,
    }
    return found | changes


def results(**changes: Any) -> dict[str, Any]:
    def group(n: int, rate: float | None) -> dict[str, Any]:
        return {"n": n, "metrics": {"click_rate": {"kind": "conversion", "rate": rate}}}

    found: dict[str, Any] = {
        "experiment": "checkout",
        "status": "running",
        "computed_at": "2026-03-01T12:00:00.5Z",
        "age_seconds": 90.0,
        "analysis": {"confidence_level": 0.95},
        "metrics": [{"name": "click_rate", "kind": "conversion", "role": "primary"}],
        "groups": {"control": group(12_000, 0.05), "treatment": group(12_345, 0.055)},
        "comparisons": {"treatment": {"click_rate": comparison()}},
        "decision": {
            "basis": "always_valid",
            "verdict": "continue_testing",
            "group": "treatment",
            "explanation": "The data so far do not tell the groups apart.",
        },
        "alerts": [],
    }
    return found | changes


def shown(*args: Any) -> str:
    file = StringIO()
    Console(file=file, width=160).print(standing(*args))
    return file.getvalue()


def row(text: str, group: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if group in line and "│" in line]
    return [cell.strip() for cell in line.split("│")[1:-1]]


def test_a_row_a_group_with_the_figures_that_decide() -> None:
    text = shown(results(), 31.0)
    assert row(text, "control") == ["control", "12,000", "5.000%", "", "", ""]
    assert row(text, "treatment") == [
        "treatment",
        "12,345",
        "5.500%",
        "+10.0%",
        "+0.50 (-0.04 to +1.04) points",
        "0.0712",
    ]
    assert "difference, 95% interval at any time" in text
    assert "continue_testing treatment: The data so far do not tell the groups apart." in text
    assert "computed 2026-03-01 12:00:00 UTC, 2 min ago" in text


def test_at_the_planned_end_the_single_test_decides() -> None:
    decision = results()["decision"] | {"basis": "planned_horizon"}
    text = shown(results(decision=decision), 0.0)
    assert row(text, "treatment")[4:] == ["+0.50 (+0.20 to +0.80) points", "0.0123"]


def test_a_tiny_p_value_is_not_shown_as_0() -> None:
    decision = results()["decision"] | {"basis": "planned_horizon"}
    tiny = {"treatment": {"click_rate": comparison(adjusted_p_value=3e-9)}}
    assert row(shown(results(decision=decision, comparisons=tiny), 0.0), "treatment")[5] == "< 0.0001"


def test_means_are_shown_as_numbers_and_what_is_not_known_as_a_dash() -> None:
    metrics = [{"name": "revenue", "kind": "mean", "role": "primary"}]
    groups = {name: {"n": 3, "metrics": {"revenue": {"kind": "mean", "mean": 1_234.5}}} for name in ("control", "b")}
    nothing = comparison(difference=None, relative_difference=None, always_valid=None)
    text = shown(results(metrics=metrics, groups=groups, comparisons={"b": {"revenue": comparison()}}), 0.0)
    assert row(text, "b")[2:5] == ["1,234.5000", "+10.0%", "+0.0050 (-0.0004 to +0.0104)"]
    text = shown(results(metrics=metrics, groups=groups, comparisons={"b": {"revenue": nothing}}), 0.0)
    assert row(text, "b")[3:] == ["-", "-", "-"]


def test_without_a_metric_there_are_users() -> None:
    assert row(shown(results(metrics=[]), 0.0), "control") == ["control", "12,000"]


def test_open_alerts_are_shown() -> None:
    alerts = [
        {"kind": "NO_EVENTS", "message": "none for an hour", "status": "open", "acknowledged": True},
        {"kind": "SAMPLE_RATIO_MISMATCH", "message": "p 0.0001", "status": "open", "acknowledged": False},
        {"kind": "LOW_SAMPLE_SIZE", "message": "over", "status": "recovered", "acknowledged": False},
    ]
    text = shown(results(alerts=alerts), 0.0)
    assert "! NO_EVENTS: none for an hour (acknowledged)" in text
    assert "! SAMPLE_RATIO_MISMATCH: p 0.0001\n" in text
    assert "LOW_SAMPLE_SIZE" not in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (59.9, "59 s"), (60, "1 min"), (7_199, "1 h"), (200_000, "2 d")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


class ApiFake(Api):
    def __init__(self, *answers: Any) -> None:
        self.asked: list[str] = []
        self._answers: Iterator[Any] = iter(answers)

    def get(self, path: str) -> Any:
        self.asked.append(path)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def watcher(api: Api, *, terminal: bool = True, refresh: bool = False, seconds: int = 10**6) -> tuple[Watcher, Any]:
    """A watcher that the user interrupts after some seconds."""
    file, clock = StringIO(), SettableClock(NOON)
    slept: list[float] = []

    def sleep(duration: float) -> None:
        slept.append(duration)
        clock.advance(timedelta(seconds=duration).total_seconds())
        if len(slept) >= seconds:
            raise KeyboardInterrupt

    console = Console(file=file, width=160, force_terminal=terminal)
    return Watcher(api, "checkout", 5, refresh, console, clock, sleep), file


def test_it_reads_again_and_ends_quietly_when_it_is_interrupted() -> None:
    api = ApiFake(results(), results(status="paused"))
    watching, file = watcher(api, seconds=7)
    watching.run()
    assert api.asked == ["/ab_test/experiments/checkout/stats"] * 2
    text = file.getvalue()
    assert "checkout (running)" in text
    assert "checkout (paused)" in text
    assert text.rstrip().endswith("\x1b[?25h")  # the cursor is back


def test_figures_grow_older_between_readings() -> None:
    watching, file = watcher(ApiFake(results(age_seconds=57.0)), seconds=4)
    watching.run()
    ages = [line.split("UTC, ")[1] for line in file.getvalue().splitlines() if "UTC, " in line]
    assert [age.split(" ago")[0] for age in ages][:4] == ["57 s", "58 s", "59 s", "1 min"]


def test_what_cannot_be_read_again_is_said_and_tried_once_more() -> None:
    api = ApiFake(results(), ApiError(503, "503: the event bucket is unavailable"), results(status="stopped"))
    watching, file = watcher(api, seconds=11)
    watching.run()
    assert "could not be read again: 503: the event bucket is unavailable" in file.getvalue()
    assert "checkout (stopped)" in file.getvalue()


def test_what_cannot_be_read_at_all_is_a_failure() -> None:
    watching, _ = watcher(ApiFake(ApiError(404, "404: no experiment")))
    with pytest.raises(ApiError, match="no experiment"):
        watching.run()


def test_where_nobody_watches_it_prints_once() -> None:
    api = ApiFake(results())
    watching, file = watcher(api, terminal=False, refresh=True)
    watching.run()
    assert api.asked == ["/ab_test/experiments/checkout/stats?refresh=true"]
    assert file.getvalue().count("checkout (running)") == 1
    assert "\x1b" not in file.getvalue()
