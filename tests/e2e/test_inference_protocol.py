"""The Open Inference Protocol over real HTTP, by NVIDIA's own client."""

import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from bakeoff.publishing import publish
from bakeoff.stack import Stack
from bakeoff.standin.standin import Standin
from bakeoff_core.clock import utc_now
from tests import onnx_models

with warnings.catch_warnings():
    # The client's own dependencies warn while they are imported.
    warnings.simplefilter("ignore")
    import tritonclient.http as triton
    from tritonclient.utils import InferenceServerException, np_to_triton_dtype


def greeting() -> bytes:
    """greeting = "hello " + name; length = a number of every integer kind; bits unchanged."""
    return onnx_models.graph(
        [
            helper.make_node("StringConcat", ["hello", "name"], ["greeting"]),
            helper.make_node("Not", ["flag"], ["opposite"]),
            helper.make_node("Identity", ["half"], ["same"]),
        ],
        [
            onnx_models.tensor("name", TensorProto.STRING, "n", 1),
            onnx_models.tensor("flag", TensorProto.BOOL, "n", 1),
            onnx_models.tensor("half", TensorProto.FLOAT16, "n", 1),
        ],
        [
            onnx_models.tensor("greeting", TensorProto.STRING, "n", 1),
            onnx_models.tensor("opposite", TensorProto.BOOL, "n", 1),
            onnx_models.tensor("same", TensorProto.FLOAT16, "n", 1),
        ],
        [numpy_helper.from_array(np.array(["hello "], dtype=object), "hello")],
        opset=20,
    )


@pytest.fixture(scope="module")
def served(started: Standin) -> Standin:
    stack = Stack.from_environment(started.environment)
    for name, artefact, features, row, prediction, output in (
        (
            "sum",
            onnx_models.linear(),
            [{"name": "a", "type": "float"}, {"name": "b", "type": "float"}],
            [1, 2],
            5.0,
            "y",
        ),
        (
            "greeting",
            greeting(),
            [{"name": "name", "type": "str"}, {"name": "flag", "type": "bool"}, {"name": "half", "type": "float"}],
            ["Ada", True, 0.5],
            "hello Ada",
            "greeting",
        ),
    ):
        publish(
            name,
            "v1",
            artefact,
            {
                "name": name,
                "version": "v1",
                "created_at": "2026-01-01T00:00:00Z",
                "framework": "onnx",
                "input_schema": {"features": features},
                "output_schema": {"prediction": output},
                "probe": {
                    "features": {feature["name"]: value for feature, value in zip(features, row, strict=True)},
                    "prediction": prediction,
                },
            },
            registry=stack.registry,
            objects=stack.objects,
            clock=utc_now,
            alias="champion",
        )
    return started


