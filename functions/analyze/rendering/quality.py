"""How far the data can be trusted: groups of the right size, events counted once, and what was left out."""

from rendering.blocks import Fact, Facts, Items, Section, Table, of
from rendering.formatting import count, number, p_value, percent
from results import Results
from stats.sample_ratio import ALARM_BELOW

_COUNTS = {
    "duplicate_events": "Duplicates: repeated arrivals of an event, counted once",
    "late_events": "Late events, counted by their own time",
    "events_before_exposure": "Events from before their user's first exposure, not counted",
    "events_of_unexposed_users": "Events that name the experiment, of users it never met",
    "unknown_group_exposures": "Exposures that name no group of the experiment",
    "exposures_outside_window": "Exposures outside the experiment's start and end",
    "forced_units": "Users forced into a group for testing, left out",
    "unusable_values": "Event values that are no number within range",
    "unreadable_lines": "Lines that are not events",
}


def quality_section(results: Results) -> Section:
    """All of it."""
    unreadable = results.data_quality.unreadable_objects
    return Section(
        "Data quality",
        of(
            Facts((Fact("Sample ratio", sample_ratio(results)),)),
            shares_table(results),
            counts_table(results),
            Items("Objects that could not be read, and whose events are missing here:", unreadable)
            if unreadable
            else None,
        ),
    )


def sample_ratio(results: Results) -> str:
    """Whether the groups' sizes fit their weights."""
    ratio = results.sample_ratio
    if ratio.p_value is None:
        return f"not tested: {ratio.reason}."
    tested = f"chi-square {number(ratio.statistic or 0.0)}, p {p_value(ratio.p_value)}"
    if ratio.alarm:
        return f"ALARM: the groups' sizes contradict their weights ({tested}), so that they cannot be compared."
    return f"the groups' sizes fit their weights ({tested}; an alarm is raised below {ALARM_BELOW})."


def shares_table(results: Results) -> Table:
    """The users that each group has, and should have."""
    return Table(
        "Users by group",
        "Their share of all users, and the share that was configured.",
        ("Group", "Users", "Share", "Configured"),
        tuple(
            (name, count(group.n), percent(group.n / results.n if results.n else 0.0), percent(group.configured_share))
            for name, group in results.groups.items()
        ),
    )


def counts_table(results: Results) -> Table:
    """What was odd about the events."""
    counts = results.data_quality.model_dump()
    return Table(
        "What was left out or odd",
        "Of all events of the experiment.",
        ("What", "Count"),
        (
            ("Crossovers: users seen in two groups, left out", count(results.crossovers)),
            *((label, count(counts[name])) for name, label in _COUNTS.items()),
            ("Objects that could not be read", count(len(results.data_quality.unreadable_objects))),
        ),
    )
