"""Events to sufficient statistics, rule by rule."""

import gzip
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bakeoff_core.experiments.model import Experiment
from bakeoff_core.lake.database import database
from bakeoff_core.lake.files import EventFiles
from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.duckdb_engine import DuckDBEngine
from engine.summary import NO_VALUE, Day, Summary
from stats.means import Moments
from stats.proportions import Proportion

START = datetime(2026, 1, 10, tzinfo=UTC)
METRICS: list[object] = ["click_rate", "revenue"]

Line = dict[str, Any]
Summarise = Callable[..., Summary]


def experiment(**changes: object) -> Experiment:
    document: dict[str, object] = {
        "name": "checkout",
        "start_time": START,
        "groups": [{"name": "control", "weight": 0.5}, {"name": "treatment", "weight": 0.5}],
        "metrics": METRICS,
        "status": "running",
        "created_at": START,
        "updated_at": START,
    }
    return Experiment.model_validate(document | changes)


_numbers = iter(range(10**9))


def event(user: str, event_type: str, hour: float = 1, **fields: object) -> Line:
    at = (START + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")
    event_id = f"e{next(_numbers)}"
    return {
        "event_id": event_id,
        "event_type": event_type,
        "user_id": user,
        "timestamp": at,
        "received_at": at,
    } | fields


def exposure(user: str, group: str | None, hour: float = 0, **fields: object) -> Line:
    named = {} if group is None else {"group_name": group}
    return event(user, "exposure", hour, experiment_name="checkout", config_version=1, **named) | fields


def packed(*lines: Line | str) -> bytes:
    return gzip.compress("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines).encode())


@pytest.fixture
def store() -> InMemoryObjectStore:
    return InMemoryObjectStore()


@pytest.fixture
def summarise(store: InMemoryObjectStore, tmp_path: Path) -> Summarise:
    def run(*lines: Line | str, **changes: object) -> Summary:
        if lines:
            store.put("events/dt=2026-01-10/hour=00/shard-1-9.ndjson.gz", packed(*lines), "application/gzip")
        files = EventFiles(store, tmp_path, verified=False)
        return DuckDBEngine(files, memory_limit_mb=256).summarise(experiment(**changes))

    return run


def clicks(summary: Summary, group: str = "control") -> tuple[int, int]:
    proportion = summary.groups[group].metrics["click_rate"]
    assert isinstance(proportion, Proportion)
    return proportion.successes, proportion.n


def revenue(summary: Summary, group: str = "control") -> Moments:
    moments = summary.groups[group].metrics["revenue"]
    assert isinstance(moments, Moments)
    return moments


def test_without_events_every_group_is_there_and_empty(summarise: Summarise) -> None:
    summary = summarise()
    assert list(summary.groups) == ["control", "treatment"]
    assert clicks(summary) == clicks(summary, "treatment") == (0, 0)
    assert revenue(summary) == Moments(0, 0.0, 0.0)
    assert summary.first_exposure is None


def test_a_unit_converts_once_and_one_without_events_counts_as_zero(summarise: Summarise) -> None:
    summary = summarise(
        exposure("a", "control"),
        exposure("a", "control", 0.5),
        exposure("b", "control"),
        exposure("c", "treatment"),
        event("a", "click"),
        event("a", "click", 2),
        event("a", "revenue", 2, event_value=30),
        event("a", "revenue", 3, event_value=12.5),
    )
    assert clicks(summary) == (1, 2)
    assert clicks(summary, "treatment") == (0, 1)
    assert revenue(summary) == Moments(2, 42.5, 2 * 21.25**2)
    assert revenue(summary, "treatment") == Moments(1, 0.0, 0.0)
    assert (summary.first_exposure, summary.last_exposure) == (START, START)
    assert summary.last_seen == START + timedelta(hours=0.5)


def test_an_event_id_counts_once_across_objects(store: InMemoryObjectStore, summarise: Summarise) -> None:
    sale = event("a", "revenue", event_value=10)
    store.put("events/dt=2026-01-12/hour=05/shard-2-2.ndjson.gz", packed(sale, sale), "application/gzip")
    summary = summarise(exposure("a", "control"), sale)
    assert revenue(summary).total == 10
    assert summary.quality.duplicate_events == 2


def test_ids_that_repeat_are_found_in_whatever_part_they_fall(
    summarise: Summarise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.duckdb_engine._IDS_AT_ONCE", 4)
    sales = [event("a", "revenue", hour, event_value=1) for hour in range(1, 21)]
    summary = summarise(exposure("a", "control"), *sales, *sales)
    assert revenue(summary).total == 20
    assert summary.quality.duplicate_events == 20


@pytest.mark.parametrize(("memory_per_byte", "place"), [(4, "memory"), (10**9, "file")])
def test_tables_are_in_a_file_where_memory_would_not_hold_them(
    summarise: Summarise, monkeypatch: pytest.MonkeyPatch, memory_per_byte: int, place: str
) -> None:
    opened: list[str] = []

    def spying(**options: Any) -> AbstractContextManager[Any]:
        opened.append(options["tables_in"])
        return database(**options)

    monkeypatch.setattr("engine.duckdb_engine.database", spying)
    monkeypatch.setattr("engine.duckdb_engine._MEMORY_PER_BYTE", memory_per_byte)
    sale = event("a", "revenue", event_value=7)
    summary = summarise(exposure("a", "control"), exposure("b", "treatment"), sale, sale, event("b", "click"))
    assert opened == [place]
    assert (revenue(summary).total, clicks(summary, "treatment")) == (7, (1, 1))
    assert summary.quality.duplicate_events == 1


def test_of_two_events_with_one_id_the_first_to_arrive_counts(summarise: Summarise) -> None:
    late, early = event("a", "revenue", 2, event_value=10), event("a", "revenue", 1, event_value=7)
    assert revenue(summarise(exposure("a", "control"), late, early | {"event_id": late["event_id"]})).total == 7


def test_only_events_from_the_first_exposure_on_count_and_a_tie_does(summarise: Summarise) -> None:
    summary = summarise(
        exposure("a", "control", 2),
        exposure("b", "control", 2),
        event("a", "click", 1.99),
        event("b", "click", 2),
    )
    assert clicks(summary) == (1, 2)
    assert summary.quality.events_before_exposure == 1


def test_a_unit_in_two_groups_is_a_crossover_and_in_neither(summarise: Summarise) -> None:
    summary = summarise(
        exposure("a", "control"), exposure("a", "treatment", 1), exposure("b", "control"), event("a", "click", 2)
    )
    assert summary.crossovers == 1
    assert clicks(summary) == (0, 1)
    assert clicks(summary, "treatment") == (0, 0)


def test_only_exposures_in_the_window_count(summarise: Summarise) -> None:
    summary = summarise(
        exposure("early", "control", -0.01),
        exposure("first", "control", 0),
        exposure("last", "control", 23.99),
        exposure("late", "control", 24),
        end_time=START + timedelta(days=1),
    )
    assert summary.groups["control"].n == 2
    assert summary.quality.exposures_outside_window == 2


def test_a_unit_that_was_forced_into_a_group_is_none_of_the_units(summarise: Summarise) -> None:
    forced: dict[str, Any] = {"metadata": {"reason": "forced"}}
    summary = summarise(
        exposure("tester", "treatment", **forced),
        event("tester", "click", experiment_name="checkout"),
        exposure("former tester", "treatment", **forced),
        exposure("former tester", "control", 1, metadata={"reason": "split"}),
        event("former tester", "click", 2),
        exposure("a", "control", metadata={"reason": "split"}),
        event("a", "click", metadata={"reason": "forced"}),
    )
    assert clicks(summary) == (1, 1)
    assert clicks(summary, "treatment") == (0, 0)
    assert summary.crossovers == 0
    assert summary.quality.forced_units == 2
    assert summary.quality.events_of_unexposed_users == 0


def test_only_the_present_configuration_counts_and_exposures_from_elsewhere(summarise: Summarise) -> None:
    elsewhere = event("c", "assignment", experiment_name="checkout", group_name="treatment")
    summary = summarise(
        exposure("a", "control", config_version=1),
        exposure("b", "control", config_version=2),
        elsewhere,
        config_version=2,
    )
    assert (summary.groups["control"].n, summary.groups["treatment"].n) == (1, 1)


def test_events_of_no_experiment_count_and_those_of_another_do_not(summarise: Summarise) -> None:
    summary = summarise(
        exposure("a", "control"),
        exposure("b", "control"),
        exposure("c", "control"),
        event("a", "click"),
        event("b", "click", experiment_name="checkout"),
        event("c", "click", experiment_name="another"),
    )
    assert clicks(summary) == (2, 3)


def test_oddities_are_counted(summarise: Summarise) -> None:
    summary = summarise(
        exposure("a", "control"),
        exposure("b", "no_such_group"),
        exposure("c", None),
        event("stranger", "click", experiment_name="checkout"),
        event("stranger", "click"),
        event("a", "revenue", event_value=1e300),
        event("a", "revenue", event_value="much"),
        event("a", "revenue", event_value=5, added_later={"anything": [1]}),
        "{broken",
        '["no", "event"]',
        '{"event_id": "x", "event_type": "click", "user_id": "a", "timestamp": "yesterday"}',
        event("a", "click", timestamp="infinity"),
    )
    quality = summary.quality
    assert quality.unknown_group_exposures == 2
    assert quality.events_of_unexposed_users == 1
    assert quality.unusable_values == 2
    assert quality.unreadable_lines == 4
    assert quality.unreadable_objects == ()
    assert revenue(summary) == Moments(1, 5.0, 0.0)


def test_an_unreadable_object_is_named_and_the_others_count(store: InMemoryObjectStore, summarise: Summarise) -> None:
    store.put(
        "events/dt=2026-01-11/hour=00/broken.ndjson.gz", packed(exposure("z", "control"))[:-12], "application/gzip"
    )
    summary = summarise(exposure("a", "control"))
    assert summary.quality.unreadable_objects == ("events/dt=2026-01-11/hour=00/broken.ndjson.gz",)
    assert summary.groups["control"].n == 1


def test_an_object_that_no_longer_says_what_was_written_is_named(
    store: InMemoryObjectStore, summarise: Summarise
) -> None:
    body = bytearray(gzip.compress(json.dumps(exposure("z", "control")).encode() + b"\n", compresslevel=0))
    body[body.index(b'"event_type"')] = ord("x")
    store.put("events/dt=2026-01-11/hour=00/changed.ndjson.gz", bytes(body), "application/gzip")
    quality = summarise(exposure("a", "control")).quality
    assert quality.unreadable_objects == ("events/dt=2026-01-11/hour=00/changed.ndjson.gz",)
    assert quality.unreadable_lines == 0


def test_when_no_object_can_be_read_the_summary_is_empty_and_says_so(
    store: InMemoryObjectStore, summarise: Summarise
) -> None:
    store.put("events/dt=2026-01-11/hour=00/broken.ndjson.gz", b"?", "application/gzip")
    summary = summarise()
    assert summary.groups["control"].n == 0
    assert len(summary.quality.unreadable_objects) == 1


def test_a_mean_reads_the_value_or_the_field_that_it_names(summarise: Summarise) -> None:
    metrics = [
        "revenue",
        {"name": "order_value", "kind": "mean", "event_type": "purchase"},
        {"name": "items", "kind": "mean", "event_type": "purchase", "field": "a/b~c"},
        {"name": "$odd \"name'", "kind": "mean", "field": "$odd \"name'"} | {"name": "odd"},
    ]
    summary = summarise(
        exposure("a", "control", metadata={"revenue": 1_000}),
        event("a", "purchase", event_value=20, metadata={"revenue": 3, "a/b~c": 2, "$odd \"name'": 4}),
        event("a", "revenue", event_value=7, metadata={"revenue": 100, "a/b~c": 50}),
        event("a", "visit", event_value=99, metadata={"revenue": "12", "a/b~c": 9}),
        event("a", "visit", metadata={"revenue": True}),
        event("a", "revenue", metadata={"revenue": 0.5}),
        event("a", "prediction", metadata={"revenue": 500}),
        metrics=metrics,
    )
    totals = {
        name: value.total for name, value in summary.groups["control"].metrics.items() if isinstance(value, Moments)
    }
    assert totals == {"revenue": 10.5, "order_value": 20, "items": 2, "odd": 4}


def test_names_are_data_and_never_sql(summarise: Summarise) -> None:
    summary = summarise(
        exposure("a'; DROP TABLE events; --", "control"),
        event("a'; DROP TABLE events; --", "click", metadata={"'; --": 3}),
        metrics=["click_rate", {"name": "quoted", "kind": "mean", "field": "'; --"}],
    )
    assert clicks(summary) == (1, 1)
    assert summary.groups["control"].metrics["quoted"] == Moments(1, 3.0, 0.0)


def test_a_segment_is_told_by_any_single_value_of_the_context_and_else_of_the_metadata(summarise: Summarise) -> None:
    told: dict[str, dict[str, Any]] = {
        "a": {"context": {"plan": "{basic}"}},
        "b": {"context": {"plan": ["basic"]}, "plan": "[pro]"},
        "c": {"context": {"plan": {"name": "basic"}}, "plan": 2},
        "d": {"context": {"plan": None}, "plan": True},
        "e": {"context": {"plan": "pro"}, "plan": "basic"},
        "f": {"plan": {}},
        "g": {"reason": "split"},
    }
    lines = [exposure(user, "control", metadata=metadata) for user, metadata in told.items()]
    summary = summarise(*lines, exposure("h", "control"), metrics=["click_rate"], analysis={"segments": ["plan"]})
    units = {
        value: metrics["click_rate"].n
        for value, metrics in summary.groups["control"].segments["plan"].items()
        if isinstance(metrics["click_rate"], Proportion)
    }
    assert units == {"2": 1, "[pro]": 1, "true": 1, "pro": 1, "{basic}": 1, NO_VALUE: 3}


def test_offsets_are_honoured(summarise: Summarise) -> None:
    elsewhere = exposure("a", "control") | {"timestamp": "2026-01-10T02:30:00+02:00"}
    summary = summarise(elsewhere)
    assert summary.first_exposure == START + timedelta(minutes=30)


def test_daily_series_counts_new_units_and_first_conversions(summarise: Summarise) -> None:
    summary = summarise(
        exposure("a", "control", 1),
        exposure("b", "control", 2),
        exposure("c", "control", 30),
        event("a", "click", 3),
        event("a", "click", 27),
        event("b", "click", 28),
        event("c", "click", 50),
    )
    assert summary.groups["control"].daily == (
        Day(date(2026, 1, 10), 2, 1.0),
        Day(date(2026, 1, 11), 1, 1.0),
        Day(date(2026, 1, 12), 0, 1.0),
    )
    assert summary.groups["treatment"].daily == ()


def test_daily_series_of_a_mean_sums(summarise: Summarise) -> None:
    summary = summarise(
        exposure("a", "control"),
        event("a", "revenue", 3, event_value=4),
        event("a", "revenue", 4, event_value=5),
        event("a", "revenue", 27, event_value=6),
        metrics=["revenue"],
    )
    assert summary.groups["control"].daily == (Day(date(2026, 1, 10), 1, 9.0), Day(date(2026, 1, 11), 0, 6.0))


def test_an_experiment_without_metrics_counts_its_units(summarise: Summarise) -> None:
    summary = summarise(exposure("a", "control"), metrics=[])
    assert summary.groups["control"].n == 1
    assert summary.groups["control"].metrics == {}
    assert summary.groups["control"].daily == (Day(date(2026, 1, 10), 1, 0.0),)


def test_events_from_the_moment_of_the_look_on_do_not_count(store: InMemoryObjectStore, tmp_path: Path) -> None:
    lines = [exposure("a", "control"), event("a", "click", 3), exposure("b", "control", 3)]
    store.put("events/dt=2026-01-10/hour=00/shard-1-9.ndjson.gz", packed(*lines), "application/gzip")
    engine = DuckDBEngine(EventFiles(store, tmp_path), memory_limit_mb=256)
    look = datetime.fromisoformat(lines[1]["timestamp"])
    assert clicks(engine.summarise(experiment(), look)) == (0, 1)
    assert clicks(engine.summarise(experiment(), look + timedelta(microseconds=1))) == (1, 2)


def test_nothing_cancels_in_large_values(summarise: Summarise) -> None:
    lines = [
        line
        for number in range(300)
        for line in (
            exposure(f"u{number}", "control"),
            event(f"u{number}", "revenue", event_value=1e9 + number % 3),
            exposure(f"o{number}", "treatment"),
            event(f"o{number}", "revenue", event_value=1e12 if number == 0 else 1.0),
        )
    ]
    summary = summarise(*lines)
    values = Moments.of(1e9 + number % 3 for number in range(300))
    assert revenue(summary).total == values.total
    # A running mean near 1e9 holds seven digits of a spread of 1; sums of squares would hold none.
    assert revenue(summary).m2 == pytest.approx(values.m2, rel=1e-6)
    outlier = Moments.of([1e12, *[1.0] * 299])
    assert revenue(summary, "treatment").total == outlier.total
    assert revenue(summary, "treatment").m2 == pytest.approx(outlier.m2, rel=1e-12)
