"""The model that memory is measured with: a network over 100 features whose weights are a megabyte."""

from itertools import pairwise

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from benchmarks.linear_model import FEATURES

_WIDTHS = (FEATURES, 500, 400, 1)


def small_network(seed: int) -> tuple[bytes, float]:
    """Make the ONNX artefact, and tell what a row of ones comes to.

    Args:
        seed: Two networks of different seeds share no weight.
    """
    random = np.random.default_rng(seed)
    weights = [
        random.normal(0, before**-0.5, (before, after)).astype(np.float32) for before, after in pairwise(_WIDTHS)
    ]
    values = ["x", *(f"h{number}" for number in range(len(weights) - 1)), "y"]
    nodes, row = [], np.ones((1, FEATURES), np.float32)
    for number, weight in enumerate(weights):
        last = number == len(weights) - 1
        product = "y" if last else f"p{number}"
        nodes.append(helper.make_node("MatMul", [values[number], f"w{number}"], [product]))
        row = row @ weight
        if not last:
            nodes.append(helper.make_node("Relu", [product], [values[number + 1]]))
            row = np.maximum(row, 0)
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", FEATURES])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(weight, f"w{number}") for number, weight in enumerate(weights)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString()), float(row[0, 0])
