"""Somebody's own experiment, from a file: the options of `bakeoff analyze` turned into results."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from analysis import analyse
from bakeoff.errors import UsageError
from bakeoff_core.experiments.analysis_plan import AnalysisPlan
from bakeoff_core.experiments.metrics import KINDS, Amount, Covariate, Metric, MetricKind, Winsorization
from bakeoff_core.experiments.model import Experiment, Group
from engine.summary import Summary
from engine.table_engine import Columns, TableQuality, open_table
from results import Results

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")
_KINDS = ", ".join(KINDS)
_LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a file.

    Attributes:
        path: The file.
        unit: The column of units.
        group: The column of groups.
        control: The control group.
        metrics: Each as COLUMN:kind, the primary one first.
        weights: Each as group=share; equal shares without.
        covariates: Each as metric=column.
        winsorize: Each as metric=quantile.
        directions: Names of metrics that should decrease.
        segments: Columns.
        time: The column of times.
        level: Coverage of the intervals.
        always_valid: Whether the decision rests on results that may be looked at again and again.
    """

    path: Path
    unit: str
    group: str
    control: str
    metrics: Sequence[str]
    weights: Sequence[str] = ()
    covariates: Sequence[str] = ()
    winsorize: Sequence[str] = ()
    directions: Sequence[str] = ()
    segments: Sequence[str] = ()
    time: str | None = None
    level: float = 0.95
    always_valid: bool = False


@dataclass(frozen=True, slots=True)
class Analysed:
    """What a file comes to."""

    results: Results
    table: TableQuality

    def to_json(self) -> dict[str, Any]:
        """Write the results as the service does, and what was odd about the file."""
        return self.results.to_json() | {"table": asdict(self.table)}


@dataclass(frozen=True, slots=True)
class _Measured:
    metrics: tuple[Metric, ...]
    columns: dict[str, str]
    denominators: dict[str, str]
    covariates: dict[str, str] = field(default_factory=dict)


def analyse_file(request: Request, now: datetime) -> Analysed:
    """Analyse a file.

    Args:
        request: What is asked.
        now: The time of the analysis.

    Raises:
        UsageError: An option is wrong.
        InvalidInput: The file does not hold what the options say.
    """
    measured = _measured(request)
    columns = Columns(
        unit=request.unit,
        group=request.group,
        metrics=measured.columns,
        time=request.time,
        denominators=measured.denominators,
        covariates=measured.covariates,
        segments=tuple(request.segments),
    )
    with open_table(request.path, columns) as table:
        experiment = _experiment(request, measured.metrics, table.groups, now)
        summary, quality = table.summarise(experiment)
    return Analysed(analyse(_as_it_ended(experiment, summary), summary, now), quality)


def _as_it_ended(experiment: Experiment, summary: Summary) -> Experiment:
    """Let the experiment have ended with its last user, so that users came at the rate at which they did."""
    if summary.last_exposure is None:
        return experiment
    return experiment.model_copy(update={"end_time": summary.last_exposure, "ended_at": summary.last_exposure})


def _experiment(request: Request, metrics: Sequence[Metric], names: Sequence[str], now: datetime) -> Experiment:
    control = _name(request.control)
    if control not in names:
        raise UsageError(
            f"--control: {request.control!r} is no group of {request.group!r}, which has {', '.join(names)}"
        )
    weights = _weights(request.weights, names)
    groups = tuple(
        Group(name=name, weight=weights[name], control=name == control)
        for name in sorted(names, key=lambda name: (name != control, name))
    )
    plan = AnalysisPlan(
        confidence_level=request.level,
        inference="always_valid" if request.always_valid else "fixed_horizon",
        segments=tuple(request.segments),
    )
    # A file is all there is: its planned end is the moment at which it is looked at.
    return Experiment(
        name=_name(request.path.name.split(".")[0]) or "experiment",
        description=f"Analysis of {request.path.name}.",
        status="completed",
        end_time=now,
        groups=groups,
        metrics=tuple(metrics),
        analysis=plan,
        created_at=now,
        updated_at=now,
    )


