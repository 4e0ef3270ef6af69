"""An experiment that is watched from the terminal: its latest figures, read again and again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bakeoff.api import Api, ApiError, NoApiError
from bakeoff_core.clock import Clock

_NOTHING = "-"
_SMALLEST_P = 0.0001
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_HOLDS = {
    "always_valid": "at any time",
    "group_sequential": "at the planned looks",
    "planned_horizon": "at the planned end",
}


@dataclass(frozen=True, slots=True)
class Watcher:
    """Reads an experiment's statistics and shows them.

    Attributes:
        api: Where they are.
        name: The experiment.
        every_seconds: How long it waits between two readings.
        refresh: Whether they are computed anew for each reading; else the latest are read, whatever their age.
        console: Where they are shown.
        clock: The time.
        sleep: Waits for some seconds.
    """

    api: Api
    name: str
    every_seconds: int
    refresh: bool
    console: Console
    clock: Clock
    sleep: Callable[[float], None]

    def run(self) -> None:
        """Show them until the user interrupts it; once, where nobody is at the terminal.

        Raises:
            ApiError, NoApiError: They cannot be read the first time. Later it is said and tried again.
        """
        seen, at = self._read(), self.clock()
        if not self.console.is_terminal:
            self.console.print(standing(seen, 0.0))
            return
        problem: str | None = None
        try:
            with Live(console=self.console, auto_refresh=False, transient=False) as live:
                while True:
                    for _ in range(self.every_seconds):
                        live.update(standing(seen, self._seconds_since(at), problem), refresh=True)
                        self.sleep(1)
                    try:
                        seen, at, problem = self._read(), self.clock(), None
                    except (ApiError, NoApiError) as error:
                        problem = str(error)
        except KeyboardInterrupt:
            return

    def _read(self) -> Mapping[str, Any]:
        refresh = "?refresh=true" if self.refresh else ""
        found: Mapping[str, Any] = self.api.get(f"/ab_test/experiments/{self.name}/stats{refresh}")
        return found

    def _seconds_since(self, moment: datetime) -> float:
        return (self.clock() - moment).total_seconds()


def standing(results: Mapping[str, Any], seconds: float, problem: str | None = None) -> RenderableType:
    """Lay out how an experiment stands.

    Args:
        results: What the statistics route answered.
        seconds: How long ago that was.
        problem: Why it could not be read again, if so.
    """
    lines: list[RenderableType] = [_table(results), _decision(results["decision"])]
    lines += [
        Text(f"! {alert['kind']}: {alert['message']}" + (" (acknowledged)" if alert["acknowledged"] else ""), "red")
        for alert in results["alerts"]
        if alert["status"] == "open"
    ]
    age = duration(results["age_seconds"] + seconds)
    lines.append(Text(f"computed {results['computed_at'][:19].replace('T', ' ')} UTC, {age} ago", "dim"))
    if problem is not None:
        lines.append(Text(f"could not be read again: {problem}", "yellow"))
    return Group(*lines)


def _table(results: Mapping[str, Any]) -> Table:
    primary = next((metric for metric in results["metrics"] if metric["role"] == "primary"), None)
    decision, level = results["decision"], results["analysis"]["confidence_level"]
    title = f"{results['experiment']} ({results['status']})"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("group")
    table.add_column("users", justify="right")
    if primary is not None:
        holds = _HOLDS[decision["basis"]]
        for heading in (
            primary["name"],
            "lift",
            f"difference, {100 * level:.6g}% interval {holds}",
            "p, adjusted",
        ):
            table.add_column(heading, justify="right")
    for name, group in results["groups"].items():
        row = [name, f"{group['n']:,}"]
        if primary is not None:
            comparison = results["comparisons"].get(name, {}).get(primary["name"])
            row += [_value(group["metrics"][primary["name"]]), *_comparison(comparison, decision["basis"], primary)]
        table.add_row(*row, style="bold" if name == decision["group"] and decision["verdict"] == "implement" else None)
    return table


def _value(value: Mapping[str, Any]) -> str:
    if value["kind"] in {"conversion", "retention"}:
        return _NOTHING if value["rate"] is None else f"{value['rate']:.3%}"
    number = value["ratio" if value["kind"] == "ratio" else "value" if value["kind"] == "quantile" else "mean"]
    return _NOTHING if number is None else f"{number:,.4f}"


def _comparison(comparison: Mapping[str, Any] | None, basis: str, metric: Mapping[str, Any]) -> Sequence[str]:
    if comparison is None:
        return "", "", ""
    lift = comparison["relative_difference"]
    decisive = comparison if basis == "planned_horizon" else comparison[basis]
    if comparison["difference"] is None or decisive is None:
        return _NOTHING, _NOTHING, _NOTHING
    low, high = decisive["adjusted_interval"] or decisive["interval"]
    numbers = [comparison["difference"], low, high]
    if metric["kind"] in {"conversion", "retention"}:
        difference, low, high = (f"{100 * number:+.2f}" for number in numbers)
        shown = f"{difference} ({low} to {high}) points"
    else:
        difference, low, high = (f"{number:+,.4f}" for number in numbers)
        shown = f"{difference} ({low} to {high})"
    p_value = decisive["adjusted_p_value"]
    written = f"{p_value:.4f}" if p_value >= _SMALLEST_P else f"< {_SMALLEST_P}"
    return (_NOTHING if lift is None else f"{lift:+.1%}"), shown, written


def _decision(decision: Mapping[str, Any]) -> Text:
    about = f" {decision['group']}" if decision["group"] else ""
    return Text.assemble((f"{decision['verdict']}{about}", "bold"), f": {decision['explanation']}")


def duration(seconds: float) -> str:
    """Write a duration in its largest unit."""
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(max(0.0, seconds))} s"
