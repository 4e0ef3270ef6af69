"""What the servers are asked, how answers are read, and what is said of peers that could not be measured."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.peer_processes import NoAnswer
from benchmarks.peer_questions import (
    Question,
    plain_json,
    predict,
    tensors_as_bytes,
    tensors_as_json,
    through_gateway,
)
from benchmarks.peers import check, compare
from benchmarks.processor_time import seconds_of, tree_of
from benchmarks.side_by_side import Timing

ROWS = np.array([[0.5, -1.0], [2.0, 4.0]])
SLEEPER = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"


def test_tensors_are_flat_json_and_answers_are_read_nested_or_flat() -> None:
    question = tensors_as_json(ROWS)
    assert json.loads(question.body) == {
        "inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [0.5, -1.0, 2.0, 4.0]}]
    }
    for data in ([1.5, 2.5], [[1.5], [2.5]]):
        assert question.read(json.dumps({"outputs": [{"data": data}]}).encode()) == [1.5, 2.5]


def test_bytes_follow_a_header_of_the_stated_length() -> None:
    question = tensors_as_bytes(ROWS)
    length = int(question.headers["Inference-Header-Content-Length"])
    assert json.loads(question.body[:length])["inputs"][0]["parameters"] == {"binary_data_size": 16}
    assert np.frombuffer(question.body[length:], "<f4").tolist() == [0.5, -1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("make", "body", "binary"),
    [
        (tensors_as_json, {"outputs": [{"data": [1.5, 2.5]}]}, False),
        (predict, {"results": [{"prediction": 1.5}, {"prediction": 2.5}]}, False),
        (tensors_as_bytes, {"outputs": [{"parameters": {"binary_data_size": 8}}]}, True),
    ],
)
def test_the_gateway_hands_a_question_on_and_its_answer_back(
    make: Callable[[npt.NDArray[np.float64]], Question],
    body: object,
    binary: bool,  # noqa: FBT001
) -> None:
    question = make(ROWS)
    invoked = through_gateway(question, "/invoke")
    event = json.loads(invoked.body)
    assert (invoked.path, event["rawPath"], event["isBase64Encoded"]) == ("/invoke", question.path, binary)
    assert event["body"] == (b64encode(question.body).decode() if binary else question.body.decode())

    text = json.dumps(body)
    answer: dict[str, object] = {"statusCode": 200, "headers": {}, "body": text}
    if binary:
        content = text.encode() + np.array([1.5, 2.5], "<f4").tobytes()
        answer |= {
            "headers": {"Inference-Header-Content-Length": str(len(text))},
            "body": b64encode(content).decode(),
            "isBase64Encoded": True,
        }
    assert invoked.read(json.dumps(answer).encode()) == [1.5, 2.5]
    with pytest.raises(ValueError, match="503: busy"):
        invoked.read(json.dumps({"statusCode": 503, "headers": {}, "body": "busy"}).encode())


def test_plain_json_is_a_list_of_rows() -> None:
    question = plain_json("/predict", lambda answer: answer["predictions"])(ROWS)
    assert json.loads(question.body) == {"rows": [[0.5, -1.0], [2.0, 4.0]]}
    assert question.read(b'{"predictions": [1, 2]}') == [1, 2]


@pytest.mark.parametrize("answer", [[1.0], [1.0, 2.1], [1.0, 2.0, 3.0]])
def test_answers_that_are_not_the_models_are_refused(answer: list[float]) -> None:
    check("a", [1.0, 2.000001], [1.0, 2.0])
    with pytest.raises(NoAnswer, match="a does not predict"):
        check("a", answer, [1.0, 2.0])


def test_a_peer_that_is_missing_gets_a_row_that_says_why() -> None:
    timings = {
        1: {"V2 JSON": Timing((400.0,)), "V2 binary": Timing((300.0,)), "mlserver": Timing((500.0,))},
        256: {"V2 JSON": Timing((3000.0,)), "V2 binary": Timing((1100.0,)), "mlserver": Timing((2000.0,))},
    }
    missing = {"mlserver without a log": "no", "bentoml": "no Python", "litserve": "no package"}
    rows = {row.what: row for row in compare(timings, {"mlserver": "mlserver 1"}, missing)}
    one, many = rows["V2 JSON over mlserver, one row"], rows["V2 JSON over mlserver, 256 rows"]
    assert (one.figure, one.met, one.detail) == ("0.80", True, "0.40 s over 0.50 s per thousand; mlserver 1")
    assert (many.figure, many.met) == ("1.50", False)
    assert rows["V2 binary over mlserver JSON, one row"].met is None
    assert rows["V2 binary over mlserver JSON, 256 rows"].met is False
    absent = rows["V2 JSON over bentoml, 256 rows"]
    assert (absent.figure, absent.met, absent.detail) == ("not measured", None, "no Python")


def test_time_and_tree_are_those_of_other_processes() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        tree = tree_of(parent.pid)
        assert parent.pid in tree
        assert len(tree) == 2
        assert tree < tree_of(os.getpid())
        assert all(seconds_of(pid) > 0 for pid in tree)
        parent.communicate("\n")
    with pytest.raises(OSError, match="Invalid argument"):
        seconds_of(parent.pid)
