"""Predictions to counts, against the same counted in plain Python."""

import gzip
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff_core.experiments.model import Experiment
from bakeoff_core.lake.database import show_lines
from bakeoff_core.lake.files import EventFiles
from bakeoff_core.stores.objects import InMemoryObjectStore
from engine.duckdb_engine import DuckDBEngine
from engine.predictions import ModelUse, Reference, ShadowUse, Variable

START = datetime(2026, 1, 10, tzinfo=UTC)
AGE = Variable("feature", "age", cuts=(30.0, 40.0), texts=None, counts=(1, 1, 1), default="35")
CITY = Variable("feature", "a/c~ity", cuts=None, texts=("Graz", "Wien"), counts=(1, 1, 1))
MEMBER = Variable("feature", "member", cuts=None, texts=("true", "false"), counts=(1, 1, 0))
LABEL = Variable("prediction", "prediction", cuts=(0.5,), texts=None, counts=(1, 1))
PROBABILITY = Variable("probability", "probability", cuts=(0.25, 0.5, 0.75), texts=None, counts=(1, 1, 1, 1))
REFERENCE = Reference(("age", "unused", "a/c~ity", "member"), (AGE, CITY, MEMBER, LABEL, PROBABILITY))


def experiment(**changes: Any) -> Experiment:
    groups = [{"name": name, "weight": 1, "model_name": "m", "model_version": "v1"} for name in ("a", "b")]
    document: dict[str, Any] = {
        "name": "checkout",
        "start_time": START,
        "groups": groups,
        "created_at": START,
        "updated_at": START,
    }
    return Experiment.model_validate(document | changes)


_numbers = iter(range(10**9))


def prediction(features: Any, *, hour: float = 1, version: str = "v1", group: str | None = "a", **more: Any) -> Any:
    at = (START + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")
    metadata = {"features": features, "prediction": 1, "probabilities": [0.4, 0.6], "latency_ms": 2.0}
    line = {
        "event_id": f"e{next(_numbers)}",
        "event_type": "prediction",
        "user_id": "u",
        "timestamp": at,
        "received_at": at,
        "experiment_name": "checkout",
        "config_version": 1,
        "model_name": "m",
        "model_version": version,
        "metadata": metadata | more.pop("metadata", {}),
    }
    return line | ({} if group is None else {"group_name": group}) | more


def packed(*lines: Any) -> bytes:
    return gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())


def count(
    folder: Path,
    lines: list[Any],
    reference: Reference | None = REFERENCE,
    as_of: datetime | None = None,
    **changes: Any,
) -> list[ModelUse]:
    objects = InMemoryObjectStore()
    objects.put("events/dt=2026-01-10/hour=00/shard-1-2.ndjson.gz", packed(*lines), "application/gzip")
    engine = DuckDBEngine(EventFiles(objects, folder), memory_limit_mb=256, threads=1)
    return engine.predictions(experiment(**changes), lambda _name, _version: reference, as_of)


def test_values_fall_into_the_bins_of_the_training_sample(tmp_path: Path) -> None:
    lines = [
        prediction({"age": 30, "a/c~ity": "Graz", "member": True}),
        prediction({"age": 30.5, "a/c~ity": "Linz", "member": False}, metadata={"probabilities": [0.2, 0.3, 0.5]}),
        prediction([41, 0, "Wien", True], hour=30, metadata={"prediction": 0, "probabilities": None}),
        prediction({"age": None, "a/c~ity": None}, metadata={"latency_ms": 10.0, "fallback": True}),
        prediction({"age": "old", "a/c~ity": "Wien"}, metadata={"prediction": "yes"}),
    ]
    (use,) = count(tmp_path, lines)
    first, second = date(2026, 1, 10), date(2026, 1, 11)
    assert (use.group, use.model_name, use.model_version) == ("a", "m", "v1")
    assert (use.predictions, use.fallbacks) == (5, 1)
    assert use.latency_ms == pytest.approx((2.0, 8.4, 9.68))
    assert (use.first, use.last) == (START + timedelta(hours=1), START + timedelta(hours=30))
    assert use.counts == {
        AGE: {first: (1, 2, 0), second: (0, 0, 1)},
        CITY: {first: (1, 1, 1), second: (0, 1, 0)},
        MEMBER: {first: (1, 1, 0), second: (1, 0, 0)},
        LABEL: {first: (0, 3), second: (1, 0)},
        PROBABILITY: {first: (0, 1, 3, 0)},
    }


def test_each_prediction_of_the_experiment_counts_once(tmp_path: Path) -> None:
    once = prediction({"age": 1})
    lines = [
        once,
        once,
        prediction({"age": 1}, experiment_name="another"),
        prediction({"age": 1}, config_version=2),
        prediction({"age": 1}, hour=-1),
        prediction({"age": 1}, hour=50),
        prediction({"age": 1}, event_type="click"),
        "no event",
    ]
    (use,) = count(tmp_path, lines, end_time=START + timedelta(hours=48))
    assert use.predictions == 1
    assert use.counts[AGE] == {date(2026, 1, 10): (1, 0, 0)}


def test_days_have_counts_and_latencies_until_the_moment(tmp_path: Path) -> None:
    lines = [
        *(prediction({}, hour=hour, metadata={"latency_ms": hour}) for hour in (1, 2, 3)),
        prediction({}, hour=26, metadata={"latency_ms": "slow", "fallback": True}),
        prediction({}, hour=30, metadata={"latency_ms": 5}),
        prediction({}, hour=31),
    ]
    (use,) = count(tmp_path, lines, as_of=START + timedelta(hours=31))
    assert list(use.days) == [date(2026, 1, 10), date(2026, 1, 11)]
    first, second = use.days.values()
    assert (first.predictions, first.fallbacks) == (3, 0)
    assert first.latency_ms == pytest.approx((2.0, 2.9))
    assert (second.predictions, second.fallbacks, second.latency_ms) == (2, 1, (5.0, 5.0))
    assert use.predictions == 5
    (earlier,) = count(tmp_path, lines, end_time=START + timedelta(hours=2.5), as_of=START + timedelta(hours=31))
    assert earlier.predictions == 2


