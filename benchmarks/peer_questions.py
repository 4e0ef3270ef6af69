"""What the servers are asked, each in the form that it takes, and how its answers are read."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.http_events import request
from benchmarks.linear_model import FEATURES

JSON: Mapping[str, str] = {"Content-Type": "application/json"}
MODEL = "linear"
INFER = f"/v2/models/{MODEL}/infer"

_LENGTH_HEADER = "Inference-Header-Content-Length"


@dataclass(frozen=True, slots=True)
class Question:
    """One HTTP request, the same each time.

    Attributes:
        path: Where it goes.
        body: Its bytes.
        read: Finds the predictions in the answer's bytes.
        headers: Its headers.
    """

    path: str
    body: bytes
    read: Callable[[bytes], Sequence[float]]
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)


def tensors_as_json(rows: npt.NDArray[np.float64]) -> Question:
    """Ask through the Open Inference Protocol, with the numbers as JSON."""
    tensor = {"name": "x", "shape": list(rows.shape), "datatype": "FP32", "data": rows.ravel().tolist()}
    return Question(INFER, json.dumps({"inputs": [tensor]}).encode(), _read_tensors)


def tensors_as_bytes(rows: npt.NDArray[np.float64]) -> Question:
    """Ask through the Open Inference Protocol, with the numbers as bytes behind the JSON, in the answer as well."""
    content = rows.astype("<f4").tobytes()
    tensor = {
        "name": "x",
        "shape": list(rows.shape),
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(content)},
    }
    header = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", _LENGTH_HEADER: str(len(header))}
    return Question(INFER, header + content, _read_tensors, headers)


def plain_json(path: str, read: Callable[[Any], Sequence[float]]) -> Callable[[npt.NDArray[np.float64]], Question]:
    """Ask as BentoML, LitServe and FastAPI are asked: an object with a list of rows."""
    return lambda rows: Question(
        path, json.dumps({"rows": rows.tolist()}).encode(), lambda answer: read(json.loads(answer))
    )


def predict(rows: npt.NDArray[np.float64]) -> Question:
    """Ask the function's own route: `/predict` for one row, `/batch_predict` for several."""
    if len(rows) == 1:
        body = {"model_name": MODEL, "model_version": "v1", "data": rows[0].tolist()}
        return Question("/predict", json.dumps(body).encode(), lambda answer: [json.loads(answer)["prediction"]])
    body = {"model_name": MODEL, "model_version": "v1", "data": rows.tolist()}
    return Question(
        "/batch_predict",
        json.dumps(body).encode(),
        lambda answer: [result["prediction"] for result in json.loads(answer)["results"]],
    )


def through_gateway(question: Question, path: str) -> Question:
    """Turn a question into the event that API Gateway makes of it, and read the answer out of the function's.

    Args:
        question: What API Gateway is asked.
        path: Where the function is invoked.
    """
    event = request(question.path, {})
    event["headers"] |= {name.lower(): value for name, value in question.headers.items()}
    event["headers"]["content-length"] = str(len(question.body))
    binary = question.headers["Content-Type"] != "application/json"
    event["isBase64Encoded"] = binary
    event["body"] = b64encode(question.body).decode() if binary else question.body.decode()

    def read(answer: bytes) -> Sequence[float]:
        response = json.loads(answer)
        if response["statusCode"] != 200:  # noqa: PLR2004
            raise ValueError(f"{response['statusCode']}: {response['body']}")
        headers = {name.lower(): value for name, value in response["headers"].items()}
        length = headers.get(_LENGTH_HEADER.lower())
        body: bytes = b64decode(response["body"]) if response.get("isBase64Encoded") else response["body"].encode()
        return question.read(body) if length is None else _read_bytes(body, int(length))

    return Question(path, json.dumps(event).encode(), read)


def rows_of(seed: int, count: int) -> npt.NDArray[np.float64]:
    """Make rows of features."""
    return np.random.default_rng(seed).uniform(-1, 1, (count, FEATURES))


def _read_tensors(answer: bytes) -> Sequence[float]:
    (output,) = json.loads(answer)["outputs"]
    found: Sequence[float] = np.ravel(output["data"]).tolist()
    return found


def _read_bytes(answer: bytes, length: int) -> Sequence[float]:
    (output,) = json.loads(answer[:length])["outputs"]
    if output["parameters"]["binary_data_size"] != len(answer) - length:
        raise ValueError("the answer is of another length than it says")
    found: Sequence[float] = np.frombuffer(answer[length:], "<f4").tolist()
    return found
