"""Changes to finished ONNX graphs."""

import onnx
from onnx import helper


def with_probabilities(artefact: bytes, output: str, width: int) -> bytes:
    """Turn an output of logits into one called `probabilities`, by a softmax, or a sigmoid if it is one wide."""
    model = onnx.load_from_string(artefact)
    (logits,) = [each for each in model.graph.output if each.name == output]
    node = (
        helper.make_node("Sigmoid", [output], ["probabilities"])
        if width == 1
        else helper.make_node("Softmax", [output], ["probabilities"], axis=-1)
    )
    model.graph.node.append(node)
    probabilities = onnx.ValueInfoProto()
    probabilities.CopyFrom(logits)
    probabilities.name = "probabilities"
    model.graph.output.remove(logits)
    model.graph.output.append(probabilities)
    return bytes(model.SerializeToString(deterministic=True))
