"""Numbers written for people."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from math import floor, log10

from results import Interval

MISSING = "–"  # noqa: RUF001 - the dash that tables print where there is no value

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_POINTS = " points"
_SMALLEST_P = 0.0001
_SIGNIFICANT_DIGITS = 4
_TENTH = 0.1


def count(value: float) -> str:
    """Write a count: 45,489."""
    return f"{value:,.0f}"


def plural(amount: float, noun: str) -> str:
    """Write a count of things: 1 day, 2 days."""
    return f"{count(amount)} {noun}" if amount == 1 else f"{count(amount)} {noun}s"


def percent(share: float, *, signed: bool = False) -> str:
    """Write a share in percent: 18.20%, and 0.038% where two decimals would say little."""
    return f"{_in_hundredths(share, signed=signed)}%"


def points(difference: float) -> str:
    """Write a difference of shares in percentage points: -0.82 points."""
    return f"{_in_hundredths(difference, signed=True)}{_POINTS}"


def number(value: float, *, signed: bool = False) -> str:
    """Write a number to four significant digits: 52.46, 1,235, 0.02016."""
    sign = "+" if signed else ""
    if value == 0:
        return "0"
    exponent = floor(log10(abs(value)))
    if not -_SIGNIFICANT_DIGITS <= exponent <= 12:  # noqa: PLR2004 - a trillion still reads well
        return f"{value:{sign}.3e}"
    return f"{value:{sign},.{max(0, _SIGNIFICANT_DIGITS - 1 - exponent)}f}"


def plain(value: float) -> str:
    """Write a number without the zeros that say how exact it is: 5, 0.25."""
    written = number(value)
    return written.rstrip("0").rstrip(".") if "." in written and "e" not in written else written


def signed_number(value: float) -> str:
    """Write a difference: +1.157."""
    return number(value, signed=True)


def signed_percent(share: float) -> str:
    """Write a relative difference: +21.3%."""
    return percent(share, signed=True)


def p_value(p: float) -> str:
    """Write a p-value: 0.0016, 0.376, and < 0.0001 rather than a zero that it never is."""
    if p < _SMALLEST_P:
        return f"< {_SMALLEST_P}"
    return f"{p:.4f}" if p < _TENTH else f"{p:.3f}"


def probability(p: float) -> str:
    """Write a probability: 96.31%, and > 99.99% rather than a certainty that it never is."""
    if p > 1 - _SMALLEST_P:
        return "> 99.99%"
    return "< 0.01%" if p < _SMALLEST_P else percent(p)


def sentence(words: str) -> str:
    """Begin a sentence with a capital letter."""
    return words[:1].upper() + words[1:]


def interval(bounds: Interval | None, write: Callable[[float], str]) -> str:
    """Write an interval: -1.33 to -0.31 points."""
    return MISSING if bounds is None else f"{write(bounds[0]).removesuffix(_POINTS)} to {write(bounds[1])}"


def moment(at: datetime) -> str:
    """Write a time with its zone: 18 Jan 2026, 03:05 UTC."""
    return f"{day(at.astimezone(UTC).date())}, {at.astimezone(UTC):%H:%M} UTC"


def day(of: date) -> str:
    """Write a day: 18 Jan 2026."""
    return f"{of.day} {_MONTHS[of.month - 1]} {of.year}"


def optional(value: float | None, write: Callable[[float], str]) -> str:
    """Write a value, or a dash where there is none."""
    return MISSING if value is None else write(value)


def _in_hundredths(share: float, *, signed: bool) -> str:
    hundredths = 100 * share
    decimals = 2 if abs(hundredths) >= _TENTH or hundredths == 0 else 3
    return f"{hundredths:{'+' if signed else ''},.{decimals}f}"
