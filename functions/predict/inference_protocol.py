"""The Open Inference Protocol, version 2: what its requests say, and how it is answered."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, JsonValue, NonNegativeInt, StringConstraints

from bakeoff_core import __version__
from bakeoff_core.errors import InvalidInput
from bakeoff_core.http import Response, bytes_response, json_response, problem_for
from fast_json import parse_numbers
from model_runtime.model import TensorDescription
from model_serving import Description
from tensor_encoding import datatype_of, from_bytes, from_json, to_bytes, to_json

PREFIX = "/v2"
PLATFORM = "onnx_onnxv1"
LENGTH_HEADER = "Inference-Header-Content-Length"

_OWN_PARAMETERS = frozenset(
    {"user_id", "binary_data_output", "sequence_id", "sequence_start", "sequence_end", "priority", "timeout"}
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class InputTensor(_Part):
    """A tensor of a request: its elements, or how many bytes of them follow the JSON."""

    name: str
    shape: tuple[NonNegativeInt, ...]
    datatype: Literal[
        "BOOL",
        "UINT8",
        "UINT16",
        "UINT32",
        "UINT64",
        "INT8",
        "INT16",
        "INT32",
        "INT64",
        "FP16",
        "FP32",
        "FP64",
        "BYTES",
    ]
    data: Any = None
    parameters: dict[str, Any] = Field(default={})


class RequestedOutput(_Part):
    """An output that a request asks for."""

    name: str
    parameters: dict[str, Any] = Field(default={})


class InferBody(_Part):
    """A request to infer, as its JSON says it."""

    id: Annotated[str, StringConstraints(max_length=128)] | None = None
    parameters: dict[str, Any] = Field(default={})
    inputs: tuple[InputTensor, ...]
    outputs: tuple[RequestedOutput, ...] | None = None


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A request to infer.

    Attributes:
        id: The caller's id of it.
        feed: The input tensors by name.
        outputs: The names of the outputs that are wanted; None for all.
        binary: Which of those are wanted as raw bytes.
        binary_by_default: Whether the others are, too.
        user_id: The unit, for a request to an experiment.
        context: What the caller says of the unit: every parameter that is none of the protocol's.
    """

    id: str | None
    feed: dict[str, npt.NDArray[Any]]
    outputs: list[str] | None
    binary: dict[str, bool]
    binary_by_default: bool
    user_id: Any
    context: dict[str, JsonValue]


def read_request(body: bytes, header_length: str | None) -> InferRequest:
    """Read a body of JSON, or of JSON with raw tensors behind it.

    Args:
        body: The body.
        header_length: The number of bytes that are JSON, as the header says; None where all of them are.

    Raises:
        InvalidInput: The body is not as the protocol wants it.
    """
    document, raw = _split(body, header_length)
    request = parse_numbers(InferBody, document)
    outputs = request.outputs or None
    return InferRequest(
        id=request.id or None,
        feed=dict(_tensors(request.inputs, raw)),
        outputs=None if outputs is None else [output.name for output in outputs],
        binary={
            output.name: _flag(output.parameters, "binary_data", f"outputs[{index}].parameters")
            for index, output in enumerate(outputs or ())
            if _is_known(output, index) and "binary_data" in output.parameters
        },
        binary_by_default=_flag(request.parameters, "binary_data_output", "parameters"),
        user_id=request.parameters.get("user_id"),
        context={name: value for name, value in request.parameters.items() if name not in _OWN_PARAMETERS},
    )


def infer_response(
    request: InferRequest,
    model: tuple[str, str],
    request_id: str,
    tensors: Mapping[str, npt.NDArray[Any]],
    parameters: Mapping[str, JsonValue] | None = None,
) -> Response:
    """Answer a request to infer, with raw bytes behind the JSON where the request wants some.

    Args:
        request: The request.
        model: The name and version of the model that answers.
        request_id: The id of the answer where the caller gave none.
        tensors: The outputs by name.
        parameters: What else is said.

    Raises:
        InvalidInput: An output that is wanted as JSON holds what JSON does not know.
    """
    outputs: list[dict[str, Any]] = []
    raw: list[bytes] = []
    for name, tensor in tensors.items():
        output: dict[str, Any] = {"name": name, "shape": list(tensor.shape), "datatype": datatype_of(tensor.dtype)}
        if request.binary.get(name, request.binary_by_default):
            raw.append(to_bytes(tensor))
            output["parameters"] = {"binary_data_size": len(raw[-1])}
        else:
            output["data"] = to_json(tensor, f"output {name}")
        outputs.append(output)
    document: dict[str, Any] = {"model_name": model[0], "model_version": model[1], "id": request.id or request_id}
    if parameters:
        document["parameters"] = dict(parameters)
    document["outputs"] = outputs
    if not raw:
        return json_response(200, document)
    header = json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
    return bytes_response(200, b"".join([header, *raw]), {LENGTH_HEADER: str(len(header))})


def server_metadata() -> dict[str, Any]:
    """Describe this server."""
    return {"name": "bakeoff", "version": __version__, "extensions": ["binary_tensor_data"]}


def model_metadata(description: Description, versions: Sequence[str]) -> dict[str, Any]:
    """Describe a model.

    Args:
        description: The version that is meant.
        versions: All of the model's versions.
    """
    return {
        "name": description.model.name,
        "versions": list(versions),
        "platform": PLATFORM,
        "inputs": [_described(tensor) for tensor in description.inputs],
        "outputs": [_described(tensor) for tensor in description.outputs],
    }


def describe_error(_path: str, error: Exception) -> tuple[int, dict[str, Any]]:
    """Answer a failure as the protocol does."""
    problem = problem_for(error, "")
    return problem.status.value, {"error": problem.detail}


def _described(tensor: TensorDescription) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "datatype": "BYTES" if tensor.dtype is None else datatype_of(tensor.dtype),
        "shape": [-1 if length is None else length for length in tensor.shape],
    }


def _split(body: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    if header_length is None:
        return body, b""
    if not header_length.isdecimal() or int(header_length) > len(body):
        raise InvalidInput.of(LENGTH_HEADER, f"must be the number of bytes that are JSON, got {header_length!r:.80}")
    return body[: int(header_length)], body[int(header_length) :]


def _tensors(inputs: Sequence[InputTensor], raw: bytes) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    at = 0
    for index, each in enumerate(inputs):
        loc = f"inputs[{index}]"
        if any(each.name == other.name for other in inputs[:index]):
            raise InvalidInput.of(f"{loc}.name", f"{each.name!r:.80} was given before")
        size = each.parameters.get("binary_data_size")
        if size is None:
            yield each.name, from_json(each.data, each.datatype, each.shape, f"{loc}.data")
            continue
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(raw) - at:
            raise InvalidInput.of(f"{loc}.parameters.binary_data_size", "must be a number of bytes behind the JSON")
        if each.data is not None:
            raise InvalidInput.of(f"{loc}.data", "must be left out where there is a binary_data_size")
        yield each.name, from_bytes(raw[at : at + size], each.datatype, each.shape, loc)
        at += size
    if at != len(raw):
        raise InvalidInput.of("body", f"holds {len(raw) - at} bytes behind the JSON that no input asks for")


def _flag(parameters: Mapping[str, Any], name: str, loc: str) -> bool:
    flag = parameters.get(name, False)
    if not isinstance(flag, bool):
        raise InvalidInput.of(f"{loc}.{name}", "must be true or false")
    return flag


def _is_known(output: RequestedOutput, index: int) -> bool:
    if "classification" in output.parameters:
        raise InvalidInput.of(f"outputs[{index}].parameters.classification", "is not supported")
    return True
