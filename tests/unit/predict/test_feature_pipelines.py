"""Feature pipelines before models, and what is counted of features."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from bakeoff_core.errors import InvalidInput, ModelUnavailable
from feature_usage import FeatureUsage
from tests import onnx_models

ENGINEERED = [{"name": "a", "type": "float"}, {"name": "b", "type": "float"}]


def tenfold() -> bytes:
    """x = 10 raw, over a matrix [n, 2]."""
    return onnx_models.graph(
        [helper.make_node("Mul", ["raw", "ten"], ["x"])],
        [onnx_models.tensor("raw", TensorProto.FLOAT, "n", 2)],
        [onnx_models.tensor("x", TensorProto.FLOAT, "n", 2)],
        [helper.make_tensor("ten", TensorProto.FLOAT, [], [10.0])],
    )


def chained(make_house: Callable[..., Any], **pipeline: Any) -> Any:
    house = make_house()
    house.publish_graph(
        "steps:v1",
        tenfold(),
        [{"name": "low", "type": "float"}, {"name": "high", "type": "float", "default": 1}],
        {"low": 1, "high": 2},
        [10.0, 20.0],
        output_schema={"prediction": "x"},
        **pipeline,
    )
    house.publish_graph("sum:v1", onnx_models.linear(), ENGINEERED, {"a": 1, "b": 2}, 5.0, feature_pipeline="steps:v1")
    return house


def test_data_go_through_the_pipeline_and_features_around_it(make_house: Callable[..., Any]) -> None:
    house = chained(make_house)
    assert house.server.predict("sum", "v1", {"low": 1, "high": 2}, "data").prediction.prediction == 50.0
    assert house.server.predict("sum", "v1", {"low": 1}, "data").prediction.prediction == 30.0
    answer = house.server.predict("sum", "v1", {"a": 1, "b": 2}, "features", engineered=True)
    assert answer.prediction.prediction == 5.0
    with pytest.raises(InvalidInput, match=r"data\.a: is not a feature of the model; data\.low: is missing"):
        house.server.predict("sum", "v1", {"a": 1}, "data")
    batch = house.server.predict_batch("sum", "v1", [[1, 2], [0, 0], ["x"]], "data")
    assert [getattr(outcome, "prediction", None) for outcome in batch.outcomes] == [50.0, 0.0, None]


def test_tensors_go_through_the_pipeline(make_house: Callable[..., Any]) -> None:
    house = chained(make_house)
    description = house.server.describe("sum", "v1")
    assert [each.name for each in (*description.inputs, *description.outputs)] == ["raw", "y"]
    answer = house.server.infer("sum", "v1", {"raw": np.array([[1, 2]], np.float32)}, None)
    assert answer.tensors["y"].tolist() == [[50.0]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda house: house.registry._versions.pop(("steps", "v1")),
            "its feature pipeline steps:v1 is not registered",
        ),
        (
            lambda house: house.registry.set_status("steps", "v1", "offline"),
            "its feature pipeline steps:v1 is offline",
        ),
        (
            lambda house: house.objects.put("models/steps/v1/model.onnx", b"x", "application/octet-stream"),
            "the artefact's checksum is not the registered one",
        ),
    ],
)
def test_pipeline_that_cannot_serve_is_named(make_house: Callable[..., Any], change: Any, reason: str) -> None:
    house = chained(make_house)
    change(house)
    with pytest.raises(ModelUnavailable, match=f"model sum:v1 is unavailable: {reason}"):
        house.server.predict("sum", "v1", [1, 2], "data")


def register_linear(house: Any, **changes: Any) -> None:
    """Register what publishing would refuse."""
    probe = {"features": {"a": 1, "b": 2}, "prediction": 5.0}
    house.register("sum:v2", onnx_models.linear(), ENGINEERED, probe=probe, **changes)


def test_pipeline_has_none_of_its_own(make_house: Callable[..., Any]) -> None:
    house = chained(make_house)
    register_linear(house, feature_pipeline="sum:v1")
    with pytest.raises(ModelUnavailable, match="its feature pipeline sum:v1 has one of its own"):
        house.server.predict("sum", "v2", [1, 2], "data")


def test_pipeline_that_does_not_fit_is_refused(make_house: Callable[..., Any]) -> None:
    house = make_house()
    house.publish_graph("steps:v1", onnx_models.echo(TensorProto.FLOAT), ENGINEERED[:1], {"a": 1}, 1.0)
    register_linear(house, feature_pipeline="steps:v1")
    with pytest.raises(ModelUnavailable, match="the feature pipeline's probe row fails in the model"):
        house.server.predict("sum", "v2", [1], "data")
    assert house.registry.get("sum", "v2").status == "unhealthy"


def test_reload_fetches_both_anew(make_house: Callable[..., Any]) -> None:
    house = chained(make_house)
    house.server.predict("sum", "v1", [1, 2], "data")
    fetched: list[str] = []
    get = house.objects.get

    def note_and_get(key: str) -> bytes:
        fetched.append(key)
        return get(key)  # type: ignore[no-any-return] # bytes

    house.objects.get = note_and_get
    assert house.server.reload(house.registry.get("sum", "v1")).status == "ready"
    assert sorted(fetched) == ["models/steps/v1/model.onnx", "models/sum/v1/model.onnx"]


def test_feature_usage_is_written_once_an_interval(
    make_house: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    house = chained(make_house)
    house.server._usage = FeatureUsage(lambda: now, 60)
    house.server.predict("sum", "v1", {"low": 1, "high": 2}, "data")
    house.server.predict("sum", "v1", {"low": 1}, "data")
    with pytest.raises(InvalidInput):
        house.server.predict("sum", "v1", {"low": "x"}, "data")
    assert "feature_usage_total" not in capsys.readouterr().out
    now = 60.0
    house.server.predict("sum", "v1", {"a": 1, "b": 2}, "features", engineered=True)
    lines = [line for line in capsys.readouterr().out.splitlines() if '"Name":"feature_usage_total"' in line]
    counted = {
        tuple(line.split(f'"{key}":"')[1].split('"')[0] for key in ("feature", "outcome")): float(
            line.split('"feature_usage_total":[')[1].split("]")[0]
        )
        for line in lines
    }
    # The first row was the pipeline's probe, at load; the model's own was another.
    assert counted[("low", "given")] == 3
    assert counted[("low", "wrong_type")] == 1
    assert counted[("high", "missing")] == 2
    assert counted[("a", "given")] == 2
    house.server.predict("sum", "v1", {"low": 1}, "data")
    assert "feature_usage_total" not in capsys.readouterr().out
    assert all('"model_name":"sum"' in line and '"version":"v1"' in line for line in lines)
