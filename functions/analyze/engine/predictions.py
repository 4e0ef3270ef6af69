"""What an experiment's predictions come to: per group and model version, counts, latencies and binned values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import duckdb

from bakeoff_core.events.types import PREDICTION
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.lake.database import Format, show_lines
from bakeoff_core.lake.files import Fetched
from engine.relations import microseconds, moment_of
from engine.statements import sql
from model_documents import VariableKind


@dataclass(frozen=True, slots=True)
class Variable:
    """Something that is binned: a feature, the prediction or the probability.

    Attributes:
        kind: Which of them.
        name: The feature's name; of the others, the kind.
        cuts: Between the bins of a number; None for a text.
        texts: With bins of their own; None for a number.
        counts: Per bin in the training sample; of a text, the last bin is that of all others.
        default: What a missing value counts as, written as text.
    """

    kind: VariableKind
    name: str
    cuts: tuple[float, ...] | None
    texts: tuple[str, ...] | None
    counts: tuple[int, ...]
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """What a model version was published with.

    Attributes:
        features: The names of its features, in the order in which an array of them is read.
        variables: Those whose distribution in the training sample is known.
    """

    features: tuple[str, ...]
    variables: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class ShadowUse:
    """A shadow model's predictions beside those that were answered.

    Attributes:
        model_name: The shadow.
        model_version: Its version, or where it failed the version or alias that the group names, if any.
        compared: How many it made.
        failed: How often it made none, within its time or at all.
        same: How many of them were the same as the answer.
        mean_difference: The mean distance of the two probabilities, or of the two numbers; None without any.
        latency_ms: Median, 95th and 99th percentile, where latencies were recorded.
    """

    model_name: str | None
    model_version: str | None
    compared: int
    failed: int
    same: int
    mean_difference: float | None
    latency_ms: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class DayOfPredictions:
    """One model version's predictions for one group on one day.

    Attributes:
        predictions: How many.
        fallbacks: How many of them stood in for the group's own model.
        latency_ms: Median and 95th percentile, where latencies were recorded.
    """

    predictions: int
    fallbacks: int
    latency_ms: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class ModelUse:
    """One model version's predictions for one group.

    Attributes:
        group: The group; None for units that were not in the experiment.
        model_name: The model.
        model_version: Its version.
        predictions: How many.
        fallbacks: How many of them stood in for the group's own model.
        latency_ms: Median, 95th and 99th percentile, where latencies were recorded.
        first: When the first one was made.
        last: When the last one was made.
        counts: By variable and day (UTC): values per bin. Empty without a reference.
        shadows: What shadow models made beside it.
        days: By day (UTC), in order.
    """

    group: str | None
    model_name: str
    model_version: str
    predictions: int
    fallbacks: int
    latency_ms: tuple[float, float, float] | None
    first: datetime
    last: datetime
    counts: Mapping[Variable, Mapping[date, tuple[int, ...]]]
    shadows: tuple[ShadowUse, ...] = ()
    days: Mapping[date, DayOfPredictions] = field(default_factory=dict)


FindReference: TypeAlias = Callable[[str, str], Reference | None]
"""By a model's name and version: what it was published with, or None where that is not known."""


@runtime_checkable
class PredictionEngine(Protocol):
    """An engine that sums up predictions, too."""

    def predictions(self, experiment: Experiment, find: FindReference, as_of: datetime | None = None) -> list[ModelUse]:
        """Reduce an experiment's prediction events, those from before a moment if one is given, to counts."""
        ...


def count_predictions(connection: duckdb.DuckDBPyConnection, find: FindReference) -> list[ModelUse]:
    """Reduce the predictions that were loaded to counts.

    Args:
        connection: The database that they were loaded into.
        find: Gives what a model version was published with.
    """
    uses = _ask(connection, "model_uses")
    counts = {
        (name, version): _bin_counts(connection, name, version, find(name, version))
        for name, version in dict.fromkeys((use[1], use[2]) for use in uses)
    }
    shadows: dict[tuple[Any, ...], list[ShadowUse]] = {}
    for row in _ask(connection, "shadow_uses"):
        shadows.setdefault(row[:3], []).append(_shadow(row[3:]))
    days: dict[tuple[Any, ...], dict[date, DayOfPredictions]] = {}
    for *use, day, predictions, fallbacks, latency in _ask(connection, "model_days"):
        quantiles = None if latency is None else (latency[0], latency[1])
        days.setdefault(tuple(use), {})[day] = DayOfPredictions(predictions, fallbacks, quantiles)
    return [_use(row, counts[row[1], row[2]], tuple(shadows.get(row[:3], ())), days[row[:3]]) for row in uses]


