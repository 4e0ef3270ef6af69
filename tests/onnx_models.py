"""Small ONNX models, each with the one behaviour that a test is about."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def graph(
    nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], constants: Sequence[Any] = (), opset: int = 18
) -> bytes:
    model = helper.make_model(
        helper.make_graph(list(nodes), "test", list(inputs), list(outputs), list(constants)),
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)],
        ir_version=9 if opset > 18 else 8,
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def tensor(name: str, kind: int, *shape: int | str | None) -> Any:
    return helper.make_tensor_value_info(name, kind, list(shape))


def linear(batch: int | str = "n", kind: int = TensorProto.FLOAT) -> bytes:
    """y = a + 2 b over a matrix [n, 2]."""
    return graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [tensor("x", kind, batch, 2)],
        [tensor("y", kind, batch, 1)],
        [helper.make_tensor("w", kind, [2, 1], [1.0, 2.0])],
    )


def logarithm() -> bytes:
    """y = log(x), which is not finite at 0."""
    return graph(
        [helper.make_node("Log", ["x"], ["y"])],
        [tensor("x", TensorProto.FLOAT, "n", 1)],
        [tensor("y", TensorProto.FLOAT, "n", 1)],
    )


def lookup() -> bytes:
    """y = [10, 20, 30][i] over a vector [n]; any other i makes the whole run fail."""
    return graph(
        [helper.make_node("Gather", ["table", "i"], ["y"])],
        [tensor("i", TensorProto.INT64, "n")],
        [tensor("y", TensorProto.FLOAT, "n")],
        [helper.make_tensor("table", TensorProto.FLOAT, [3], [10.0, 20.0, 30.0])],
    )


def echo(kind: int) -> bytes:
    """y = x, of any type of element."""
    return graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        [tensor("x", kind, "n", 1)],
        [tensor("y", kind, "n", 1)],
    )


def zipmap() -> bytes:
    """Probabilities as a sequence of maps from the labels "no" and "yes", with the label as the prediction."""
    return graph(
        [
            helper.make_node("ZipMap", ["x"], ["p"], domain="ai.onnx.ml", classlabels_strings=["no", "yes"]),
            helper.make_node("ArgMax", ["x"], ["i"], axis=1, keepdims=0),
            helper.make_node("Gather", ["names", "i"], ["label"]),
        ],
        [tensor("x", TensorProto.FLOAT, "n", 2)],
        [
            tensor("label", TensorProto.STRING, "n"),
            helper.make_value_info(
                "p",
                helper.make_sequence_type_proto(
                    helper.make_map_type_proto(
                        TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, shape=[])
                    )
                ),
            ),
        ],
        [numpy_helper.from_array(np.array(["no", "yes"], dtype=object), "names")],
    )


def sigmoid() -> bytes:
    """One column of probabilities, that of the second class."""
    return graph(
        [helper.make_node("Sigmoid", ["x"], ["p"])],
        [tensor("x", TensorProto.FLOAT, "n", 1)],
        [tensor("p", TensorProto.FLOAT, "n", 1)],
    )


def endless() -> bytes:
    """y = sqrt(sqrt(... x)), a billion times."""
    return _loop([helper.make_tensor("turns", TensorProto.INT64, [], [10**9])], [])


def slow_above_zero() -> bytes:
    """y = sqrt(sqrt(... x)), a billion times for each whole number in x: at once for 0."""
    return _loop(
        [helper.make_tensor("billion", TensorProto.FLOAT, [], [1e9])],
        [
            helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
            helper.make_node("Mul", ["largest", "billion"], ["product"]),
            helper.make_node("Cast", ["product"], ["turns"], to=TensorProto.INT64),
        ],
    )


def _loop(constants: Sequence[Any], before: Sequence[Any]) -> bytes:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["still"]), helper.make_node("Sqrt", ["v"], ["w"])],
        "turn",
        [tensor("turn", TensorProto.INT64), tensor("go_on", TensorProto.BOOL), tensor("v", TensorProto.FLOAT, "n", 1)],
        [tensor("still", TensorProto.BOOL), tensor("w", TensorProto.FLOAT, "n", 1)],
    )
    return graph(
        [*before, helper.make_node("Loop", ["turns", "", "x"], ["y"], body=body)],
        [tensor("x", TensorProto.FLOAT, "n", 1)],
        [tensor("y", TensorProto.FLOAT, "n", 1)],
        constants,
    )
