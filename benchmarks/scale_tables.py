"""The tables of docs/scale.md, as the model and the simulation make them.

python -m benchmarks.scale_tables           # print them
python -m benchmarks.scale_tables --write   # put them into the page
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from inspect import getdoc
from pathlib import Path

from benchmarks.scale_model import (
    GIVEN,
    HUNDRED_MILLION,
    LIMITS,
    MILLION,
    SETUPS,
    TEN_BILLION,
    WHENCE,
    Assumptions,
    Needs,
    Setup,
    bill,
    needs,
    settings,
)
from benchmarks.scale_sim import (
    AT_ONCE,
    DEFAULT_COUNTER_SHARDS,
    OUTAGE,
    POPULATIONS,
    SHARD_COUNTS,
    counter_load,
    fan_out,
    hot_experiment,
    longest,
    shard_skew,
)

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
_PLACE = re.compile(r"(?<=<!-- table: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
_ATTRIBUTE = re.compile(r"^ {4}(\w+): ((?:.|\n {8})+)", re.MULTILINE)

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Need:
    """One line of the table of what is needed.

    Attributes:
        what: What it says.
        read: Reads it.
        written: Writes it.
        limit: The limit that it is held to, by its name.
    """

    what: str
    read: Callable[[Needs], float]
    written: Callable[[float], str]
    limit: str | None = None


def whole(value: float) -> str:
    """Write a count."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:,.2g}"  # noqa: PLR2004 - two digits


def amount(value: float) -> str:
    """Write a number that may be large."""
    for unit, name in ((1e12, " trillion"), (1e9, " billion"), (1e6, " million")):
        if value >= unit:
            return f"{value / unit:,.3g}{name}"
    return whole(value)


def size(value: float) -> str:
    """Write bytes."""
    for unit, name in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if value >= unit:
            return f"{value / unit:,.3g} {name}"
    return f"{value / 1e3:,.3g} kB"


def time(value: float) -> str:
    """Write seconds."""
    return f"{whole(value)} s"


NEEDS = (
    Need("requests/s", lambda need: need.requests, whole, "api_rate"),
    Need("containers, all functions", lambda need: need.containers, whole, "containers"),
    Need("of these, predictions", lambda need: need.predict_containers, whole),
    Need("of these, the authorizer", lambda need: need.authorize_containers, whole),
    Need("of these, delivery", lambda need: need.deliver_containers, whole),
    Need("from the mean to the peak", lambda need: need.seconds_to_peak, time),
    Need("stacks in accounts of their own", lambda need: need.stacks, whole),
    Need("records/s onto the stream", lambda need: need.records, whole),
    Need("bytes/s onto the stream", lambda need: need.stream_bytes, size, "on_demand"),
    Need("shards", lambda need: need.shards, whole, "shards"),
    Need("reads/s of one key, in units", lambda need: need.key_reads, whole, "partition_reads"),
    Need(
        "reads/s of the busiest experiment, in units", lambda need: need.configuration_reads, whole, "partition_reads"
    ),
    Need("writes/s of tallied ids, in units", lambda need: need.tally_writes, whole, "table_writes"),
    Need("transactions/s on one arm", lambda need: need.tally_transactions, whole),
    Need("items an arm", lambda need: need.counter_shards, whole),
    Need("assignments kept", lambda need: need.assignments, amount),
    Need("objects/s written below one prefix", lambda need: need.files, whole, "prefix_writes"),
    Need("objects of an hour", lambda need: need.files_an_hour, whole),
    Need("events of an hour", lambda need: need.events_an_hour, amount),
    Need("to compact them", lambda need: need.compaction_seconds, time, "function_seconds"),
    Need("events of a look, 30 days", lambda need: need.look_events, amount),
    Need("their objects", lambda need: need.look_bytes, size),
    Need("on disk, with the tables made of them", lambda need: need.look_disk_bytes, size),
    Need("DuckDB over them, 10 GB and 6 processors", lambda need: need.look_seconds, time),
    Need("Athena reads for a look", lambda need: need.athena_bytes, size),
    Need("logs a day", lambda need: need.logs_a_day, size),
)


def described(kind: type) -> dict[str, str]:
    """Read what a class says of its attributes."""
    return {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(getdoc(kind) or "")}


def of_assumptions() -> str:
    """Lay out what is taken as given."""
    texts = described(Assumptions)
    rows = [
        (
            texts[field.name].rstrip("."),
            f"{getattr(GIVEN, field.name):,}",
            WHENCE.get(field.name, "a guess"),
        )
        for field in fields(GIVEN)
    ]
    return table(("what is taken as given", "", "from"), rows)


def of_limits() -> str:
    """Lay out what AWS grants."""
    rows = [
        (
            f"{limit.value:,.0f} {limit.unit}",
            "on request" if limit.adjustable else "fixed",
            limit.source,
            "2026-11" if limit.confirmed else "known as of 2025-06",
        )
        for limit in LIMITS.values()
    ]
    return table(("by default", "more", "source", "looked up"), rows)


def of_needs() -> str:
    """Lay out what each scale needs, and mark what is beyond a limit."""
    columns = [needs(setup) for setup in SETUPS]
    rows = []
    for need in NEEDS:
        limit = LIMITS[need.limit].value if need.limit else None
        cells = []
        for column in columns:
            value = need.read(column)
            beyond = limit is not None and value > limit
            cells.append(f"**{need.written(value)}**" if beyond else need.written(value))
        rows.append((need.what, *cells, "" if limit is None else need.written(limit)))
    return table(("in the busiest second", *(setup.name for setup in SETUPS), "limit"), rows)


