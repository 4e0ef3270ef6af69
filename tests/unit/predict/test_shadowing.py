"""Shadow models predict beside the others, and cost them nothing."""

import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from bakeoff_core.errors import InvalidInput
from tests import onnx_models

SUM = [{"name": "a", "type": "float"}, {"name": "b", "type": "float"}]
SHADOWED = {"model_name": "sum", "model_version": "v1", "shadow_model_name": "sum", "shadow_model_version": "v2"}
SHADOWED_AT_0 = {"name": "b", "weight": 0} | SHADOWED


def shadowed(make_house: Callable[..., Any], shadow: str = "v2", **settings: Any) -> Any:
    house = make_house(**settings)
    for version in ("v1", "v2"):
        # Of different bytes, or the one would find the other's artefact on the disk.
        artefact = onnx_models.linear(batch=f"rows_of_{version}")
        house.publish_graph(f"sum:{version}", artefact, SUM, {"a": 1, "b": 2}, 5.0)
    house.register("sum:broken", b"no model", SUM)
    house.experiment(
        {"name": "control", "weight": 0, "model_name": "sum", "model_version": "v1"},
        {"name": "treatment", "weight": 1} | SHADOWED | {"shadow_model_version": shadow},
    )
    return house


def predict(house: Any, features: Any = (1, 2)) -> Any:
    assignment = house.assigner.assign("ranking", "user-1", {})
    chosen = house.predict_for(assignment, list(features))
    house.log.in_experiment(chosen, list(features), "r-1", assignment, {})
    return chosen


def outcomes(written: str) -> list[str]:
    return [
        line.split('"outcome":"')[1].split('"')[0] for line in written.splitlines() if '"Name":"shadow_total"' in line
    ]


def test_both_predictions_are_recorded(make_house: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    house = shadowed(make_house)
    chosen = predict(house)
    assert (chosen.answer.model.version, chosen.answer.prediction.prediction) == ("v1", 5.0)
    _, event = house.stream.events
    assert (event.model_version, event.metadata["prediction"]) == ("v1", 5.0)
    shadow = event.metadata["shadow"]
    assert shadow.pop("latency_ms") > 0
    assert shadow == {"model_name": "sum", "model_version": "v2", "prediction": 5.0, "probabilities": None}
    assert outcomes(capsys.readouterr().out) == ["made"]


def test_group_without_a_shadow_records_none(make_house: Callable[..., Any]) -> None:
    house = shadowed(make_house)
    house.experiment(
        {"name": "a", "weight": 1, "model_name": "sum", "model_version": "v1"}, SHADOWED_AT_0, name="plain"
    )
    assignment = house.assigner.assign("plain", "user-1", {})
    assert house.predict_for(assignment, [1, 2]).shadow is None


def test_unit_outside_the_experiment_starts_no_shadow(make_house: Callable[..., Any]) -> None:
    house = shadowed(make_house)
    house.experiment(SHADOWED_AT_0 | {"weight": 1}, SHADOWED_AT_0 | {"name": "c"}, name="unsampled", sample_rate=0)
    chosen = house.predict_for(house.assigner.assign("unsampled", "user-1", {}), [1, 2])
    assert (chosen.answer.model.version, chosen.shadow) == ("v1", None)


@pytest.mark.parametrize(
    ("shadow", "reason"),
    [
        ("broken", "model sum:broken is unavailable: the artefact is not an ONNX model that this runtime can run"),
        ("v9", "model_name: no model 'sum' with version or alias 'v9' is registered"),
    ],
)
def test_failing_shadow_changes_no_answer(
    make_house: Callable[..., Any], capsys: pytest.CaptureFixture[str], shadow: str, reason: str
) -> None:
    house = shadowed(make_house, shadow)
    chosen = predict(house)
    assert (chosen.answer.prediction.prediction, chosen.fallback) == (5.0, False)
    _, event = house.stream.events
    assert event.metadata["shadow"] == {"model_name": "sum", "model_version": shadow, "error": reason}
    assert outcomes(capsys.readouterr().out) == ["failed"]


def test_slow_shadow_is_given_up_and_serves_later(
    make_house: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    house = shadowed(make_house, shadow_budget_seconds=0.2)
    get, go_on = house.objects.get, Event()

    def slow_for_v2(key: str) -> bytes:
        if "/v2/" in key:
            go_on.wait(10)
        return get(key)  # type: ignore[no-any-return] # bytes

    house.objects.get = slow_for_v2
    started = time.perf_counter()
    chosen = predict(house)
    assert time.perf_counter() - started < 1
    assert chosen.answer.prediction.prediction == 5.0
    assert chosen.shadow == {
        "model_name": "sum",
        "model_version": "v2",
        "error": "it did not answer within the time budget",
    }
    assert outcomes(capsys.readouterr().out) == ["too_slow"]
    go_on.set()
    for _ in range(100):
        if len(house.loader._models._entries) == 2 and all(
            not entry.leases for entry in house.loader._models._entries.values()
        ):
            break
        Event().wait(0.02)
    assert "error" not in predict(house).shadow


def test_shadows_that_hang_are_not_started_for_ever(make_house: Callable[..., Any]) -> None:
    house = shadowed(make_house, shadow_budget_seconds=0.02, timeout_seconds=30)
    get, go_on = house.objects.get, Event()

    def hang_for_v2(key: str) -> bytes:
        if "/v2/" in key:
            go_on.wait(10)
        return get(key)  # type: ignore[no-any-return] # bytes

    house.objects.get = hang_for_v2
    errors = [predict(house).shadow["error"] for _ in range(6)]
    assert (
        errors
        == ["it did not answer within the time budget"] * 4
        + ["earlier predictions of shadow models are still under way"] * 2
    )
    go_on.set()


def test_wrong_features_are_the_callers_error_whatever_the_shadow_says(make_house: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInput):
        predict(shadowed(make_house), [1])
