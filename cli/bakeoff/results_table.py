"""An experiment's results as a table on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_NOTHING = "-"


def results_table(results: Mapping[str, Any]) -> RenderableType:
    """Lay out results: a table a metric, and the decision below.

    Args:
        results: What the statistics route answers.
    """
    tables: list[RenderableType] = [_metric_table(results, metric) for metric in results["metrics"]]
    return Group(*tables, _decision(results["decision"]))


def _metric_table(results: Mapping[str, Any], metric: Mapping[str, Any]) -> Table:
    conversion = metric["kind"] == "conversion"
    table = Table(title=f"{results['experiment']}: {metric['name']}", title_justify="left", title_style="bold")
    table.add_column("group")
    headings = ("users", *(("conversions", "rate") if conversion else ("sum", "mean")), "lift", "95% interval", "p")
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, group in results["groups"].items():
        value = group["metrics"][metric["name"]]
        comparison = results["comparisons"].get(name, {}).get(metric["name"])
        table.add_row(name, f"{group['n']:,}", *_value(value), *_comparison(comparison))
    return table


def _value(value: Mapping[str, Any]) -> Sequence[str]:
    if value["kind"] == "conversion":
        return f"{value['conversions']:,}", _percent(value["rate"], sign=False, digits=3)
    return f"{value['sum']:,.2f}", _NOTHING if value["mean"] is None else f"{value['mean']:.4f}"


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
