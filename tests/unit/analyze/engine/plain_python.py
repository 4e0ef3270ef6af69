"""The engine's rules once more, in plain Python over a list of events: what its SQL is held against."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil, floor, fsum, isfinite, log10
from typing import Any

import pytest

from bakeoff_core.events.model import Event
from bakeoff_core.events.types import EXPOSURE_TYPES, PREDICTION
from bakeoff_core.experiments.metrics import Amount, Metric
from bakeoff_core.experiments.model import Experiment
from engine.summary import (
    DAYS_SINCE_EXPOSURE,
    LATE_AFTER,
    MOST_VALUES,
    NO_VALUE,
    OTHER_VALUES,
    ByMetric,
    DataQuality,
    Day,
    GroupSummary,
    Spread,
    Statistics,
    Summary,
)
from stats.means import Moments
from stats.paired import PairedMoments
from stats.proportions import Proportion
from stats.quantiles import QuantileStatistic

DAY = timedelta(days=1)
OWN = EXPOSURE_TYPES | {PREDICTION}
AGEING = {"conversion", "mean", "count", "ratio"}


@dataclass
class Unit:
    name: str
    group: str
    first: datetime
    segments: dict[str, str | None]
    events: list[Event]

    def amount(self, amount: Amount, start: datetime, end: datetime | None) -> float:
        """What the unit's events from one moment to another come to."""
        values = [
            value
            for event in self.events
            if event.timestamp >= start and (end is None or event.timestamp < end)
            if (value := value_of(event, amount)) is not None
        ]
        if amount.aggregate == "any":
            return 1.0 if values else 0.0
        return float(len(values)) if amount.aggregate == "count" else fsum(values)

    def values(self, metric: Metric) -> tuple[float, float]:
        """The metric's value, and its denominator or covariate."""
        start, end = span(self, metric)
        y = self.amount(metric.amount, start, end)
        if metric.denominator is not None:
            return y, self.amount(metric.denominator, start, end)
        if metric.covariate is not None and metric.covariate_amount is not None:
            before = self.first - timedelta(days=metric.covariate.days)
            return y, self.amount(metric.covariate_amount, before, self.first)
        return y, 0.0


def span(unit: Unit, metric: Metric) -> tuple[datetime, datetime | None]:
    start, end = metric.hours
    return unit.first + timedelta(hours=start), None if end is None else unit.first + timedelta(hours=end)


def number_in(event: Event, field: str) -> float | None:
    value = event.metadata.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or abs(value) > 1e50:
        return None
    return float(value)


def value_of(event: Event, amount: Amount) -> float | None:
    own_value = None if event.event_value is None or abs(event.event_value) > 1e50 else event.event_value
    if amount.aggregate != "sum":
        fits = event.event_type not in OWN if amount.event_type is None else event.event_type == amount.event_type
        return 1.0 if fits else None
    if amount.field is None:
        return own_value if event.event_type == amount.event_type else None
    if amount.event_type is not None:
        return number_in(event, amount.field) if event.event_type == amount.event_type else None
    if event.event_type in OWN:
        return None
    if event.event_type == amount.field and own_value is not None:
        return own_value
    return number_in(event, amount.field)


