"""Schemas and tensors that fit each other, and that do not."""

from dataclasses import dataclass

import numpy as np
import pytest

from model_runtime.errors import ModelRefused
from model_runtime.inputs import bind_inputs, limits_of
from model_runtime.rows import Row
from model_runtime.schema import InputSchema


@dataclass(frozen=True)
class Input:
    name: str
    type: str
    shape: tuple[int | str | None, ...]


def schema(**features: str) -> InputSchema:
    return InputSchema.model_validate({"features": [{"name": name, "type": kind} for name, kind in features.items()]})


def test_one_tensor_per_feature_whatever_the_order_of_the_inputs() -> None:
    mixed = schema(age="int", city="str", score="float", member="bool")
    tensors = bind_inputs(
        mixed,
        [
            Input("member", "tensor(bool)", (None,)),
            Input("score", "tensor(float)", ("n", 1)),
            Input("city", "tensor(string)", ("n", None)),
            Input("age", "tensor(int64)", ("n", 1)),
        ],
    )
    rows: list[Row] = [[41, "Bern", 0.5, True], [7, "Rom", 1.5, False]]
    filled = {tensor.name: tensor.of(rows) for tensor in tensors}
    assert {name: (array.dtype.type, array.tolist()) for name, array in filled.items()} == {
        "age": (np.int64, [[41], [7]]),
        "city": (np.object_, [["Bern"], ["Rom"]]),
        "score": (np.float32, [[0.5], [1.5]]),
        "member": (np.bool_, [True, False]),
    }


def test_single_matrix_takes_all_features_in_order() -> None:
    (tensor,) = bind_inputs(schema(a="int", b="bool", c="float"), [Input("x", "tensor(double)", (None, 3))])
    array = tensor.of([[2, True, 0.25]])
    assert array.dtype == np.float64
    assert array.tolist() == [[2.0, 1.0, 0.25]]


def test_limits_are_those_of_the_element_type() -> None:
    features = schema(a="int", b="float", c="str")
    tensors = bind_inputs(
        features,
        [
            Input("a", "tensor(uint8)", ("n", 1)),
            Input("b", "tensor(float)", ("n", 1)),
            Input("c", "tensor(string)", ("n", 1)),
        ],
    )
    limits = limits_of(features, tensors)
    assert limits == {"a": (0, 255), "b": (-3.4028234663852886e38, 3.4028234663852886e38)}


@pytest.mark.parametrize(
    ("features", "inputs", "message"),
    [
        ({"a": "str"}, [Input("a", "tensor(float)", ("n", 1))], "feature a is of type str"),
        ({"a": "float"}, [Input("a", "tensor(int64)", ("n", 1))], "feature a is of type float"),
        ({"a": "int"}, [Input("a", "tensor(string)", ("n", 1))], "feature a is of type int"),
        ({"a": "float", "b": "float"}, [Input("x", "tensor(float)", ("n", 3))], "there are 2 features"),
        ({"a": "float", "b": "float"}, [Input("x", "tensor(float)", ("n",))], "there are 2 features"),
        ({"a": "float"}, [Input("x", "tensor(float)", ("n", 1, 1))], "the shape"),
        ({"a": "float"}, [Input("a", "tensor(float)", ("n", 2))], "the shape"),
        ({"a": "float"}, [Input("x", "seq(tensor(float))", ("n", 1))], "which no feature can fill"),
        (
            {"a": "float", "b": "float"},
            [Input("a", "tensor(float)", ("n", 1)), Input("c", "tensor(float)", ("n", 1))],
            "has the inputs a, c, which are not the features a, b",
        ),
    ],
)
def test_what_does_not_fit_is_refused(features: dict[str, str], inputs: list[Input], message: str) -> None:
    with pytest.raises(ModelRefused, match=message):
        bind_inputs(schema(**features), inputs)
