"""What XGBoost's and LightGBM's models have in common: float32 rows of numbers, and onnxmltools."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.parity import Expected
from bakeoff.conversion.samples import Sample
from bakeoff.conversion.source import Candidate, Wishes
from model_runtime.metadata import Label, OutputSchema


def matrix(sample: Sample, dtype: Any = np.float64) -> npt.NDArray[Any]:
    """Lay the features side by side.

    Raises:
        NotConvertible: One of them is a text.
    """
    refuse_texts(sample)
    return np.column_stack([np.array(column.complete(), dtype=dtype) for column in sample.columns])


def refuse_texts(sample: Sample) -> None:
    """Raise NotConvertible if a feature is a text."""
    texts = [column.name for column in sample.columns if column.type == "str"]
    if texts:
        raise NotConvertible(
            f"{', '.join(texts)}: the model takes numbers, but the sample has texts; put an encoder before it, in a "
            "scikit-learn pipeline or in a feature pipeline"
        )


def column_names(names: list[str], sample: Sample) -> list[str]:
    """Name the sample's columns that a booster takes: its own names, or all if it was trained without any.

    Raises:
        NotConvertible: It takes another number of columns.
    """
    if all(name in sample.names for name in names):
        return names
    if len(names) == len(sample.columns):
        return list(sample.names)
    raise NotConvertible(
        f"the model takes {len(names)} columns ({', '.join(names)}), but the sample has {len(sample.columns)} "
        f"({', '.join(sample.names)})"
    )


def class_labels(classes: int, fitted: Any, wishes: Wishes) -> tuple[Label, ...] | None:
    """Name the classes: as the publisher says, as the fitted estimator knows them, or by number.

    Raises:
        NotConvertible: The publisher names another number of classes.
    """
    if not classes:
        return None
    if wishes.class_labels is not None:
        if len(wishes.class_labels) != classes:
            raise NotConvertible(f"the model has {classes} classes, but {len(wishes.class_labels)} labels are given")
        return wishes.class_labels
    return tuple(range(classes)) if fitted is None else tuple(np.asarray(fitted).tolist())


def expected(outputs: npt.NDArray[Any], labels: tuple[Label, ...] | None) -> list[Expected]:
    """Turn a booster's outputs into predictions."""
    if labels is None:
        return [Expected(value, None) for value in outputs.astype(np.float64).tolist()]
    if outputs.ndim == 1:
        outputs = np.column_stack([1 - outputs, outputs])
    return [Expected(labels[int(row.argmax())], tuple(row.tolist())) for row in outputs.astype(np.float64)]


def convert_with(
    convert: Callable[..., Any], booster: Any, name: str, width: int, tensor: Any, **options: Any
) -> bytes:
    """Convert a booster with one of onnxmltools' converters."""
    model = convert(booster, name=name, initial_types=[("features", tensor([None, width]))], target_opset=15, **options)
    return bytes(model.SerializeToString(deterministic=True))


def candidates(convert: Callable[[Any], bytes], tensors: list[Any], *, classifies: bool) -> Iterator[Candidate]:
    """Give one candidate per type of tensor."""
    outputs = OutputSchema(probabilities="probabilities") if classifies else OutputSchema(prediction="variable")
    for tensor in tensors:
        yield Candidate(lambda tensor=tensor: convert(tensor), outputs)  # type: ignore[misc]
