"""Charts of intervals: where each mark goes. The template draws them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from results import Interval

WIDTH = 360
_LEFT, _RIGHT = 12, 348
_ROW_HEIGHT = 46
_AXIS_HEIGHT = 28
_CHARACTERS = 54  # that fit on a line
_MARGIN = 0.06  # of the range, so that no mark touches the edge


@dataclass(frozen=True, slots=True)
class Row:
    """One estimate with its interval."""

    label: str
    estimate: float
    interval: Interval
    text: str
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A row, placed."""

    label: str
    text: str
    muted: bool
    text_y: int
    y: int
    x: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A value on the axis."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, ready to be drawn.

    Attributes:
        title: What it shows.
        alt: The same and all its figures, for those who do not see it.
        height: In the units of WIDTH.
        axis_y: Where the axis runs.
        marks: One a row.
        ticks: On the axis.
        zero: Where 0 is; None where it is no reference.
    """

    title: str
    alt: str
    height: int
    axis_y: int
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    zero: float | None


def interval_chart(
    title: str, rows: Sequence[Row], write: Callable[[float], str], *, about_zero: bool = False
) -> Chart | None:
    """Place estimates and their intervals on a common axis.

    Args:
        title: What the chart shows.
        rows: From top to bottom.
        write: Writes the numbers of the axis.
        about_zero: Whether 0 means "no difference" and is always shown.

    Returns:
        The chart, or None without rows.
    """
    if not rows:
        return None
    bounds = [bound for row in rows for bound in row.interval] + ([0.0] if about_zero else [])
    low, high = min(bounds), max(bounds)
    pad = (high - low or abs(high) or 1.0) * _MARGIN
    start, span = low - pad, high - low + 2 * pad

    def place(value: float) -> float:
        return round(_LEFT + (value - start) / span * (_RIGHT - _LEFT), 2)

    axis_y = _ROW_HEIGHT * len(rows) + 4
    return Chart(
        title=title,
        alt=f"{title}. " + " ".join(f"{row.label}: {row.text}." for row in rows),
        height=axis_y + _AXIS_HEIGHT,
        axis_y=axis_y,
        marks=tuple(
            Mark(
                label=_shortened(row.label, _CHARACTERS - len(row.text)),
                text=row.text,
                muted=row.muted,
                text_y=_ROW_HEIGHT * index + 16,
                y=_ROW_HEIGHT * index + 32,
                x=place(row.estimate),
                low=place(row.interval[0]),
                high=place(row.interval[1]),
            )
            for index, row in enumerate(rows)
        ),
        ticks=(Tick(place(low), write(low), "start"), Tick(place(high), write(high), "end")),
        zero=place(0.0) if about_zero else None,
    )


def _shortened(label: str, length: int) -> str:
    return label if len(label) <= length else f"{label[: max(1, length - 1)]}…"