class WithKey(triton.InferenceServerClientPlugin):  # type: ignore[misc]  # tritonclient has no types
    """Sends a key with every request, as the client's makers foresee it."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: Any) -> None:
        request.headers["X-API-Key"] = self._key


@pytest.fixture(scope="module")
def client(served: Standin) -> Iterator[Any]:
    client = triton.InferenceServerClient(served.url.removeprefix("http://"), network_timeout=60, connection_timeout=60)
    client.register_plugin(WithKey(served.keys["client"]))
    yield client
    client.close()


def tensor(name: str, array: np.ndarray[Any, Any], *, binary: bool) -> Any:
    made = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def test_server_says_what_it_is_and_how_it_is(client: Any, http: httpx.Client) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    metadata = client.get_server_metadata()
    assert metadata["name"] == "bakeoff"
    assert metadata["extensions"] == ["binary_tensor_data"]
    assert http.get("/v2/").json() == metadata


def test_model_is_described(client: Any) -> None:
    expected = {
        "name": "greeting",
        "versions": ["v1"],
        "platform": "onnx_onnxv1",
        "inputs": [
            {"name": "name", "datatype": "BYTES", "shape": [-1, 1]},
            {"name": "flag", "datatype": "BOOL", "shape": [-1, 1]},
            {"name": "half", "datatype": "FP16", "shape": [-1, 1]},
        ],
        "outputs": [
            {"name": "greeting", "datatype": "BYTES", "shape": [-1, 1]},
            {"name": "opposite", "datatype": "BOOL", "shape": [-1, 1]},
            {"name": "same", "datatype": "FP16", "shape": [-1, 1]},
        ],
    }
    assert client.get_model_metadata("greeting") == expected
    assert client.get_model_metadata("greeting", "v1") == expected
    assert client.is_model_ready("greeting")
    assert client.is_model_ready("greeting", "v1")
    assert not client.is_model_ready("greeting", "v2")
    assert not client.is_model_ready("nobody")


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_numbers_are_inferred(client: Any, *, binary_in: bool, binary_out: bool) -> None:
    rows = np.array([[1, 2], [3.5, -4], [0, 1e-3]], np.float32)
    result = client.infer(
        "sum",
        [tensor("x", rows, binary=binary_in)],
        model_version="v1",
        outputs=[triton.InferRequestedOutput("y", binary_data=binary_out)],
        request_id="mine",
    )
    np.testing.assert_array_equal(result.as_numpy("y"), rows[:, :1] + 2 * rows[:, 1:])
    response = result.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == ("mine", "sum", "v1")
    assert ("data" in response["outputs"][0]) is not binary_out


@pytest.mark.parametrize("binary", [True, False])
def test_strings_and_booleans_are_inferred(client: Any, *, binary: bool) -> None:
    inputs = [
        tensor("name", np.array([["Ada"], ["Zoë"]], dtype=object), binary=binary),
        tensor("flag", np.array([[True], [False]]), binary=binary),
        # The client writes half floats in binary only.
        tensor("half", np.array([[0.5], [0.25]], np.float16), binary=True),
    ]
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("greeting", "opposite")]
    result = client.infer("greeting", inputs, outputs=wanted)
    assert [
        each.decode() if isinstance(each, bytes) else each for each in result.as_numpy("greeting").reshape(-1).tolist()
    ] == ["hello Ada", "hello Zoë"]
    assert result.as_numpy("opposite").tolist() == [[False], [True]]
    assert [output["name"] for output in result.get_response()["outputs"]] == ["greeting", "opposite"]


def test_all_outputs_come_in_binary_where_none_is_named(client: Any) -> None:
    inputs = [
        tensor("name", np.array([["Ada"]], dtype=object), binary=True),
        tensor("flag", np.array([[True]]), binary=True),
        tensor("half", np.array([[0.5]], np.float16), binary=True),
    ]
    result = client.infer("greeting", inputs)
    assert result.as_numpy("greeting").tolist() == [[b"hello Ada"]]
    assert result.as_numpy("same").tolist() == [[0.5]]
    assert result.as_numpy("same").dtype == np.float16


def test_experiment_answers_by_the_units_group(client: Any, http: httpx.Client) -> None:
    groups = [
        {"name": "control", "weight": 0, "model_name": "sum", "model_version": "v1"},
        {"name": "treatment", "weight": 1, "model_name": "sum", "model_version": "v1", "shadow_model_name": "sum"},
    ]
    created = http.post("/ab_test/experiments", json={"name": "tensors", "groups": groups, "metrics": ["click_rate"]})
    assert created.status_code == 201, created.text
    assert http.post("/ab_test/experiments/tensors/start").status_code == 200
    rows = np.array([[1, 2]], np.float32)
    result = client.infer(
        "tensors", [tensor("x", rows, binary=True)], parameters={"user_id": "user-1", "country": "JP"}
    )
    response = result.get_response()
    assert response["parameters"] == {"experiment": "tensors", "group": "treatment", "fallback": False}
    assert (response["model_name"], response["model_version"]) == ("sum", "v1")
    assert result.as_numpy("y").tolist() == [[5.0]]


@pytest.mark.parametrize(
    ("model", "array", "name", "status", "message"),
    [
        ("nobody:", [[1, 2]], "x", "404", "no model 'nobody'"),
        ("sum:v9", [[1, 2]], "x", "404", "no model 'sum' with version or alias 'v9'"),
        ("sum:", [[1, 2, 3]], "x", "400", "x: must have the shape"),
        ("sum:", [[1, 2]], "z", "400", "z: is not an input of the model; x: is missing"),
    ],
)
@pytest.mark.parametrize("binary", [True, False])
def test_failures_reach_the_client(
    client: Any, model: str, array: Any, name: str, status: str, message: str, *, binary: bool
) -> None:
    model, version = model.split(":")
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, [tensor(name, np.array(array, np.float32), binary=binary)], model_version=version)
    assert caught.value.status() == status
    assert message in caught.value.message()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v2/nothing", None, 404),
        ("PUT", "/v2/models/sum", "{}", 404),
        ("POST", "/v2/models/sum/infer", "{", 400),
        ("POST", "/v2/models/sum/infer", "", 400),
        ("POST", "/v2/models/sum/infer", '{"inputs": 1}', 400),
        ("POST", "/v2/models/a%20b/infer", '{"inputs": []}', 400),
        ("GET", "/v2/models/nobody", None, 404),
    ],
)
def test_every_failure_has_the_protocols_form(
    http: httpx.Client, served: Standin, method: str, path: str, body: str | None, status: int
) -> None:
    answer = http.request(method, path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert answer.headers["content-type"] == "application/json"
