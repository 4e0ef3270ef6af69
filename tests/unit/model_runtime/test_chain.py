"""A feature pipeline before a model."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from model_runtime.chain import chain
from model_runtime.errors import ModelRefused
from model_runtime.model import Model
from model_runtime.outputs import Prediction


def scaler(onnx_models: Any, output: str, kind: int = TensorProto.FLOAT, batch: int | str = "n") -> bytes:
    """Ten times the difference of two features, and that difference: a matrix [n, 2]."""
    return onnx_models.graph(  # type: ignore[no-any-return]
        [
            helper.make_node("Sub", ["high", "low"], ["d"]),
            helper.make_node("Concat", ["d", "d"], ["c"], axis=1),
            helper.make_node("Mul", ["c", "w"], [output]),
        ],
        [onnx_models.tensor("low", kind, batch, 1), onnx_models.tensor("high", kind, batch, 1)],
        [onnx_models.tensor(output, kind, batch, 2)],
        [helper.make_tensor("w", kind, [2], [10.0, 1.0])],
    )


def pipeline(onnx_models: Any, output: str = "scaled", **options: Any) -> Model:
    return onnx_models.model(  # type: ignore[no-any-return]
        scaler(onnx_models, output, **options),
        {"low": "float", "high": "float"},
        output_schema={"prediction": output},
        probe={"features": {"low": 1, "high": 3}, "prediction": [20.0, 2.0]},
    )


def linear(onnx_models: Any, **options: Any) -> Model:
    return onnx_models.model(onnx_models.linear(**options), {"a": "float", "b": "float"})  # type: ignore[no-any-return]


@pytest.mark.parametrize("output", ["x", "scaled"])
def test_outputs_feed_inputs_by_name_or_as_the_only_ones(onnx_models: Any, output: str) -> None:
    chained = chain(pipeline(onnx_models, output), linear(onnx_models))
    assert chained.predict({"low": 1, "high": 3}) == Prediction(24.0, None)
    assert chained.predict_batch([[0, 1], [0, 2]]) == [Prediction(12.0, None), Prediction(24.0, None)]


def test_whole_tensors_go_through_both(onnx_models: Any) -> None:
    chained = chain(pipeline(onnx_models), linear(onnx_models))
    assert [tensor.name for tensor in (*chained.inputs, *chained.outputs)] == ["low", "high", "y"]
    ones = np.ones((2, 1), np.float32)
    assert chained.infer({"low": ones, "high": ones * 2})["y"].tolist() == [[12.0], [12.0]]


def test_fixed_batch_size_of_the_model_holds_for_both(onnx_models: Any) -> None:
    chained = chain(pipeline(onnx_models), linear(onnx_models, batch=2))
    outcomes = chained.predict_batch([[0, n] for n in range(5)])
    assert outcomes == [Prediction(12.0 * n, None) for n in range(5)]


def test_what_does_not_fit_is_refused(onnx_models: Any) -> None:
    with pytest.raises(ModelRefused, match="gives scaled as a tensor\\(double\\), and the model takes a tensor"):
        chain(pipeline(onnx_models, kind=TensorProto.DOUBLE), linear(onnx_models))
    with pytest.raises(ModelRefused, match="gives y, and the model takes high, low"):
        chain(linear(onnx_models), pipeline(onnx_models))
    with pytest.raises(ModelRefused, match="different fixed batch sizes"):
        chain(pipeline(onnx_models, batch=3), linear(onnx_models, batch=2))
    narrow = onnx_models.model(
        onnx_models.graph(
            [helper.make_node("Identity", ["x"], ["y"])],
            [onnx_models.tensor("x", TensorProto.FLOAT, "n", 3)],
            [onnx_models.tensor("y", TensorProto.FLOAT, "n", 3)],
        ),
        {"a": "float", "b": "float", "c": "float"},
    )
    with pytest.raises(ModelRefused, match="probe row fails in the model: the model failed"):
        chain(pipeline(onnx_models), narrow)