_Counts: TypeAlias = Mapping[str | None, Mapping[Variable, Mapping[date, tuple[int, ...]]]]


def load_predictions(
    connection: duckdb.DuckDBPyConnection, fetched: Fetched, experiment: Experiment, as_of: datetime | None = None
) -> bool:
    """Load an experiment's predictions, of its present configuration version and within its time, each once.

    Args:
        connection: A database without other tables.
        fetched: The files of events.
        experiment: Its configuration.
        as_of: The moment at which they are looked at: later ones do not count.

    Returns:
        That every object could be read.
    """
    ends = [moment for moment in (experiment.end_time, as_of) if moment is not None]
    _ask(connection, "create_predictions")
    sources: tuple[tuple[Format, tuple[Path, ...]], ...] = (
        ("delivered", fetched.delivered),
        ("compacted", fetched.compacted),
    )
    for form, files in sources:
        if files:
            show_lines(connection, form, files)
            _ask(
                connection,
                "load_predictions",
                prediction=PREDICTION,
                experiment=experiment.name,
                config_version=experiment.config_version,
                start=microseconds(experiment.start_time),
                end=microseconds(min(ends, default=None)),
            )
    _ask(connection, "delete_repeated_predictions")
    return True


def _bin_counts(connection: duckdb.DuckDBPyConnection, name: str, version: str, reference: Reference | None) -> _Counts:
    if reference is None or not reference.variables:
        return {}
    width = len(reference.features)
    places = {
        variable: reference.features.index(variable.name)
        if variable.kind == "feature"
        else width + (variable.kind == "probability")
        for variable in reference.variables
    }
    connection.execute(
        "CREATE OR REPLACE TABLE bins (place BIGINT, cuts DOUBLE[], texts VARCHAR[], default_value VARCHAR)"
    )
    connection.executemany(
        "INSERT INTO bins VALUES (?, ?, ?, ?)",
        [
            (place, _listed(variable.cuts), _listed(variable.texts), variable.default)
            for variable, place in places.items()
        ],
    )
    rows = _ask(
        connection,
        "bin_counts",
        model_name=name,
        model_version=version,
        pointers=[_pointer(feature) for feature in reference.features],
        positions=[f"$[{position}]" for position in range(width)],
    )
    variables = {place: variable for variable, place in places.items()}
    counts: dict[str | None, dict[Variable, dict[date, list[int]]]] = {}
    for group, day, place, bin_, count in rows:
        variable = variables[place]
        days = counts.setdefault(group, {}).setdefault(variable, {})
        days.setdefault(day, [0] * len(variable.counts))[bin_] += count
    return {
        group: {variable: {day: tuple(bins) for day, bins in days.items()} for variable, days in of_group.items()}
        for group, of_group in counts.items()
    }


def _use(
    row: tuple[Any, ...], counts: _Counts, shadows: tuple[ShadowUse, ...], days: Mapping[date, DayOfPredictions]
) -> ModelUse:
    group, name, version, predictions, fallbacks, latency, first, last = row
    return ModelUse(
        group=group,
        model_name=name,
        model_version=version,
        predictions=predictions,
        fallbacks=fallbacks,
        latency_ms=_quantiles(latency),
        first=moment_of(first),
        last=moment_of(last),
        counts=counts.get(group, {}),
        shadows=shadows,
        days=days,
    )


def _shadow(row: tuple[Any, ...]) -> ShadowUse:
    name, version, compared, failed, same, difference, latency = row
    return ShadowUse(
        model_name=name,
        model_version=version,
        compared=compared,
        failed=failed,
        same=same,
        mean_difference=difference,
        latency_ms=_quantiles(latency),
    )


def _quantiles(found: list[float] | None) -> tuple[float, float, float] | None:
    return None if found is None else (found[0], found[1], found[2])


def _ask(connection: duckdb.DuckDBPyConnection, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
    return connection.execute(sql(f"duckdb/{statement}"), parameters).fetchall()


def _listed(values: tuple[Any, ...] | None) -> list[Any] | None:
    return None if values is None else list(values)


def _pointer(name: str) -> str:
    """Write a feature's name as a JSON pointer (RFC 6901), in which every character may occur."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
