"""Many threads, more models than memory: every answer right, the bound kept, nothing fetched twice."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock, Thread
from typing import Any

import pytest
from onnx import TensorProto, helper

from model_loading import memory_of
from tests import onnx_models

THREADS, MODELS, FIT, REQUESTS = 64, 8, 3, 20


def scaled(factor: int) -> bytes:
    """y = factor x."""
    return onnx_models.graph(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        [onnx_models.tensor("x", TensorProto.FLOAT, "n", 1)],
        [onnx_models.tensor("y", TensorProto.FLOAT, "n", 1)],
        [helper.make_tensor("factor", TensorProto.FLOAT, [], [float(factor)])],
    )


@pytest.mark.parametrize("disk", ["works", "is full"])
def test_64_threads_8_models_room_for_3(
    make_house: Callable[..., Any], disk: str, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    bound = FIT * memory_of(len(scaled(1))) + 1_000
    house = make_house(max_bytes=bound, timeout_seconds=60)
    for factor in range(1, MODELS + 1):
        house.publish_graph(
            f"scaled:v{factor}", scaled(factor), [{"name": "x", "type": "float"}], {"x": 1}, float(factor)
        )
    if disk == "is full":
        (tmp_path / "artefacts").write_bytes(b"")  # a file where the folder should be
    fetched, present, overlapping, lock = Counter[str](), Counter[str](), [], Lock()
    get = house.objects.get

    def count_and_get(key: str) -> bytes:
        with lock:
            fetched[key] += 1
            present[key] += 1
            overlapping.extend([key] * (present[key] > 1))
        try:
            return get(key)  # type: ignore[no-any-return] # bytes
        finally:
            with lock:
                present[key] -= 1

    house.objects.get = count_and_get
    used: list[int] = []
    over = Event()

    def watch() -> None:
        while not over.wait(0.0005):
            used.append(house.loader.used_bytes)

    watcher = Thread(target=watch)
    watcher.start()
    together = Barrier(THREADS)

    def ask(thread: int) -> int:
        together.wait(10)
        for request in range(REQUESTS):
            factor = (thread * 7 + request * 5) % MODELS + 1
            answer = house.server.predict("scaled", f"v{factor}", [thread + request], "data")
            assert answer.prediction.prediction == float(factor * (thread + request))
        return REQUESTS

    with ThreadPoolExecutor(THREADS) as pool:
        answered = sum(pool.map(ask, range(THREADS)))
    over.set()
    watcher.join()
    assert answered == THREADS * REQUESTS
    assert len(used) > 10
    assert max(used) <= bound
    assert len(house.loader._models._entries) == FIT
    loads = sum('"Name":"model_load_time_seconds"' in line for line in capsys.readouterr().out.splitlines())
    assert overlapping == []
    assert set(fetched) == {f"models/scaled/v{factor}/model.onnx" for factor in range(1, MODELS + 1)}
    if disk == "works":
        assert set(fetched.values()) == {1}
    else:
        assert sum(fetched.values()) == loads
    assert loads >= MODELS


def test_two_who_want_the_same_model_load_it_once(house: Any, features: dict[str, Any]) -> None:
    fetched: list[str] = []
    get, go_on = house.objects.get, Event()

    def slow(key: str) -> bytes:
        fetched.append(key)
        go_on.wait(5)
        return get(key)  # type: ignore[no-any-return] # bytes

    house.objects.get = slow
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(house.server.predict, "recommendation", "v1", features, "data") for _ in range(8)]
        go_on.set()
        assert {answer.result(10).prediction.prediction for answer in answers} == {0}
    assert fetched == ["models/recommendation/v1/model.onnx"]