def summarise(experiment: Experiment, arrivals: Sequence[Event], as_of: datetime) -> Summary:
    """Sum up events; ids arrive once at any one time, and files are all readable."""
    concerned = [event for event in arrivals if event.experiment_name in {None, experiment.name}]
    latest_first = sorted(concerned, key=lambda event: event.received_at, reverse=True)
    once = {event.event_id: event for event in latest_first}
    events = [event for event in once.values() if event.timestamp < as_of]
    exposures = [
        event
        for event in events
        if event.event_type in EXPOSURE_TYPES
        and event.experiment_name == experiment.name
        and event.config_version in {None, experiment.config_version}
    ]
    known = [event for event in exposures if event.group_name in experiment.shares]
    inside = [
        event
        for event in known
        if (experiment.start_time is None or event.timestamp >= experiment.start_time)
        and (experiment.end_time is None or event.timestamp < experiment.end_time)
    ]
    seen: dict[str, list[Event]] = defaultdict(list)
    for event in inside:
        seen[event.user_id or ""].append(event)
    by_user: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_user[event.user_id or ""].append(event)
    forced = {user for user, each in seen.items() if any(event.metadata.get("reason") == "forced" for event in each)}
    drawn = {user: sorted(each, key=lambda e: e.timestamp) for user, each in seen.items() if user not in forced}
    units = [
        Unit(
            user,
            str(each[0].group_name),
            each[0].timestamp,
            {name: segment_of(each[0], name) for name in experiment.analysis.segments},
            by_user[user],
        )
        for user, each in drawn.items()
        if len({event.group_name for event in each}) == 1
    ]
    done = [event for event in events if event.event_type not in OWN]
    firsts = {unit.name: unit.first for unit in units}
    quality = DataQuality(
        duplicate_events=len(concerned) - len(once),
        events_before_exposure=sum(
            event.user_id in firsts and event.timestamp < firsts[event.user_id] for event in done
        ),
        events_of_unexposed_users=sum(
            event.user_id not in drawn and event.user_id not in forced and event.experiment_name is not None
            for event in done
        ),
        unknown_group_exposures=len(exposures) - len(known),
        exposures_outside_window=len(known) - len(inside),
        forced_units=len(forced),
        unusable_values=sum(event.event_value is not None and abs(event.event_value) > 1e50 for event in events),
        late_events=sum(
            (event.user_id in drawn or event.experiment_name is not None)
            and event.received_at - event.timestamp > LATE_AFTER
            for event in events
        ),
    )
    moments = [each[0].timestamp for each in drawn.values()]
    analysis = _Analysis(experiment, units, as_of)
    return Summary(
        groups={name: analysis.group(name) for name in experiment.shares},
        crossovers=len(drawn) - len(units),
        quality=quality,
        first_exposure=min(moments, default=None),
        last_exposure=max(moments, default=None),
        last_seen=max((each[-1].timestamp for each in drawn.values()), default=None),
        caps=analysis.caps,
    )


