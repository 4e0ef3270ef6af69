"""From the rows that the queries answer to the summary of an experiment, the same for every engine."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias

from bakeoff_core.experiments.metrics import Metric
from bakeoff_core.experiments.model import Experiment
from engine.relations import moment_of
from engine.statements import (
    CAPS,
    DAILY,
    DAYS_OVER,
    DISTRIBUTIONS,
    EXPECTED_SIZES,
    GROUP_SIZES,
    METRIC_STATISTICS,
    OBSERVED_WINDOW,
    PROPENSITY_SUMS,
    QUANTILES,
    SEGMENT_STATISTICS,
    SINCE_EXPOSURE,
    TIMELINE,
    WAITING,
    WEIGHTED_TIMELINE,
    Query,
)
from engine.summary import (
    DAYS_SINCE_EXPOSURE,
    ByMetric,
    DataQuality,
    Day,
    GroupSummary,
    Propensities,
    Spread,
    Statistics,
    Summary,
)
from engine.timelines import timelines, weighted_timelines
from stats.inverse_propensity import PropensityMoments
from stats.means import Moments
from stats.paired import PairedMoments
from stats.proportions import Proportion
from stats.quantiles import QuantileStatistic

Rows: TypeAlias = Sequence[tuple[Any, ...]]
Ask: TypeAlias = Callable[[Query], Rows]
"""Runs a query. Its answer has the types of `Query.columns`; sums and squares of no rows are None."""

_AGEING = frozenset({"conversion", "mean", "count", "ratio"})
_NOBODY = PairedMoments(0, 0.0, 0.0, 0.0, 0.0, 0.0)
_EVERYBODY = 0
_UNWEIGHTED = frozenset({"ratio", "quantile"})
"""Metrics of which there are no inverse-propensity estimates."""


def needed(experiment: Experiment) -> list[Query]:
    """List the queries that a summary of an experiment reads, except for that on its data quality."""
    metrics = experiment.metrics
    queries = [GROUP_SIZES, OBSERVED_WINDOW, DAILY]
    if metrics:
        queries.append(METRIC_STATISTICS)
    if any(metric.hours[1] is not None for metric in metrics):
        queries.append(WAITING)
    if any(metric.winsorize is not None for metric in metrics):
        queries.append(CAPS)
    if any(metric.kind == "quantile" for metric in metrics):
        queries.append(QUANTILES)
    if any(metric.kind in _AGEING for metric in metrics):
        queries += [DAYS_OVER, SINCE_EXPOSURE]
    if any(not metric.is_share for metric in metrics):
        queries.append(DISTRIBUTIONS)
    if experiment.primary_metric is not None:
        queries += _timeline_of(experiment.primary_metric, bandit=experiment.bandit is not None)
    if metrics and experiment.analysis.segments:
        queries.append(SEGMENT_STATISTICS)
    if experiment.bandit is not None:
        queries += [PROPENSITY_SUMS, EXPECTED_SIZES]
    return queries


def _timeline_of(primary: Metric, *, bandit: bool) -> list[Query]:
    if bandit:
        return [WEIGHTED_TIMELINE] if primary.kind not in _UNWEIGHTED else []
    return [TIMELINE] if primary.kind != "quantile" else []


def read_quality(
    counts: Sequence[int], *, duplicates: int, unreadable_lines: int, unreadable_objects: tuple[str, ...] = ()
) -> DataQuality:
    """Put together what was odd about the events.

    Args:
        counts: The answer to the query on it.
        duplicates: Arrivals of an event id beyond its first.
        unreadable_lines: Lines that are not events.
        unreadable_objects: Keys of objects that could not be read.
    """
    before_exposure, of_unexposed_users, unknown_group, outside_window, forced_units, unusable_values, late = counts
    return DataQuality(
        duplicate_events=duplicates,
        events_before_exposure=before_exposure,
        events_of_unexposed_users=of_unexposed_users,
        unknown_group_exposures=unknown_group,
        exposures_outside_window=outside_window,
        forced_units=forced_units,
        unusable_values=unusable_values,
        unreadable_lines=unreadable_lines,
        unreadable_objects=unreadable_objects,
        late_events=late,
    )


def read_summary(experiment: Experiment, answers: Mapping[Query, Rows], quality: DataQuality) -> Summary:
    """Put the answers together.

    Args:
        experiment: Its configuration.
        answers: The rows of every query that `needed` lists.
        quality: What was odd about the events.
    """
    return _Reading(experiment, answers).summary(quality)


class _Reading:
    """The answers about one experiment."""

    def __init__(self, experiment: Experiment, answers: Mapping[Query, Rows]) -> None:
        self._experiment = experiment
        self._metrics = experiment.metrics
        self._answers = answers
        self._sizes: dict[str, int] = dict(self._rows(GROUP_SIZES))
        self._caps: dict[str, float] = {self._metrics[position].name: cap for position, cap in self._rows(CAPS)}

    def summary(self, quality: DataQuality) -> Summary:
        crossovers, first, last, seen = self._rows(OBSERVED_WINDOW)[0]
        groups = [group.name for group in self._experiment.groups]
        readers: list[Callable[[], Mapping[str, Any]]] = [
            self._statistics,
            self._daily,
            self._waiting,
            self._covariates,
            self._uncut,
            self._cohorts,
            self._since_exposure,
            self._segments,
            self._timeline,
            self._spreads,
        ]
        parts = [read() for read in readers]
        return Summary(
            groups={name: GroupSummary(self._sizes[name], *(part[name] for part in parts)) for name in groups},
            crossovers=crossovers,
            quality=quality,
            first_exposure=None if first is None else moment_of(first),
            last_exposure=None if last is None else moment_of(last),
            last_seen=None if seen is None else moment_of(seen),
            propensities=self._propensities(),
            caps=self._caps,
        )

    def _rows(self, query: Query) -> Rows:
        return self._answers.get(query, ())

    def _totals(self) -> dict[tuple[str, int], tuple[Any, ...]]:
        return {
            (group, position): tuple(sums)
            for group, position, cohort, *sums in self._rows(METRIC_STATISTICS)
            if cohort is None
        }

    def _statistics(self) -> dict[str, ByMetric]:
        totals = self._totals()
        quantiles = {
            (group, position): _quantile(self._metrics[position], *each)
            for group, position, segment, _, *each in self._rows(QUANTILES)
            if segment == _EVERYBODY
        }
        return self._by_group(
            lambda group: {
                metric.name: quantiles.get((group, position), _no_quantile(metric))
                if metric.kind == "quantile"
                else statistics_of(metric, _paired(totals.get((group, position))))
                for position, metric in enumerate(self._metrics)
            }
        )

    def _covariates(self) -> dict[str, dict[str, PairedMoments]]:
        totals = self._totals()
        return self._by_group(
            lambda group: {
                metric.name: _paired(totals.get((group, position)))
                for position, metric in enumerate(self._metrics)
                if metric.covariate is not None
            }
        )

    def _uncut(self) -> dict[str, dict[str, Moments]]:
        totals = self._totals()

        def moments(group: str, position: int) -> Moments:
            sums = totals.get((group, position))
            return Moments(0, 0.0, 0.0) if sums is None else Moments(sums[0], *sums[6:8])

        return self._by_group(
            lambda group: {
                metric.name: moments(group, position)
                for position, metric in enumerate(self._metrics)
                if metric.winsorize is not None
            }
        )

    def _cohorts(self) -> dict[str, dict[str, dict[date, Statistics]]]:
        found: dict[str, dict[str, dict[date, Statistics]]] = self._by_group(
            lambda _: {metric.name: {} for metric in self._metrics if metric.kind != "quantile"}
        )
        for group, position, cohort, *sums in sorted(self._rows(METRIC_STATISTICS), key=lambda row: row[2] or 0):
            metric = self._metrics[position]
            if cohort is not None and metric.kind != "quantile":
                found[group][metric.name][moment_of(cohort).date()] = statistics_of(metric, _paired(sums))
        return found

    def _since_exposure(self) -> dict[str, dict[str, dict[int, Statistics]]]:
        over: dict[str, list[int]] = self._by_group(lambda _: [0] * DAYS_SINCE_EXPOSURE)
        for group, days, units in self._rows(DAYS_OVER):
            for day in range(min(days, DAYS_SINCE_EXPOSURE)):
                over[group][day] += units
        did = {
            (group, position, timedelta(microseconds=age).days): _paired(sums)
            for group, position, age, *sums in self._rows(SINCE_EXPOSURE)
        }
        return self._by_group(
            lambda group: {
                metric.name: {
                    day: statistics_of(metric, _with_idle(did.get((group, position, day), _NOBODY), n))
                    for day, n in enumerate(over[group])
                    if n
                }
                for position, metric in enumerate(self._metrics)
                if metric.kind in _AGEING
            }
        )

    def _segments(self) -> dict[str, dict[str, dict[str, dict[str, Statistics]]]]:
        names = self._experiment.analysis.segments
        found: dict[str, dict[str, dict[str, dict[str, Statistics]]]] = self._by_group(
            lambda _: {name: defaultdict(dict) for name in names}
        )
        for group, position, segment, value, *sums in self._rows(SEGMENT_STATISTICS):
            metric = self._metrics[position]
            if metric.kind != "quantile":
                found[group][names[segment - 1]][value][metric.name] = statistics_of(metric, _paired(sums))
        for group, position, segment, value, *each in self._rows(QUANTILES):
            if segment != _EVERYBODY:
                metric = self._metrics[position]
                found[group][names[segment - 1]][value][metric.name] = _quantile(metric, *each)
        return {
            group: {
                name: {
                    value: {metric.name: by_metric.get(metric.name, _nothing(metric)) for metric in self._metrics}
                    for value, by_metric in sorted(values.items())
                }
                for name, values in segments.items()
            }
            for group, segments in found.items()
        }

    def _daily(self) -> dict[str, tuple[Day, ...]]:
        days: dict[str, list[Day]] = self._by_group(lambda _: [])
        for group, day, users, value in sorted(self._rows(DAILY), key=lambda row: row[1]):
            days[group].append(Day(moment_of(day).date(), users, value))
        return {group: tuple(series) for group, series in days.items()}

    def _waiting(self) -> dict[str, dict[str, int]]:
        waiting = {(group, position): units for group, position, units in self._rows(WAITING)}
        return self._by_group(
            lambda group: {
                metric.name: waiting.get((group, position), 0)
                for position, metric in enumerate(self._metrics)
                if metric.hours[1] is not None
            }
        )

    def _timeline(self) -> dict[str, dict[datetime, PairedMoments]]:
        return timelines(self._experiment, self._rows(TIMELINE), self._idle)

    @property
    def _idle(self) -> float:
        """What the primary metric is of a unit that did nothing."""
        primary = self._experiment.primary_metric
        return min(0.0, self._caps.get(primary.name, 0.0)) if primary is not None else 0.0

    def _spreads(self) -> dict[str, dict[str, Spread]]:
        found: dict[str, dict[str, Spread]] = self._by_group(lambda _: {})
        counts: dict[tuple[str, int], dict[int, int]] = defaultdict(dict)
        shapes: dict[int, tuple[float, float, int]] = {}
        for group, position, width, first, bins, bin_, units in self._rows(DISTRIBUTIONS):
            shapes[position] = (width, first, bins)
            counts[group, position][bin_] = units
        for group, spreads in found.items():
            for position, (width, first, bins) in sorted(shapes.items()):
                units = counts[group, position]
                spreads[self._metrics[position].name] = Spread(
                    width=width,
                    first=first,
                    counts=tuple(units.get(bin_, 0) for bin_ in range(bins)),
                    below=units.get(-1, 0),
                    above=units.get(bins, 0),
                )
        return found

    def _propensities(self) -> dict[str, Propensities]:
        if self._experiment.bandit is None:
            return {}
        expected: dict[str, float] = dict(self._rows(EXPECTED_SIZES))
        sums = {(group, position): PropensityMoments(*each) for group, position, *each in self._rows(PROPENSITY_SUMS)}
        over_time = weighted_timelines(self._experiment, self._rows(WEIGHTED_TIMELINE), self._idle)
        return self._by_group(
            lambda group: Propensities(
                {
                    metric.name: sums.get((group, position), PropensityMoments.of(()))
                    for position, metric in enumerate(self._metrics)
                    if metric.kind not in _UNWEIGHTED
                },
                expected.get(group, 0.0),
                over_time[group],
            )
        )

    def _by_group(self, read: Callable[[str], Any]) -> dict[str, Any]:
        return {group.name: read(group.name) for group in self._experiment.groups}


def _paired(sums: Iterable[Any] | None) -> PairedMoments:
    return _NOBODY if sums is None else PairedMoments(*tuple(sums)[:6])


def _with_idle(active: PairedMoments, n: int) -> PairedMoments:
    """Add the units that did nothing, to make n."""
    return active.merge(PairedMoments(n - active.n, 0.0, 0.0, 0.0, 0.0, 0.0))


def statistics_of(metric: Metric, sums: PairedMoments) -> Statistics:
    """Turn sums into the statistics of a metric's kind, which is no quantile."""
    if metric.is_share:
        return Proportion(round(sums.total_y), sums.n)
    return sums if metric.kind == "ratio" else sums.y


def _nothing(metric: Metric) -> Statistics:
    return _no_quantile(metric) if metric.kind == "quantile" else statistics_of(metric, _NOBODY)


def _quantile(metric: Metric, n: int, value: float, lower: float, upper: float) -> QuantileStatistic:
    return QuantileStatistic(n, metric.quantile or 0.0, value, lower, upper)


def _no_quantile(metric: Metric) -> QuantileStatistic:
    return QuantileStatistic.of((), metric.quantile or 0.0)
