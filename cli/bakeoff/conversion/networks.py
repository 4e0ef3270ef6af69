"""What PyTorch's and Keras's models have in common: a matrix of numbers in, numbers or probabilities out."""

import numpy as np
import numpy.typing as npt

from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.parity import Expected
from bakeoff.conversion.source import Wishes

_SUM_TOLERANCE = 1e-3
_TWO_CLASSES = 2


def expected(outputs: npt.NDArray[np.float64], wishes: Wishes) -> list[Expected]:
    """Turn a network's outputs into predictions.

    Args:
        outputs: One row or number per sample row.
        wishes: With class labels, the outputs are probabilities, or logits of them.

    Raises:
        NotConvertible: They are no probabilities of so many classes.
    """
    if wishes.class_labels is None:
        if wishes.logits:
            raise NotConvertible("logits are turned into probabilities of classes: name the classes")
        values = outputs[:, 0] if outputs.ndim == 2 and outputs.shape[1] == 1 else outputs  # noqa: PLR2004 - a matrix
        return [Expected(value, None) for value in values.tolist()]
    table = outputs.reshape(len(outputs), -1)
    if wishes.logits:
        table = probabilities_of(table)
    if table.shape[1] == 1 and len(wishes.class_labels) == _TWO_CLASSES:
        table = np.column_stack([1 - table[:, 0], table[:, 0]])
    if table.shape[1] != len(wishes.class_labels):
        raise NotConvertible(
            f"the model has {table.shape[1]} outputs, but {len(wishes.class_labels)} class labels are given"
        )
    if table.min() < 0 or table.max() > 1 or np.abs(table.sum(axis=1) - 1).max() > _SUM_TOLERANCE:
        raise NotConvertible("the model's outputs are no probabilities: say `logits` to have them turned into some")
    return [Expected(wishes.class_labels[int(row.argmax())], tuple(row.tolist())) for row in table]


def probabilities_of(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Turn logits into probabilities: the sigmoid of one column, the softmax of several."""
    if logits.shape[1] == 1:
        sigmoid: npt.NDArray[np.float64] = 1 / (1 + np.exp(-logits))
        return sigmoid
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return softmax