def test_shadows_are_compared_with_the_answers_that_they_stood_beside(tmp_path: Path) -> None:
    def beside(version: str | None, **made: Any) -> Any:
        shadow = {"model_name": "n", "model_version": version} | made
        return prediction({"age": 1}, metadata={"shadow": shadow})

    made: dict[str, Any] = {"prediction": 1, "probabilities": [0.3, 0.7], "latency_ms": 4.0}
    lines = [
        beside("v2", **made),
        beside("v2", **made | {"prediction": 0, "probabilities": [0.6, 0.4], "latency_ms": 8.0}),
        beside("champion", error="it did not answer within the time budget"),
        prediction({"age": 1}),
    ]
    (use,) = count(tmp_path, lines)
    assert use.predictions == 4
    failed, compared = use.shadows
    assert failed == ShadowUse("n", "champion", 0, 1, 0, None, None)
    assert (compared.model_version, compared.compared, compared.failed, compared.same) == ("v2", 2, 0, 1)
    assert compared.mean_difference == pytest.approx(0.15)
    assert compared.latency_ms == pytest.approx((6.0, 7.8, 7.96))


def test_numbers_without_probabilities_are_compared_themselves(tmp_path: Path) -> None:
    shadow = {"model_name": "n", "model_version": "v2", "prediction": 12.5, "probabilities": None}
    line = prediction({"age": 1}, metadata={"prediction": 10.0, "probabilities": None, "shadow": shadow})
    (use,) = count(tmp_path, [line])
    assert use.shadows == (ShadowUse("n", "v2", 1, 0, 0, 2.5, None),)


def test_groups_and_versions_are_apart(tmp_path: Path) -> None:
    lines = [
        prediction({"age": 1}, group=group, version=version) for group in ("a", "b", None) for version in ("v1", "v2")
    ]
    uses = count(tmp_path, lines)
    assert {(use.group, use.model_version) for use in uses} == {
        (group, version) for group in ("a", "b", None) for version in ("v1", "v2")
    }
    assert all(use.predictions == 1 and use.counts[AGE] for use in uses)


def test_without_a_reference_predictions_are_counted_only(tmp_path: Path) -> None:
    (use,) = count(tmp_path, [prediction({"age": 1}, metadata={"latency_ms": None})], None)
    assert (use.predictions, use.latency_ms, use.counts) == (1, None, {})


def test_predictions_after_a_summary_are_of_the_objects_that_it_read(tmp_path: Path) -> None:
    objects = InMemoryObjectStore()
    objects.put("events/dt=2026-01-10/hour=00/a.ndjson.gz", packed(prediction({"age": 1})), "application/gzip")
    broken = packed(prediction({"age": 1}), *[prediction({"age": 2})] * 100)[:-30]
    objects.put("events/dt=2026-01-10/hour=00/broken.ndjson.gz", broken, "application/gzip")
    engine = DuckDBEngine(EventFiles(objects, tmp_path, verified=False), memory_limit_mb=256, threads=1)
    looked_at, another = experiment(), experiment()
    quality = engine.summarise(looked_at).quality
    objects.put("events/dt=2026-01-10/hour=00/late.ndjson.gz", packed(prediction({"age": 1})), "application/gzip")
    found = [
        sum(use.predictions for use in engine.predictions(each, lambda *_: REFERENCE)) for each in (looked_at, another)
    ]
    assert quality.unreadable_objects == ("events/dt=2026-01-10/hour=00/broken.ndjson.gz",)
    assert found == [1, 2]


def test_predictions_are_not_looked_for_where_only_a_covariate_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = InMemoryObjectStore()
    for day in ("05", "10"):
        key = f"events/dt=2026-01-{day}/hour=00/a.ndjson.gz"
        objects.put(key, packed(prediction({"age": 1})), "application/gzip")
    shown: list[int] = []

    def spying(connection: Any, form: Any, files: Any) -> None:
        shown.append(len(files))
        show_lines(connection, form, files)

    monkeypatch.setattr("engine.predictions.show_lines", spying)
    engine = DuckDBEngine(EventFiles(objects, tmp_path), memory_limit_mb=256, threads=1)
    revenue = {"name": "revenue", "kind": "mean", "event_type": "revenue", "covariate": {"days": 14}}
    looked_at = experiment(metrics=[revenue])
    engine.summarise(looked_at)
    engine.predictions(looked_at, lambda *_: REFERENCE)
    assert shown == [1]


def test_no_events_are_no_predictions(tmp_path: Path) -> None:
    assert DuckDBEngine(EventFiles(InMemoryObjectStore(), tmp_path)).predictions(experiment(), lambda *_: None) == []


def test_many_predictions_equal_the_same_counted_in_python(tmp_path: Path) -> None:
    drawn = np.random.default_rng(3).normal(35, 10, 500).round(1).tolist()
    ages = [None if index % 7 == 0 else int(age) if index % 3 == 0 else age for index, age in enumerate(drawn)]
    (use,) = count(tmp_path, [prediction({"age": age}) for age in ages])
    expected = Counter(int(np.searchsorted([30.0, 40.0], 35.0 if age is None else age)) for age in ages)
    assert use.counts[AGE] == {date(2026, 1, 10): tuple(expected[bin_] for bin_ in range(3))}
