"""An experiment's results as a table on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_NOTHING = "-"
_SHARES = frozenset({"conversion", "retention"})
_HEADINGS = {
    "conversion": ("conversions", "rate"),
    "retention": ("came back", "rate"),
    "mean": ("sum", "mean"),
    "count": ("events", "mean"),
    "ratio": ("numerator", "denominator", "ratio"),
    "quantile": ("quantile",),
}


def results_table(results: Mapping[str, Any]) -> RenderableType:
    """Lay out results: a table a metric, and the decision below.

    Args:
        results: What the statistics route answers.
    """
    tables: list[RenderableType] = [_metric_table(results, metric) for metric in results["metrics"]]
    return Group(*tables, _decision(results["decision"]))


def _metric_table(results: Mapping[str, Any], metric: Mapping[str, Any]) -> Table:
    table = Table(title=f"{results['experiment']}: {metric['name']}", title_justify="left", title_style="bold")
    table.add_column("group")
    level = results.get("analysis", {}).get("confidence_level", 0.95)
    headings = ("users", *_HEADINGS[metric["kind"]], "lift", f"{100 * level:.6g}% interval", "p")
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, group in results["groups"].items():
        value = group["metrics"][metric["name"]]
        comparison = results["comparisons"].get(name, {}).get(metric["name"])
        table.add_row(name, f"{value.get('n', group['n']):,}", *_value(value), *_comparison(comparison))
    return table


def _value(value: Mapping[str, Any]) -> Sequence[str]:
    kind = value["kind"]
    if kind in _SHARES:
        return f"{value['conversions']:,}", _percent(value["rate"], sign=False, digits=3)
    if kind == "ratio":
        return f"{value['numerator']:,.2f}", f"{value['denominator']:,.2f}", _number(value["ratio"])
    if kind == "quantile":
        return (_number(value["value"]),)
    return f"{value['sum']:,.2f}", _number(value["mean"])


def _number(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:,.4f}"


def _comparison(comparison: Mapping[str, Any] | None) -> Sequence[str]:
    """The relative difference and its interval; the p-value is two-sided and for one look."""
    if comparison is None:
        return "", "", ""
    interval = comparison["relative_interval"]
    bounds = _NOTHING if interval is None else f"{_percent(interval[0])} to {_percent(interval[1])}"
    p_value = comparison["p_value"]
    return (
        _percent(comparison["relative_difference"]),
        bounds,
        _NOTHING if p_value is None else f"{p_value:.4f}",
    )


def _decision(decision: Mapping[str, Any]) -> Text:
    about = f" {decision['group']}" if decision["group"] else ""
    return Text.assemble((f"{decision['verdict']}{about}", "bold"), f": {decision['explanation']}\n")


def _percent(share: float | None, *, sign: bool = True, digits: int = 1) -> str:
    if share is None:
        return _NOTHING
    return f"{share:+.{digits}%}" if sign else f"{share:.{digits}%}"