def of_settings() -> str:
    """Lay out which parameters each scale sets."""
    chosen = [settings(setup) for setup in SETUPS]
    names = list(dict.fromkeys(name for each in chosen for name in each))
    rows = [(f"`{name}`", *(_grouped(each.get(name, "")) for each in chosen)) for name in names]
    rows.append(("`sample_rate` of experiments", *(f"{setup.in_experiment:g}" for setup in SETUPS)))
    rows.append(("`look_every_minutes` of their `alert_rules`", *(f"{setup.look_minutes:,.0f}" for setup in SETUPS)))
    return table(("", *(setup.name for setup in SETUPS)), rows)


def _grouped(value: str) -> str:
    return f"{int(value):,}" if value.isdecimal() else value


def of_bills() -> str:
    """Lay out what each scale costs a month."""
    bills = [bill(setup) for setup in SETUPS]
    services = list(dict.fromkeys(service for each in reversed(bills) for service in each))
    rows = [
        (service, *(f"{each.get(service, 0):,.0f}" for each in bills))
        for service in services
        if any(each.get(service, 0) >= 1 for each in bills)
    ]
    rows.append(("Total", *(f"**{sum(each.values()):,.0f}**" for each in bills)))
    return table(("USD a month", *(setup.name for setup in SETUPS)), rows)


def of_hot_experiments() -> str:
    """Lay out what caches make of a busy experiment."""
    rows = []
    for setup in SETUPS:
        found = hot_experiment(setup)
        rows.append(
            (
                setup.name,
                f"{setup.configuration_seconds} s",
                f"{setup.experiments}",
                f"{found.containers:,}",
                f"{found.hit_rate:.2f}",
                whole(found.reads),
                f"{found.share:.2f}",
                whole(found.others),
            )
        )
    headings = (
        "",
        "remembered for",
        "experiments",
        "containers",
        "found in memory",
        "reads/s of the busiest",
        "of a partition's limit",
        "reads/s of all others",
    )
    return table(headings, rows)


def of_shards() -> str:
    """Lay out how units fall onto shards."""
    rows = [
        (population.name, *(f"{each.skew:.2f} · {each.throttled:.1%}" for each in shard_skew(population)))
        for population in POPULATIONS
    ]
    return table(("20,000 units", *(f"{shards} shards" for shards in SHARD_COUNTS)), rows)


def of_counters() -> str:
    """Lay out what tallying does to the items of an arm."""
    cases: Iterable[tuple[Setup, int]] = [
        (MILLION, 1),
        (HUNDRED_MILLION, 1),
        (HUNDRED_MILLION, DEFAULT_COUNTER_SHARDS),
        (TEN_BILLION, 1),
        (TEN_BILLION, DEFAULT_COUNTER_SHARDS),
        (TEN_BILLION, 64),
        (TEN_BILLION, needs(TEN_BILLION).counter_shards),
    ]
    rows = []
    for setup, shards in cases:
        load = counter_load(setup, shards)
        rows.append(
            (
                setup.name,
                f"{shards}",
                whole(load.transactions),
                whole(load.units),
                f"{load.conflicts:.0%}",
                f"{load.attempts:.2f}" if load.failed < 1 else "",
                f"{load.waited:.2f} s",
                f"{load.failed:.0%}",
            )
        )
    headings = (
        "",
        "items an arm",
        "transactions/s",
        "write units/s of an item",
        "meet another",
        "attempts",
        "a batch waits",
        "batches that give up",
    )
    return table(headings, rows)


def of_changes() -> str:
    """Lay out how a configuration comes to containers."""
    found = (
        ("begun within a second, answers serve equally long", fan_out(AT_ONCE, longest)),
        ("begun within a second", fan_out(AT_ONCE)),
        ("begun within ten, the table away for six seconds", fan_out(OUTAGE)),
    )
    rows = [
        (
            name,
            f"{each.mean:.0f}",
            f"{each.peak:.0f}",
            f"{each.half:.1f} s",
            f"{each.last:.1f} s",
            f"{each.stale:.1%}",
        )
        for name, each in found
    ]
    headings = (
        "600 containers, 10 requests/s each",
        "reads/s",
        "busiest second",
        "half have a change after",
        "the last after",
        "answered while the table was away",
    )
    return table(headings, rows)


MODELLED: Mapping[str, Callable[[], str]] = {
    "assumptions": of_assumptions,
    "limits": of_limits,
    "needs": of_needs,
    "settings": of_settings,
    "bills": of_bills,
}
SIMULATED: Mapping[str, Callable[[], str]] = {
    "hot_experiments": of_hot_experiments,
    "shards": of_shards,
    "counters": of_counters,
    "changes": of_changes,
}


def table(headings: Sequence[str], rows: Rows) -> str:
    """Write a table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def filled(page: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Put tables into their places in a page; places of other tables stay as they are."""
    return _PLACE.sub(
        lambda place: f"{place[1]}{place[2]}{tables[place[1]]()}" if place[1] in tables else place[0], page
    )


def main() -> None:
    """Print the tables, or put them into the page."""
    everything = {**MODELLED, **SIMULATED}
    if "--write" in sys.argv[1:]:
        PAGE.write_text(filled(PAGE.read_text(), everything))
        return
    for name, make in everything.items():
        print(f"{name}\n\n{make()}")


if __name__ == "__main__":
    main()
