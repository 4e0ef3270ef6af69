"""What the analysis needs to know of an experiment's events: sufficient statistics per group, and no event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol, TypeAlias

from bakeoff_core.experiments.model import Experiment
from stats.inverse_propensity import PropensityMoments
from stats.means import Moments
from stats.paired import PairedMoments
from stats.proportions import Proportion
from stats.quantiles import QuantileStatistic

Statistics: TypeAlias = Proportion | Moments | PairedMoments | QuantileStatistic
"""Of a conversion or retention; of a mean or count; of a ratio, with y its numerator and x its denominator; of a
quantile."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day (UTC) of one group.

    Attributes:
        date: The day.
        users: Units exposed for the first time.
        value: Units that converted for the first time, or the sum of a mean metric, on the primary metric.
    """

    date: date
    users: int
    value: float


ByMetric: TypeAlias = Mapping[str, Statistics]
"""Sufficient statistics by metric name."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How the values of a group's units are spread over bins that are the same for all groups.

    Attributes:
        width: Of every bin.
        first: The first bin holds the values from first * width to just under (first + 1) * width.
        counts: Units by bin.
        below: Units with a value under the first bin.
        above: Units with a value over the last one.
    """

    width: float
    first: float
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """One group's units and what they did.

    Every metric counts a unit's events within its `Metric.hours`. Of a metric whose hours end, only units are
    part whose hours were over at the time of the analysis; that holds for all the statistics below.

    Attributes:
        n: Units exposed, those seen in two groups left out.
        metrics: Sufficient statistics by metric name; of a winsorised metric, after its values were cut off.
        daily: Days with new units or with values, in order.
        waiting: By the name of a metric whose hours end: the units whose hours are not over, and which its
            statistics leave out.
        covariates: By the name of a metric with a covariate: its unit values as y (1 or 0 for a conversion;
            cut off where the metric is winsorised) with the covariate's as x, over the same units as in
            `metrics`.
        uncut: By the name of a winsorised metric: its statistics without cutting off.
        cohorts: By metric and by the day (UTC) of first exposure: statistics of the units that were first
            exposed then. Merged, they are those in `metrics`. Quantiles have none.
        since_exposure: By metric and by whole days (24 hours) since first exposure, from 0 to 27: statistics of
            what units did within that day of theirs alone, over the units whose day was over. Conversions,
            means, counts and ratios only; windows do not bound them, and no value is cut off.
        segments: By the name of a segment, and by its value: statistics of the units with that value.
        timeline: Of the primary metric, unless it is a quantile: by the end of each day (UTC) until the last on
            which anything changed, and as of the analysis, the sums over the units that were part of the metric by
            then, of what they had done by then: y and, of a ratio, its denominator x, or the covariate x. Where
            looks are planned, their times are in the place of the days' ends. Values are cut off where all are in
            the end, and who is a crossover or was forced in the end is so from the beginning.
        spreads: By the name of a mean, count, ratio or quantile: how the values of its units are spread, without
            cutting off; of a ratio those of the units whose denominator is not 0.
    """

    n: int
    metrics: ByMetric
    daily: tuple[Day, ...] = ()
    waiting: Mapping[str, int] = field(default_factory=dict)
    covariates: Mapping[str, PairedMoments] = field(default_factory=dict)
    uncut: Mapping[str, Moments] = field(default_factory=dict)
    cohorts: Mapping[str, Mapping[date, Statistics]] = field(default_factory=dict)
    since_exposure: Mapping[str, Mapping[int, Statistics]] = field(default_factory=dict)
    segments: Mapping[str, Mapping[str, ByMetric]] = field(default_factory=dict)
    timeline: Mapping[datetime, PairedMoments] = field(default_factory=dict)
    spreads: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Propensities:
    """What a group's units come to once the changing weights of a bandit are taken into account.

    Attributes:
        metrics: Sums weighted by inverse propensities, by metric name; of ratios and quantiles there are none.
        expected: Units to be expected by the weights that were in force when each unit was drawn.
        timeline: As in `GroupSummary`, the weighted sums of the primary metric.
    """

    metrics: Mapping[str, PropensityMoments]
    expected: float
    timeline: Mapping[datetime, PropensityMoments] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataQuality:
    """What was odd about the events.

    Attributes:
        duplicate_events: Arrivals of an event id beyond its first.
        events_before_exposure: Events of exposed units from before they met their group.
        events_of_unexposed_users: Events that name the experiment, of users it never met.
        unknown_group_exposures: Exposures that name no group of the experiment.
        exposures_outside_window: Exposures before its start or from its end on.
        forced_units: Units that were forced into a group for testing, which no group counts.
        unusable_values: Events whose value is no number within range.
        unreadable_lines: Lines that are not events.
        unreadable_objects: Keys of objects that could not be read.
        late_events: Events of exposed users, or that name the experiment, which arrived more than LATE_AFTER after
            they happened.
    """

    duplicate_events: int = 0
    events_before_exposure: int = 0
    events_of_unexposed_users: int = 0
    unknown_group_exposures: int = 0
    exposures_outside_window: int = 0
    forced_units: int = 0
    unusable_values: int = 0
    unreadable_lines: int = 0
    unreadable_objects: tuple[str, ...] = ()
    late_events: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """All that the events say about an experiment.

    Attributes:
        groups: By group name, every group of the experiment among them.
        crossovers: Units seen in two groups, which no group counts.
        quality: What was odd about the events.
        first_exposure: The earliest first exposure, UTC.
        last_exposure: The latest first exposure, UTC.
        last_seen: The latest exposure of all, UTC.
        propensities: By group name, for a bandit; for other algorithms there are none.
        caps: By the name of a winsorised metric: where its values were cut off. A quantile is taken over the
            values of all units of all groups together (the inverse of their distribution function).
    """

    groups: dict[str, GroupSummary]
    crossovers: int = 0
    quality: DataQuality = DataQuality()
    first_exposure: datetime | None = None
    last_exposure: datetime | None = None
    last_seen: datetime | None = None
    propensities: Mapping[str, Propensities] = field(default_factory=dict)
    caps: Mapping[str, float] = field(default_factory=dict)


OTHER_VALUES = "(other)"
NO_VALUE = "(none)"
MOST_VALUES = 20
"""Of a segment, the values with the most units in all groups together have statistics of their own; the units of
all further ones are summed up as OTHER_VALUES. Units without the attribute have NO_VALUE."""

LATE_AFTER = timedelta(hours=1)
"""An event that arrives so long after it happened is late: an earlier look at the data was without it."""

DAYS_SINCE_EXPOSURE = 28
"""How many of a unit's own days `GroupSummary.since_exposure` covers."""


class Engine(Protocol):
    """Sums up an experiment's events."""

    def summarise(self, experiment: Experiment, as_of: datetime | None = None) -> Summary:
        """Read the experiment's events and reduce them to sufficient statistics.

        Args:
            experiment: Its configuration.
            as_of: The moment at which the data are looked at: events from then on do not count, and a unit's
                hours are over by then or not. Without one it is just after the last event.
        """
        ...
