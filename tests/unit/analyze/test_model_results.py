from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from bakeoff_core.errors import DependencyUnavailable, ModelNotFound
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.models import InMemoryModelRegistry, ModelVersion
from engine.predictions import DayOfPredictions, FindReference, ModelUse, Reference, ShadowUse, Variable
from model_documents import DayOfUse
from model_results import model_results, read_reference
from stats.difference import Undefined
from tests.support import NOON, experiment

METADATA: dict[str, Any] = {
    "input_schema": {
        "features": [
            {"name": "age", "type": "float", "default": 35.0},
            {"name": "member", "type": "bool", "default": True},
            {"name": "vector", "type": "float", "shape": [3]},
        ]
    },
    "training_sample": {
        "rows": 300,
        "features": {
            "age": {"kind": "number", "cuts": [30.0, 40.0], "counts": [100, 100, 100]},
            "member": {"kind": "text", "texts": ["true", "false"], "counts": [200, 100, 0]},
        },
        "scores": {"probability": {"kind": "number", "cuts": [0.5], "counts": [150, 150]}},
    },
}
AGE = Variable("feature", "age", (30.0, 40.0), None, (100, 100, 100), "35.0")
MEMBER = Variable("feature", "member", None, ("true", "false"), (200, 100, 0), "true")
PROBABILITY = Variable("probability", "probability", (0.5,), None, (150, 150))


class EngineFake:
    def __init__(self, **counts: Any) -> None:
        self.counts = {AGE: counts.get("age"), MEMBER: counts.get("member")}

    def predictions(self, experiment: Experiment, find: FindReference, as_of: datetime | None = None) -> list[ModelUse]:
        known = find("m", "v1") is not None
        counts = {variable: days for variable, days in self.counts.items() if days} if known else {}
        shadows = (ShadowUse("n", "v2", 20, 10, 15, 0.1, (1.0, 2.0, 3.0)), ShadowUse("n", None, 0, 1, 0, None, None))
        return [ModelUse("a", "m", "v1", 30, 2, (1.0, 2.0, 3.0), NOON, NOON, counts, shadows)]


def with_models() -> Experiment:
    groups = [{"name": name, "weight": 1, "model_name": "m", "model_version": "v1"} for name in ("a", "b")]
    return experiment(groups=groups)


def registry(**metadata: Any) -> InMemoryModelRegistry:
    found = InMemoryModelRegistry()
    found.register(
        ModelVersion(
            name="m",
            version="v1",
            status="ready",
            sha256="ab",
            size_bytes=1,
            registered_at=NOON,
            metadata=METADATA | metadata,
        )
    )
    return found


def test_a_reference_is_read_from_metadata() -> None:
    assert read_reference(METADATA) == Reference(("age", "member", "vector"), (AGE, MEMBER, PROBABILITY))


def test_drift_is_measured_by_variable_and_day_the_farthest_first() -> None:
    engine = EngineFake(
        age={date(2026, 3, 2): (0, 0, 300), date(2026, 3, 1): (100, 100, 100)},
        member={date(2026, 3, 1): (400, 200, 0)},
    )
    (result,) = model_results(engine, with_models(), registry())
    assert (result.group, result.model_version, result.predictions, result.fallbacks) == ("a", "v1", 30, 2)
    assert result.latency_ms is not None
    assert result.latency_ms.p95 == 2.0
    age, member = result.drift
    assert (age.variable, age.values, age.counts, age.reference) == ("age", 600, (100, 100, 400), (100, 100, 100))
    assert age.level == "large"
    assert age.ks == pytest.approx(1 / 3)
    assert age.ks_p_value == pytest.approx(0, abs=1e-15)
    assert [(day.date.day, day.psi == 0) for day in age.daily] == [(1, True), (2, False)]
    assert (member.variable, member.level, member.ks) == ("member", "stable", None)
    assert member.texts == ("true", "false")
    assert result.model_dump(mode="json")["drift"][0]["daily"][0]["date"] == "2026-03-01"


class ModelsFake:
    def __init__(self, get: Callable[[str, str], ModelVersion]) -> None:
        self.get = get


def test_shadows_are_described_by_their_share_of_the_same_predictions() -> None:
    (result,) = model_results(EngineFake(), with_models(), registry())
    compared, failed = result.shadows
    assert (compared.model_version, compared.same, compared.mean_difference, compared.failed) == ("v2", 0.75, 0.1, 10)
    assert (failed.same, failed.latency_ms) == (None, None)