def segment_of(event: Event, name: str) -> str | None:
    context = event.metadata.get("context")
    value = context.get(name) if isinstance(context, dict) else None
    if value is None or isinstance(value, list | dict):
        value = event.metadata.get(name)
    if value is None or isinstance(value, list | dict):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Analysis:
    def __init__(self, experiment: Experiment, units: list[Unit], as_of: datetime) -> None:
        self.experiment, self.units, self.as_of = experiment, units, as_of
        self.caps = {
            metric.name: cap
            for metric in experiment.metrics
            if metric.winsorize is not None and (cap := self._cap(metric)) is not None
        }

    def group(self, name: str) -> GroupSummary:
        units = [unit for unit in self.units if unit.group == name]
        metrics = self.experiment.metrics
        over = {metric.name: [unit for unit in units if self._is_over(unit, metric)] for metric in metrics}
        return GroupSummary(
            n=len(units),
            metrics=self._by_metric(units),
            daily=self._daily(units),
            waiting={
                metric.name: len(units) - len(over[metric.name]) for metric in metrics if metric.hours[1] is not None
            },
            covariates={
                metric.name: PairedMoments.of(self._values(unit, metric) for unit in over[metric.name])
                for metric in metrics
                if metric.covariate is not None
            },
            uncut={
                metric.name: Moments.of(unit.values(metric)[0] for unit in over[metric.name])
                for metric in metrics
                if metric.winsorize is not None
            },
            cohorts={
                metric.name: {
                    day: self._statistics(metric, [unit for unit in over[metric.name] if unit.first.date() == day])
                    for day in {unit.first.date() for unit in over[metric.name]}
                }
                for metric in metrics
                if metric.kind != "quantile"
            },
            since_exposure={
                metric.name: {
                    day: self._on_own_day(metric, day, aged)
                    for day in range(DAYS_SINCE_EXPOSURE)
                    if (aged := [unit for unit in units if unit.first + (day + 1) * DAY <= self.as_of])
                }
                for metric in metrics
                if metric.kind in AGEING
            },
            segments={name: self._segment(name, units) for name in self.experiment.analysis.segments},
            timeline={moment: self._stood(moment, units) for moment in self.moments},
            spreads={
                metric.name: self._spread(metric, units)
                for metric in metrics
                if not metric.is_share and self._shape(metric) is not None
            },
        )

    @property
    def moments(self) -> list[datetime]:
        """The ends of the days, or the looks, at which the primary metric had changed."""
        metric = self.experiment.primary_metric
        if metric is None or metric.kind == "quantile" or self.experiment.bandit is not None:
            return []
        return sorted({self._end_of(moment) for unit in self.units for moment in self._changes(unit, metric)})

    def _changes(self, unit: Unit, metric: Metric) -> list[datetime]:
        """When a unit became part of a metric, and when it then contributed."""
        end = span(unit, metric)[1]
        if end is not None:
            return [end - timedelta(microseconds=1)] if end <= self.as_of else []
        start = span(unit, metric)[0]
        amounts = [metric.amount, *([] if metric.denominator is None else [metric.denominator])]
        moments = [unit.first]
        for amount in amounts:
            times = sorted(
                event.timestamp
                for event in unit.events
                if event.timestamp >= start and value_of(event, amount) is not None
            )
            moments += times[:1] if amount.aggregate == "any" else times
        return moments

    def _end_of(self, moment: datetime) -> datetime:
        plan, start, end = self.experiment.analysis, self.experiment.start_time, self.experiment.end_time
        if plan.planned_looks is not None and start is not None and end is not None:
            step = (end - start) / plan.planned_looks
            return min(start + ((moment - start) // step + 1) * step, self.as_of)
        return min(datetime(moment.year, moment.month, moment.day, tzinfo=UTC) + DAY, self.as_of)

    def _stood(self, moment: datetime, units: list[Unit]) -> PairedMoments:
        metric = self.experiment.primary_metric
        assert metric is not None
        pairs = []
        for unit in units:
            start, end = span(unit, metric)
            if not (unit.first < moment if end is None else end <= moment):
                continue
            until = moment if end is None else end
            y, x = unit.amount(metric.amount, start, until), unit.values(metric)[1]
            if metric.denominator is not None:
                x = unit.amount(metric.denominator, start, until)
            pairs.append((min(y, self.caps[metric.name]) if metric.name in self.caps else y, x))
        return PairedMoments.of(pairs)

    def _plain_values(self, metric: Metric, units: list[Unit]) -> list[float]:
        pairs = [unit.values(metric) for unit in units if self._is_over(unit, metric)]
        return [y / x for y, x in pairs if x] if metric.kind == "ratio" else [y for y, _ in pairs]

    def _shape(self, metric: Metric) -> tuple[float, int, int] | None:
        """The width of the bins, and the first and the last of them."""
        ordered = sorted(self._plain_values(metric, self.units))
        if not ordered:
            return None
        low, high = (ordered[ceil(len(ordered) * share) - 1] for share in (0.005, 0.995))
        if low == high:
            low, high = ordered[0], ordered[-1]
        least = (high - low) / 24 if low < high else abs(high) / 10
        least = max(least, max(abs(low), abs(high)) * 1e-9, 1e-100)
        unit = 10.0 ** floor(log10(least))
        width = next(times * unit for times in (1, 2, 5, 10) if least <= times * unit)
        if least <= 1 and all(value == floor(value) for value in ordered):
            width = 1.0
        return width, floor(low / width), floor(high / width)

    def _spread(self, metric: Metric, units: list[Unit]) -> Spread:
        shape = self._shape(metric)
        assert shape is not None
        width, first, last = shape
        bins = Counter(floor(value / width) for value in self._plain_values(metric, units))
        return Spread(
            width=width,
            first=first,
            counts=tuple(bins[number] for number in range(first, last + 1)),
            below=sum(count for number, count in bins.items() if number < first),
            above=sum(count for number, count in bins.items() if number > last),
        )

    def _is_over(self, unit: Unit, metric: Metric) -> bool:
        end = span(unit, metric)[1]
        return end is None or end <= self.as_of

    def _cap(self, metric: Metric) -> float | None:
        assert metric.winsorize is not None
        if metric.winsorize.cap is not None:
            return metric.winsorize.cap
        assert metric.winsorize.quantile is not None
        ordered = sorted(unit.values(metric)[0] for unit in self.units if self._is_over(unit, metric))
        return ordered[ceil(len(ordered) * metric.winsorize.quantile) - 1] if ordered else None

    def _values(self, unit: Unit, metric: Metric) -> tuple[float, float]:
        y, x = unit.values(metric)
        return min(y, self.caps[metric.name]) if metric.name in self.caps else y, x

    def _statistics(self, metric: Metric, units: Iterable[Unit]) -> Statistics:
        return statistics_of(metric, [self._values(unit, metric) for unit in units])

    def _by_metric(self, units: list[Unit]) -> dict[str, Statistics]:
        return {
            metric.name: self._statistics(metric, [unit for unit in units if self._is_over(unit, metric)])
            for metric in self.experiment.metrics
        }

    def _on_own_day(self, metric: Metric, day: int, units: list[Unit]) -> Statistics:
        denominator = metric.denominator
        return statistics_of(
            metric,
            [
                (
                    unit.amount(metric.amount, unit.first + day * DAY, unit.first + (day + 1) * DAY),
                    0.0
                    if denominator is None
                    else unit.amount(denominator, unit.first + day * DAY, unit.first + (day + 1) * DAY),
                )
                for unit in units
            ],
        )

    def _daily(self, units: list[Unit]) -> tuple[Day, ...]:
        metric = self.experiment.primary_metric
        users = Counter(unit.first.date() for unit in units)
        values: dict[date, list[float]] = defaultdict(list)
        for unit in units:
            if metric is None or not self._is_over(unit, metric):
                continue
            start, end = span(unit, metric)
            days = sorted(
                {
                    event.timestamp.date()
                    for event in unit.events
                    if event.timestamp >= start and (end is None or event.timestamp < end)
                    if value_of(event, metric.amount) is not None
                }
            )
            for day in days[:1] if metric.is_share else days:
                midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
                until = midnight + DAY if end is None else min(end, midnight + DAY)
                values[day].append(unit.amount(metric.amount, max(start, midnight), until))
        return tuple(Day(day, users[day], fsum(values[day])) for day in sorted({*users, *values}))

    def _segment(self, name: str, units: list[Unit]) -> dict[str, ByMetric]:
        counts = Counter(value for unit in self.units if (value := unit.segments[name]) is not None)
        kept = {value for value, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_VALUES]}

        def shown(unit: Unit) -> str:
            value = unit.segments[name]
            return NO_VALUE if value is None else value if value in kept else OTHER_VALUES

        found: dict[str, list[Unit]] = defaultdict(list)
        for unit in units:
            if any(self._is_over(unit, metric) for metric in self.experiment.metrics):
                found[shown(unit)].append(unit)
        return {value: self._by_metric(each) for value, each in found.items()}


def statistics_of(metric: Metric, pairs: list[tuple[float, float]]) -> Statistics:
    values = [y for y, _ in pairs]
    if metric.is_share:
        return Proportion(int(sum(values)), len(values))
    if metric.kind == "ratio":
        return PairedMoments.of(pairs)
    if metric.kind == "quantile":
        return QuantileStatistic.of(values, metric.quantile or 0.0)
    return Moments.of(values)


def assert_same(found: Any, expected: Any, where: str = "summary") -> None:
    """Compare two summaries, floats by what rounding may do to them."""
    if isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), where
    elif hasattr(expected, "__dataclass_fields__"):
        assert type(found) is type(expected), where
        for name in expected.__dataclass_fields__:
            assert_same(getattr(found, name), getattr(expected, name), f"{where}.{name}")
    elif isinstance(expected, dict):
        assert set(found) == set(expected), where
        for key, value in expected.items():
            assert_same(found[key], value, f"{where}[{key!r}]")
    elif isinstance(expected, tuple):
        assert len(found) == len(expected), where
        for index, value in enumerate(expected):
            assert_same(found[index], value, f"{where}[{index}]")
    else:
        assert found == expected, where


Summarise = Callable[[Experiment, Sequence[Event], datetime], Summary]
