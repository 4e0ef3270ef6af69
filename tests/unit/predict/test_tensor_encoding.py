"""Tensors of the inference protocol, there and back."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bakeoff_core.errors import InvalidInput
from inference_protocol import read_request
from tensor_encoding import DTYPES, datatype_of, from_bytes, from_json, to_bytes, to_json

NUMBERS = [name for name in DTYPES if name != "BYTES"]


@given(st.sampled_from(NUMBERS).flatmap(lambda name: arrays.arrays(DTYPES[name], arrays.array_shapes(max_dims=3))))
def test_numbers_survive_as_bytes_bit_for_bit(tensor: Any) -> None:
    name = datatype_of(tensor.dtype)
    back = from_bytes(to_bytes(tensor), name, tensor.shape, "x")
    assert (back.dtype, back.shape, back.tobytes()) == (tensor.dtype, tensor.shape, tensor.tobytes())


@given(st.sampled_from(NUMBERS).flatmap(lambda name: arrays.arrays(DTYPES[name], arrays.array_shapes(max_dims=3))))
def test_numbers_survive_as_json(tensor: Any) -> None:
    if tensor.dtype.kind == "f":
        tensor = np.nan_to_num(tensor)
    written = json.loads(json.dumps(to_json(tensor, "y")))
    back = from_json(written, datatype_of(tensor.dtype), tensor.shape, "x")
    assert (back.dtype, back.tobytes()) == (tensor.dtype, tensor.tobytes())
    nested = from_json(tensor.tolist(), datatype_of(tensor.dtype), tensor.shape, "x")
    assert nested.tobytes() == tensor.tobytes()


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_strings_survive(texts: list[str]) -> None:
    tensor = np.array(texts, dtype=object)
    assert from_bytes(to_bytes(tensor), "BYTES", (len(texts),), "x").tolist() == texts
    assert from_json(to_json(tensor, "y"), "BYTES", (len(texts),), "x").tolist() == texts


@pytest.mark.parametrize(
    ("data", "datatype", "shape", "message"),
    [
        (None, "FP32", (1,), "must be an array"),
        ([1, [2]], "FP32", (2,), "must be nested evenly"),
        ([1, 2], "FP32", (3,), "must hold 3 elements, as its shape says, got 2"),
        ([True], "FP32", (1,), "must hold numbers only, got True"),
        (["1"], "INT64", (1,), "must hold integers only, got '1'"),
        ([1.5], "INT64", (1,), "must hold integers only, got 1.5"),
        ([1], "BOOL", (1,), "must hold true and false only, got 1"),
        ([1], "BYTES", (1,), "must hold strings only, got 1"),
        (["\ud800"], "BYTES", (1,), "must hold strings only"),
        ([256], "UINT8", (1,), "holds a number that is no UINT8"),
        ([-1], "UINT64", (1,), "holds a number that is no UINT64"),
        ([1e39], "FP32", (1,), "holds a number that is no FP32"),
        ([10**400], "FP64", (1,), "holds a number that is no FP64"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_json_that_is_no_such_tensor_is_refused(data: Any, datatype: str, shape: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        from_json(data, datatype, shape, "x")


@pytest.mark.parametrize(
    ("raw", "datatype", "shape", "message"),
    [
        (b"\0\0\0", "FP32", (1,), "must hold 4 bytes, as its shape says, got 3"),
        (b"\1\0", "BYTES", (1,), "ends within the length of an element"),
        (b"\5\0\0\0abc", "BYTES", (1,), "ends within an element"),
        (b"\1\0\0\0\xff", "BYTES", (1,), "must hold UTF-8 text"),
        (b"\1\0\0\0a", "BYTES", (2,), "must hold 2 elements, as its shape says, got 1"),
    ],
)
def test_bytes_that_are_no_such_tensor_are_refused(raw: bytes, datatype: str, shape: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        from_bytes(raw, datatype, shape, "x")


def test_json_cannot_hold_nan() -> None:
    with pytest.raises(InvalidInput, match="y: holds NaN or infinities, which JSON does not know: ask for binary data"):
        to_json(np.array([np.nan]), "y")


def request(document: Any, raw: bytes = b"") -> tuple[bytes, str]:
    header = json.dumps(document).encode()
    return header + raw, str(len(header))


X: dict[str, Any] = {"name": "x", "shape": [1], "datatype": "FP32"}
Y: dict[str, Any] = {"name": "y", "shape": [2], "datatype": "BOOL"}
BINARY = {"parameters": {"binary_data_size": 4}}


def test_raw_tensors_stand_in_the_order_of_the_inputs() -> None:
    inputs = [X | BINARY, Y | {"data": [True, False]}, X | {"name": "z"} | BINARY]
    raw = np.array([1, 2], "<f4").tobytes()
    read = read_request(*request({"inputs": inputs, "id": "i", "outputs": [{"name": "o"}]}, raw))
    assert {name: tensor.tolist() for name, tensor in read.feed.items()} == {"x": [1.0], "y": [True, False], "z": [2.0]}
    assert (read.id, read.outputs, read.binary, read.binary_by_default) == ("i", ["o"], {}, False)


def test_parameters_decide_the_form_of_outputs_and_describe_the_unit() -> None:
    document = {
        "inputs": [X | {"data": [1]}],
        "parameters": {"binary_data_output": True, "user_id": "u", "country": "JP", "priority": 1},
        "outputs": [{"name": "o", "parameters": {"binary_data": False}}, {"name": "p"}],
    }
    read = read_request(json.dumps(document).encode(), None)
    assert (read.binary, read.binary_by_default) == ({"o": False}, True)
    assert (read.user_id, read.context) == ("u", {"country": "JP"})


@pytest.mark.parametrize(
    ("document", "raw", "message"),
    [
        ({"inputs": [X | BINARY]}, b"\0\0", r"inputs\[0\].parameters.binary_data_size: must be a number of bytes"),
        ({"inputs": [X | BINARY]}, b"\0" * 5, "body: holds 1 bytes behind the JSON that no input asks for"),
        ({"inputs": [X | BINARY | {"data": [1]}]}, b"\0" * 4, r"inputs\[0\].data: must be left out"),
        ({"inputs": [X | {"data": [1]}] * 2}, b"", r"inputs\[1\].name: 'x' was given before"),
        ({"inputs": [X]}, b"", r"inputs\[0\].data: must be an array"),
        ({"inputs": [X | {"datatype": "FP8"}]}, b"", r"inputs\[0\].datatype"),
        ({"inputs": [X | {"shape": [-1]}]}, b"", r"inputs\[0\].shape"),
        ({}, b"", "inputs: field required"),
        (
            {"inputs": [], "outputs": [{"name": "o", "parameters": {"classification": 3}}]},
            b"",
            r"outputs\[0\].parameters.classification: is not supported",
        ),
        (
            {"inputs": [], "outputs": [{"name": "o", "parameters": {"binary_data": "yes"}}]},
            b"",
            r"outputs\[0\].parameters.binary_data: must be true or false",
        ),
    ],
)
def test_requests_that_contradict_themselves_are_refused(document: Any, raw: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_request(*request(document, raw))


@pytest.mark.parametrize("length", ["x", "-1", "999"])
def test_length_of_the_json_is_checked(length: str) -> None:
    with pytest.raises(
        InvalidInput, match="Inference-Header-Content-Length: must be the number of bytes that are JSON"
    ):
        read_request(b'{"inputs": []}', length)
