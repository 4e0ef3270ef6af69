"""Predictions that are kept, in memory and in a real server."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import valkey

from model_runtime.outputs import Prediction
from prediction_cache import LocalLayer, PredictionCache
from shared_cache import SharedLayer
from tests import onnx_models

SUM = [{"name": "a", "type": "float"}, {"name": "b", "type": "float", "default": 0}]


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def metrics(written: str, name: str) -> int:
    return sum(f'"Name":"{name}"' in line for line in written.splitlines())


def test_local_entry_serves_until_it_is_old() -> None:
    seconds = Seconds()
    layer = LocalLayer(100, 10, seconds)
    layer.put("key", b"value")
    seconds.now = 9.9
    assert layer.get("key") == b"value"
    seconds.now = 10
    assert layer.get("key") is None
    assert layer.used_bytes == 0


def test_local_entries_used_least_make_room() -> None:
    layer = LocalLayer(12, 10, Seconds())
    for key in ("a", "b", "c"):
        layer.put(key, b"123")
    assert layer.get("a") == b"123"
    layer.put("d", b"456")
    assert [layer.get(key) for key in ("a", "b", "c", "d")] == [b"123", None, b"123", b"456"]
    layer.put("a", b"7")
    assert (layer.get("a"), layer.used_bytes) == (b"7", 10)
    layer.put("a", b"x" * 12)
    assert (layer.get("a"), layer.used_bytes) == (None, 8)


def served(make_house: Callable[..., Any], *layers: Any) -> Any:
    house = make_house(cache_layers=layers)
    for version in ("v1", "v2"):
        house.publish_graph(f"sum:{version}", onnx_models.linear(), SUM, {"a": 1, "b": 2}, 5.0)
    return house


def predict(house: Any, data: Any, version: str = "v1") -> float:
    value: float = house.server.predict("sum", version, data, "data").prediction.prediction
    return value


def test_same_row_is_computed_once_however_it_is_written(
    make_house: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    house = served(make_house, LocalLayer(10_000, 10, Seconds()))
    written: list[Any] = [{"a": 1, "b": 0}, {"b": 0.0, "a": 1}, {"a": 1.0}, [1, None]]
    assert [predict(house, data) for data in written] == [1.0] * 4
    out = capsys.readouterr().out
    assert (metrics(out, "prediction_cache_misses"), metrics(out, "prediction_cache_hits")) == (1, 3)
    assert predict(house, {"a": 2}) == 2.0
    assert predict(house, {"a": 1}, "v2") == 1.0
    out = capsys.readouterr().out
    assert (metrics(out, "prediction_cache_misses"), metrics(out, "prediction_cache_hits")) == (2, 0)


def test_nothing_is_kept_by_default(make_house: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    house = served(make_house)
    predict(house, [1, 2])
    predict(house, [1, 2])
    assert "prediction_cache" not in capsys.readouterr().out


def test_kept_prediction_is_the_same_to_the_last_bit() -> None:
    class Version:
        name, version = "m", "v1"

    cache = PredictionCache([LocalLayer(10_000, 10, Seconds())])
    made = Prediction({"y": [0.1 + 0.2, 7, True, "ü"]}, [1 / 3, 2 / 3])
    for row in ([1.5, "x"], [np.array([[1, 2]])]):
        computed: list[Any] = []

        def compute(given: Any, computed: list[Any] = computed) -> Prediction:
            computed.append(given)
            return made

        assert [cache.predict(Version(), ("f", False), row, compute) for _ in range(2)] == [made, made]  # type: ignore[arg-type]
        assert len(computed) == 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary = shutil.which("valkey-server") or shutil.which("redis-server")
    if binary is None:
        pytest.skip("neither valkey-server nor redis-server is installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder: Path = tmp_path_factory.mktemp("valkey")
    process = subprocess.Popen(
        [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    url = f"redis://127.0.0.1:{port}/0"
    try:
        client = valkey.Valkey.from_url(url)
        for _ in range(100):
            try:
                client.ping()
                break
            except valkey.ConnectionError:
                time.sleep(0.05)
        client.connection_pool.disconnect()
        yield url
    finally:
        process.terminate()
        process.wait()


def test_containers_share_a_server(
    server: str, make_house: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    first = served(make_house, LocalLayer(10_000, 10, Seconds()), SharedLayer(server, 60, time.monotonic))
    assert predict(first, [3, 4]) == 11.0
    capsys.readouterr()
    near = LocalLayer(10_000, 10, Seconds())
    second = served(make_house, near, SharedLayer(server, 60, time.monotonic))
    assert predict(second, [3, 4]) == 11.0
    out = capsys.readouterr().out
    assert (metrics(out, "prediction_cache_misses"), metrics(out, "prediction_cache_hits")) == (0, 1)
    assert near.used_bytes > 0


def test_entry_in_the_server_goes_after_its_time(server: str) -> None:
    layer = SharedLayer(server, 0.05, time.monotonic)
    layer.put("short", b"x")
    assert layer.get("short") == b"x"
    time.sleep(0.1)
    assert layer.get("short") is None


def test_entry_that_somebody_else_wrote_is_no_prediction(server: str, make_house: Callable[..., Any]) -> None:
    layer = SharedLayer(server, 60, time.monotonic)
    house = served(make_house, layer)
    assert predict(house, [5, 6]) == 17.0
    client = valkey.Valkey.from_url(server)
    for key in client.scan_iter("bakeoff:prediction:*"):
        client.set(key, b"\xff{")
    client.connection_pool.disconnect()
    assert predict(house, [5, 6]) == 17.0


def test_server_that_is_down_costs_a_moment_once(
    make_house: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = Seconds()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{closed.getsockname()[1]}/0"
        house = served(make_house, SharedLayer(url, 60, seconds))
        assert [predict(house, [n, 0]) for n in range(3)] == [0.0, 1.0, 2.0]
        assert metrics(capsys.readouterr().out, "prediction_cache_errors") == 1
        seconds.now = 5
        assert predict(house, [1, 0]) == 1.0
        assert metrics(capsys.readouterr().out, "prediction_cache_errors") == 1


def test_server_that_hangs_costs_a_tenth_of_a_second(make_house: Callable[..., Any]) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        house = served(make_house, SharedLayer(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", 60, time.monotonic))
        predict(served(make_house), [1, 1])
        started = time.perf_counter()
        assert predict(house, [1, 1]) == 3.0
        assert time.perf_counter() - started < 1
