"""What the analysis needs to know of an experiment's events: sufficient statistics per group, and no event."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, TypeAlias

from bakeoff_core.experiments.model import Experiment
from stats.means import Moments
from stats.proportions import Proportion

Statistics: TypeAlias = Proportion | Moments


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


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """One group's units and what they did.

    Attributes:
        n: Units exposed, those seen in two groups left out.
        metrics: Sufficient statistics by metric name.
        daily: Days with new units or with values, in order.
    """

    n: int
    metrics: dict[str, Statistics]
    daily: tuple[Day, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Summary:
    """All that the events say about an experiment.

    Attributes:
        groups: By group name, every group of the experiment among them.
        crossovers: Units seen in two groups, which no group counts.
        quality: What was odd about the events.
        first_exposure: The earliest first exposure, UTC.
        last_exposure: The latest first exposure, UTC.
    """

    groups: dict[str, GroupSummary]
    crossovers: int = 0
    quality: DataQuality = DataQuality()
    first_exposure: datetime | None = None
    last_exposure: datetime | None = None


class Engine(Protocol):
    """Sums up an experiment's events."""

    def summarise(self, experiment: Experiment) -> Summary:
        """Read the experiment's events and reduce them to sufficient statistics."""
        ...