def missing(_name: str, _version: str) -> ModelVersion:
    raise ModelNotFound("m", "v1")


def silent(_name: str, _version: str) -> ModelVersion:
    raise DependencyUnavailable("the model registry")


@pytest.mark.parametrize(
    ("get", "reason"),
    [
        (missing, "the version is not registered any more"),
        (silent, "the model registry is unavailable at the moment"),
        (registry(training_sample=None).get, "the version was published without a training sample"),
        (registry().get, "no prediction holds a value of the training sample's variables"),
    ],
)
def test_where_no_drift_is_known_it_says_why(get: Callable[[str, str], ModelVersion], reason: str) -> None:
    (result,) = model_results(EngineFake(), with_models(), ModelsFake(get))
    assert (result.predictions, result.drift, result.reason) == (30, (), reason)


def test_behind_a_feature_pipeline_features_are_those_that_the_pipeline_takes() -> None:
    models = registry(feature_pipeline="raw:v7", input_schema={"features": [{"name": "scaled", "type": "float"}]})
    models.register(models.get("m", "v1").model_copy(update={"name": "raw", "version": "v7", "metadata": METADATA}))
    found: list[Reference | None] = []

    class Engine(EngineFake):
        def predictions(
            self, experiment: Experiment, find: FindReference, as_of: datetime | None = None
        ) -> list[ModelUse]:
            found.append(find("m", "v1"))
            return []

    assert model_results(Engine(), with_models(), models) == ()
    assert found == [Reference(("age", "member", "vector"), (AGE, MEMBER, PROBABILITY))]


def test_a_variable_with_one_value_has_no_index() -> None:
    constant = {**METADATA["training_sample"], "features": {"age": {"kind": "number", "cuts": [], "counts": [300]}}}
    reference = read_reference(METADATA | {"training_sample": constant})
    assert not isinstance(reference, Undefined)
    engine = EngineFake()
    engine.counts = {reference.variables[0]: {date(2026, 3, 1): (30,)}}
    (result,) = model_results(engine, with_models(), registry())
    assert (result.drift[0].psi, result.drift[0].reason) == (None, "the training sample has one value only")


def test_an_experiment_without_models_and_an_engine_without_predictions_have_none() -> None:
    assert model_results(EngineFake(), experiment(), registry()) == ()
    assert model_results(object(), with_models(), registry()) == ()


def test_days_tell_latencies_and_how_often_the_groups_own_model_failed() -> None:
    first, second, third = (date(2026, 3, day) for day in (1, 2, 3))

    def use(group: str | None, version: str, **days: DayOfPredictions) -> ModelUse:
        by_day = {date(2026, 3, int(day[1:])): each for day, each in days.items()}
        made, stood_in = (sum(getattr(each, name) for each in days.values()) for name in ("predictions", "fallbacks"))
        return ModelUse(group, "m", version, made, stood_in, None, NOON, NOON, {}, (), by_day)

    class Engine:
        def predictions(self, experiment: Experiment, find: FindReference, as_of: datetime | None = None) -> Any:
            assert as_of == NOON + timedelta(days=3)
            return [
                use(None, "v1", d1=DayOfPredictions(5, 0, (1.0, 2.0))),
                use("a", "v1", d1=DayOfPredictions(50, 0, (1.0, 2.0))),
                use("b", "v1", d2=DayOfPredictions(4, 4, (1.5, 3.0)), d3=DayOfPredictions(1, 1, None)),
                use("b", "v2", d1=DayOfPredictions(40, 0, (2.0, 9.0)), d2=DayOfPredictions(6, 0, None)),
            ]

    groups = [{"name": name, "weight": 1, "model_name": "m", "model_version": "v1"} for name in ("a", "b")]
    groups[1]["model_version"] = "v2"
    results = model_results(Engine(), experiment(groups=groups), registry(), NOON + timedelta(days=3))
    nobody, control, stood_in, own = (result.daily for result in results)
    assert nobody == (DayOfUse(date=first, predictions=5, p50_ms=1, p95_ms=2),)
    assert control == (DayOfUse(date=first, predictions=50, p50_ms=1, p95_ms=2),)
    assert stood_in == (
        DayOfUse(date=second, predictions=4, fallbacks=4, p50_ms=1.5, p95_ms=3),
        DayOfUse(date=third, predictions=1, fallbacks=1),
    )
    assert own == (
        DayOfUse(date=first, predictions=40, p50_ms=2, p95_ms=9),
        DayOfUse(date=second, predictions=6, errors=4),
        DayOfUse(date=third, predictions=0, errors=1),
    )
