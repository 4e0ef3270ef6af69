"""Parts of figures for plotly.js: traces, axes and layouts, with colours named rather than given.

A colour such as `$group1` or `$soft` stands for a variable of the page's style sheet, so that one figure serves light,
dark and paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Literal, TypeAlias

from rendering.blocks import JsonObject

Dash: TypeAlias = Literal["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]

COLOURS = 8
_DASHES: tuple[Dash, ...] = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "pentagon")
_PATTERNS = ("", "/", "x", "-", "|", "+", ".", "\\")
_LABEL = 22  # characters that leave room for the chart beside them on a phone
_TITLE = 36  # of an axis, likewise
_ROW = 44
_ROWS_BESIDE = 96
_HEIGHT = 320
_FEW_DAYS = 4  # between whose ticks plotly.js would put others, with the same dates


@dataclass(frozen=True, slots=True)
class Style:
    """How one series looks: never by colour alone."""

    colour: str
    band: str
    dash: Dash
    symbol: str
    pattern: str


def style(index: int) -> Style:
    """The look of a group by its position, the control's being 0."""
    colour = index % COLOURS
    return Style(
        f"$group{colour}",
        f"$band{colour}",
        _DASHES[index % len(_DASHES)],
        _SYMBOLS[index % len(_SYMBOLS)],
        _PATTERNS[index % len(_PATTERNS)],
    )


def alone(index: int) -> Style:
    """The same look where the series is the only one, which needs no dashes."""
    return replace(style(index), dash="solid")


def text(written: str) -> str:
    """Keep text what it is, on one line: plotly.js reads tags and entities."""
    return escape(" ".join(written.split()), quote=False)


def label(written: str, length: int = _LABEL) -> str:
    """Text for an axis or a legend, shortened where it would push the chart off a phone."""
    return text(written if len(written) <= length else f"{written[: length - 1]}…")


def points(
    x: Sequence[float],
    y: Sequence[float],
    *,
    intervals: Sequence[tuple[float, float]],
    hover: Sequence[str],
    look: Style,
    name: str,
) -> JsonObject:
    """Estimates with horizontal intervals."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label(name),
        "x": list(x),
        "y": list(y),
        "marker": {"color": look.colour, "symbol": look.symbol, "size": 11},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - at for at, (_, high) in zip(x, intervals, strict=True)],
            "arrayminus": [at - low for at, (low, _) in zip(x, intervals, strict=True)],
            "color": look.colour,
            "thickness": 2.5,
            "width": 5,
        },
        **_hover(hover),
    }


def line(
    x: Sequence[str | float],
    y: Sequence[float | None],
    *,
    hover: Sequence[str],
    look: Style,
    name: str,
    markers: bool = True,
) -> JsonObject:
    """A course."""
    return {
        "type": "scatter",
        "mode": "lines+markers" if markers else "lines",
        "name": label(name),
        "x": list(x),
        "y": list(y),
        "line": {"color": look.colour, "dash": look.dash, "width": 2.5},
        "marker": {"color": look.colour, "symbol": look.symbol, "size": 6},
        **_hover(hover),
    }


def rule(x: Sequence[str | float], y: Sequence[float | None], *, colour: str, dash: Dash, name: str) -> JsonObject:
    """A line that others are compared with; at a single place, a dash."""
    return {
        "type": "scatter",
        "mode": "lines" if len(x) > 1 else "markers",
        "marker": {"symbol": "line-ew-open", "size": 40, "color": colour},
        "name": label(name),
        "x": list(x),
        "y": list(y),
        "line": {"color": colour, "dash": dash, "width": 1.5},
        "hoverinfo": "skip",
    }


def band(
    x: Sequence[str | float], low: Sequence[float | None], high: Sequence[float | None], *, look: Style, name: str
) -> tuple[JsonObject, JsonObject]:
    """The area between two courses."""
    edge: JsonObject = {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "line": {"color": look.colour, "width": 0.5},
        "hoverinfo": "skip",
    }
    return (
        edge | {"y": list(low), "showlegend": False},
        edge | {"y": list(high), "fill": "tonexty", "fillcolor": look.band, "name": label(name)},
    )


def bars(
    x: Sequence[str | float],
    y: Sequence[float],
    *,
    hover: Sequence[str],
    look: Style,
    name: str,
    width: Sequence[float] | None = None,
) -> JsonObject:
    """Amounts."""
    return {
        "type": "bar",
        "name": label(name),
        "x": list(x),
        "y": list(y),
        "marker": {
            "color": look.band,
            "line": {"color": look.colour, "width": 1.5},
            "pattern": {"shape": look.pattern, "fgcolor": look.colour, "size": 7, "solidity": 0.15},
        },
        **({} if width is None else {"width": list(width)}),
        **_hover(hover),
    }


def over_days(title: str, dates: Sequence[str], *, suffix: str = "", from_zero: bool = False) -> JsonObject:
    """The layout of a course over days, with a tick for each where they are few."""
    ticks = {"tickvals": sorted(set(dates))} if len(set(dates)) <= _FEW_DAYS else {}
    return _layout(
        _HEIGHT,
        {"type": "date", "title": {"text": "Day (UTC)"}, "tickformat": "%-d %b", "hoverformat": "%-d %B %Y"} | ticks,
        {"title": {"text": label(title, _TITLE)}, "ticksuffix": suffix}
        | ({"rangemode": "tozero"} if from_zero else {}),
        hovermode="x unified",
    )


def over(x_title: str, y_title: str, *, y_suffix: str = "") -> JsonObject:
    """The layout of amounts over values, from zero."""
    return _layout(
        _HEIGHT,
        {"title": {"text": label(x_title, _TITLE)}},
        {"title": {"text": label(y_title, _TITLE)}, "ticksuffix": y_suffix, "rangemode": "tozero"},
        hovermode="closest",
    )


def rows(labels: Sequence[str], title: str, *, suffix: str = "", zero: bool = False) -> JsonObject:
    """The layout of estimates below each other, the first on top."""
    layout = _layout(
        _ROWS_BESIDE + _ROW * len(labels),
        {"title": {"text": label(title, _TITLE)}, "ticksuffix": suffix, "zeroline": zero}
        | ({"rangemode": "tozero"} if zero else {}),
        {
            "tickvals": list(range(len(labels))),
            "ticktext": [label(each) for each in labels],
            "range": [len(labels) - 0.5, -0.5],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        hovermode="closest",
    )
    return layout | {"showlegend": False}


def _layout(height: int, x: JsonObject, y: JsonObject, *, hovermode: str) -> JsonObject:
    axis: JsonObject = {
        "automargin": True,
        "gridcolor": "$rule",
        "linecolor": "$rule",
        "zerolinecolor": "$soft",
        "separatethousands": True,
    }
    return {
        "height": height,
        "xaxis": axis | x,
        "yaxis": axis | y,
        "hovermode": hovermode,
        "legend": {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
    }


def _hover(hover: Sequence[str]) -> JsonObject:
    return {"hovertext": [text(each) for each in hover], "hovertemplate": "%{hovertext}<extra></extra>"}