def _weights(options: Sequence[str], names: Sequence[str]) -> Mapping[str, float]:
    if not options:
        return dict.fromkeys(names, 1.0)
    weights = {_name(group): _number("--weight", share) for group, share in _pairs("--weight", options, "group=share")}
    if unknown := sorted(set(weights) - set(names)):
        raise UsageError(f"--weight: {unknown[0]!r} is no group, which are {', '.join(names)}")
    if missing := sorted(set(names) - set(weights)):
        raise UsageError(f"--weight: is missing for {', '.join(missing)}; give one for every group or for none")
    return weights


def _measured(request: Request) -> _Measured:
    columns: dict[str, str] = {}
    denominators: dict[str, str] = {}
    metrics: dict[str, dict[str, Any]] = {}
    for option in request.metrics:
        column, kind, parameter = _split(option)
        document = _document(column, kind, parameter)
        name = document["name"]
        if name in metrics:
            raise UsageError(f"--metric: {name!r} is there twice")
        metrics[name] = document
        numerator, _, denominator = column.partition("/") if kind == "ratio" else (column, "", "")
        columns[name] = numerator
        if denominator:
            denominators[name] = denominator
    covariates = dict(_of_metrics("--covariate", request.covariates, "metric=column", metrics))
    for name in covariates:
        metrics[name]["covariate"] = Covariate()
    for name, quantile in _of_metrics("--winsorize", request.winsorize, "metric=quantile", metrics):
        metrics[name]["winsorize"] = Winsorization(quantile=_number("--winsorize", quantile))
    for option in request.directions:
        if _name(option) not in metrics:
            raise UsageError(f"--decrease: {option!r} is no metric, which are {', '.join(metrics)}")
        metrics[_name(option)]["direction"] = "decrease"
    return _Measured(
        tuple(Metric.model_validate(document) for document in metrics.values()), columns, denominators, covariates
    )


def _split(option: str) -> tuple[str, MetricKind, str]:
    """Take COLUMN:kind or COLUMN:kind:parameter apart; a column may itself hold colons."""
    parts = option.split(":")
    for length in (2, 1):
        kind = parts[-length] if len(parts) > length else ""
        if kind in KINDS:
            return ":".join(parts[:-length]), kind, parts[-1] if length == 2 else ""  # noqa: PLR2004 - a kind and its parameter
    raise UsageError(f"--metric: must read COLUMN:kind with kind one of {_KINDS}, got {option!r}")


def _document(column: str, kind: MetricKind, parameter: str) -> dict[str, Any]:
    name = _name(column)
    if parameter and kind not in {"quantile", "retention"}:
        raise UsageError(f"--metric: a {kind} takes no parameter, got {parameter!r}")
    match kind:
        case "ratio":
            if not all(column.partition("/")):
                raise UsageError(f"--metric: a ratio must read NUMERATOR/DENOMINATOR:ratio, got {column!r}")
            numerator, _, denominator = column.partition("/")
            return {"name": name, "kind": kind, "field": numerator, "denominator": Amount(field=denominator)}
        case "quantile":
            level = _number("--metric", parameter) if parameter else 0.5
            return {"name": name, "kind": kind, "field": column, "quantile": level}
        case "mean":
            return {"name": name, "kind": kind, "field": column}
        case "retention":
            day = _number("--metric", parameter) if parameter else 1.0
            return {"name": name, "kind": kind, "event_type": name, "retention_day": day}
        case _:
            return {"name": name, "kind": kind, "event_type": name}


def _of_metrics(
    option: str, values: Sequence[str], form: str, metrics: Mapping[str, object]
) -> Sequence[tuple[str, str]]:
    pairs = [(_name(metric), value) for metric, value in _pairs(option, values, form)]
    for metric, _ in pairs:
        if metric not in metrics:
            raise UsageError(f"{option}: {metric!r} is no metric, which are {', '.join(metrics)}")
    return pairs


def _pairs(option: str, values: Sequence[str], form: str) -> Sequence[tuple[str, str]]:
    pairs = [tuple(value.split("=", 1)) for value in values]
    for value, pair in zip(values, pairs, strict=True):
        if len(pair) != 2 or not all(pair):  # noqa: PLR2004 - left and right of the sign
            raise UsageError(f"{option}: must read {form}, got {value!r}")
    return [(left, right) for left, right in pairs]


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{option}: must be a number, got {text!r}") from None


def _name(text: str) -> str:
    """Make a name of what a file calls something, in the characters that names have everywhere."""
    return _NOT_IN_NAMES.sub("_", text.strip())[:_LONGEST_NAME]
