"""The model that prediction is measured with: y = w x over 100 features."""

from collections.abc import Sequence
from random import Random
from typing import Any

from onnx import TensorProto, helper

FEATURES = 100
NAMES = [f"feature_{number:03}" for number in range(FEATURES)]


def linear_model(random: Random) -> tuple[bytes, list[float]]:
    """Make the ONNX artefact, and the weights in it."""
    weights = [random.uniform(-1, 1) for _ in range(FEATURES)]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", FEATURES])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor("w", TensorProto.FLOAT, [FEATURES, 1], weights)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString()), weights


def metadata(weights: Sequence[float]) -> dict[str, Any]:
    """Describe it as publishing wants it."""
    return {
        "name": "linear",
        "version": "v1",
        "created_at": "2026-01-01T00:00:00Z",
        "framework": "onnx",
        "input_schema": {"features": [{"name": name, "type": "float"} for name in NAMES]},
        "output_schema": {"prediction": "y"},
        "probe": {"features": dict.fromkeys(NAMES, 1.0), "prediction": sum(weights)},
    }
