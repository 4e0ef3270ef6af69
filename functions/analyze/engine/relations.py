"""What an experiment asks of its events, as small tables that the SQL joins: names are data there, and never SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from bakeoff_core.events.types import EXPOSURE_TYPES, PREDICTION
from bakeoff_core.experiments.metrics import Amount, Metric
from bakeoff_core.experiments.model import Experiment
from engine.summary import DAYS_SINCE_EXPOSURE, LATE_AFTER, MOST_VALUES, NO_VALUE, OTHER_VALUES

Scalar: TypeAlias = str | int | float | bool | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_HOURS_A_DAY = 24
_OWN_TYPES = sorted({*EXPOSURE_TYPES, PREDICTION})
_AGEING = frozenset({"conversion", "mean", "count", "ratio"})


@dataclass(frozen=True, slots=True)
class Relation:
    """A table of constants.

    Attributes:
        name: What the SQL calls it.
        columns: Each with its type in SQL, one that DuckDB and Athena both have.
        rows: The constants.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Scalar, ...], ...]


@dataclass(frozen=True, slots=True)
class Periods:
    """The periods at whose ends the primary metric is looked back at: days (UTC), or those between planned looks.

    Attributes:
        start: When one of them begins, in microseconds since 1970.
        length: How long each is, in microseconds.
    """

    start: int
    length: int

    @classmethod
    def of(cls, experiment: Experiment) -> "Periods":
        """Take them from an experiment's plan."""
        looks, start, end = experiment.analysis.planned_looks, experiment.start_time, experiment.end_time
        if looks is None or start is None or end is None:
            return cls(0, _DAY // _MICROSECOND)
        return cls((start - _EPOCH) // _MICROSECOND, max(1, (end - start) / looks // _MICROSECOND))


def microseconds(moment: datetime | None) -> int | None:
    """Count the microseconds from 1970 (UTC) to a moment."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def moment_of(count: int) -> datetime:
    """Turn microseconds since 1970 into a moment, UTC."""
    return _EPOCH + timedelta(microseconds=count)


def fields_of(experiment: Experiment) -> list[str]:
    """List the metadata fields that the metrics read, each once."""
    amounts = (amount for metric in experiment.metrics for _, amount, _, _ in _parts(metric))
    return list(dict.fromkeys(amount.field for amount in amounts if amount.field is not None))


def known_types(experiment: Experiment) -> list[str]:
    """List the event types that an experiment's statistics tell apart, each once."""
    amounts = [amount for metric in experiment.metrics for _, amount, _, _ in _parts(metric)]
    named = [name for amount in amounts for name in (amount.event_type, amount.field) if name is not None]
    return list(dict.fromkeys((*_OWN_TYPES, *named)))


def looks_back(experiment: Experiment) -> timedelta:
    """Say how long before a unit's first exposure its events count for anything."""
    days = [metric.covariate.days for metric in experiment.metrics if metric.covariate is not None]
    return timedelta(days=max(days, default=0))


def relations(experiment: Experiment, as_of: int) -> list[Relation]:
    """Write an experiment down as relations.

    Args:
        experiment: Its configuration.
        as_of: The moment of the analysis, in microseconds since 1970.
    """
    return [
        _settings(experiment, as_of),
        _groups(experiment),
        Relation(
            "own_types",
            (("event_type", "VARCHAR"), ("is_exposure", "BOOLEAN")),
            tuple((name, name in EXPOSURE_TYPES) for name in _OWN_TYPES),
        ),
        Relation(
            "metrics",
            (
                ("position", "INTEGER"),
                ("over_after", "BIGINT"),
                ("cap", "DOUBLE"),
                ("cap_quantile", "DOUBLE"),
                ("quantile", "DOUBLE"),
                ("spread", "VARCHAR"),
            ),
            tuple((position, *_metric(metric)) for position, metric in enumerate(experiment.metrics)),
        ),
        _amounts(experiment),
        Relation(
            "segments",
            (("segment_index", "INTEGER"), ("segment_name", "VARCHAR")),
            # Both dialects count the elements of an array from 1.
            tuple(enumerate(experiment.analysis.segments, start=1)),
        ),
    ]


def reward_relation(event_type: str | None, window: timedelta) -> Relation:
    """Write down what rewards a bandit's group, and for how long after a unit's first exposure."""
    return Relation(
        "reward", (("event_type", "VARCHAR"), ("over_after", "BIGINT")), ((event_type, window // _MICROSECOND),)
    )


def _settings(experiment: Experiment, as_of: int) -> Relation:
    primary, periods = experiment.primary_metric, Periods.of(experiment)
    columns: Sequence[tuple[str, str, Scalar]] = (
        ("experiment_name", "VARCHAR", experiment.name),
        ("config_version", "BIGINT", experiment.config_version),
        ("starts_at", "BIGINT", microseconds(experiment.start_time)),
        ("ends_at", "BIGINT", microseconds(experiment.end_time)),
        ("as_of", "BIGINT", as_of),
        ("looks_from", "BIGINT", -(looks_back(experiment) // _MICROSECOND)),
        ("ages", "BIGINT", DAYS_SINCE_EXPOSURE),
        ("primary_metric", "INTEGER", None if primary is None else experiment.metrics.index(primary)),
        ("late_after", "BIGINT", LATE_AFTER // _MICROSECOND),
        ("periods_from", "BIGINT", periods.start),
        ("period", "BIGINT", periods.length),
        ("most_values", "BIGINT", MOST_VALUES),
        ("no_value", "VARCHAR", NO_VALUE),
        ("other_values", "VARCHAR", OTHER_VALUES),
    )
    return Relation(
        "settings", tuple((name, kind) for name, kind, _ in columns), (tuple(value for _, _, value in columns),)
    )


def _groups(experiment: Experiment) -> Relation:
    return Relation(
        "groups",
        (("position", "INTEGER"), ("group_name", "VARCHAR"), ("share", "DOUBLE")),
        tuple((position, name, share) for position, (name, share) in enumerate(experiment.shares.items())),
    )


def _metric(metric: Metric) -> tuple[Scalar, ...]:
    winsorize = metric.winsorize
    return (
        _after(metric.hours[1]),
        None if winsorize is None else winsorize.cap,
        None if winsorize is None else winsorize.quantile,
        metric.quantile,
        None if metric.is_share else "ratio" if metric.kind == "ratio" else "value",
    )


def _amounts(experiment: Experiment) -> Relation:
    fields = fields_of(experiment)
    rows: list[tuple[Scalar, ...]] = []
    for position, metric in enumerate(experiment.metrics):
        for part, amount, starts, ends in _parts(metric):
            rows.append(
                (
                    position,
                    part,
                    amount.aggregate,
                    amount.aggregate == "any",
                    amount.event_type,
                    amount.field,
                    None if amount.field is None else fields.index(amount.field) + 1,
                    _after(starts),
                    _after(ends),
                    _after(metric.hours[1]),
                    metric.kind in _AGEING and starts == 0,
                )
            )
    return Relation(
        "amounts",
        (
            ("position", "INTEGER"),
            ("part", "VARCHAR"),
            ("aggregate", "VARCHAR"),
            ("once", "BOOLEAN"),
            ("event_type", "VARCHAR"),
            ("field", "VARCHAR"),
            ("field_index", "INTEGER"),
            ("starts_after", "BIGINT"),
            ("ends_after", "BIGINT"),
            ("over_after", "BIGINT"),
            ("by_age", "BOOLEAN"),
        ),
        tuple(rows),
    )


def _parts(metric: Metric) -> list[tuple[str, Amount, float, float | None]]:
    """List a metric's amounts, each with the hours after first exposure from which and until which it counts."""
    starts, ends = metric.hours
    parts: list[tuple[str, Amount, float, float | None]] = [("y", metric.amount, starts, ends)]
    if metric.denominator is not None:
        parts.append(("x", metric.denominator, starts, ends))
    if metric.covariate is not None and metric.covariate_amount is not None:
        parts.append(("x", metric.covariate_amount, -metric.covariate.days * _HOURS_A_DAY, 0.0))
    return parts


def _after(hours: float | None) -> int | None:
    return None if hours is None else timedelta(hours=hours) // _MICROSECOND
