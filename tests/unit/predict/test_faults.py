"""What goes wrong behind the routes: the answer, its status and its metric, each time."""

import json
import threading
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from onnx import TensorProto

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.http import HttpApi
from bakeoff_core.stores.models import artefact_key
from tests import onnx_models
from tests.support import LambdaContextFake, http_event

SUM = [{"name": "a", "type": "float"}, {"name": "b", "type": "float"}]
KEY = artefact_key("sum", "v1")


class Requests:
    """Requests to a house, and the metrics that each of them wrote."""

    def __init__(self, house: Any, api: HttpApi, capsys: pytest.CaptureFixture[str]) -> None:
        self._house = house
        self._api = api
        self._capsys = capsys
        self.metrics: list[dict[str, Any]] = []

    def post(self, path: str, body: dict[str, Any], context: Any = None) -> tuple[int, dict[str, Any]]:
        self._capsys.readouterr()
        context = context or LambdaContextFake()
        self._house.deadline.start(context)
        answer = self._api.resolve(http_event("POST", path, json.dumps(body)))
        lines = self._capsys.readouterr().out.splitlines()
        self.metrics = [line for line in map(json.loads, lines) if "_aws" in line]
        return answer["statusCode"], json.loads(answer["body"])

    def predict(self, name: str = "sum", data: Any = (1, 2), context: Any = None) -> tuple[int, Any]:
        body = {"model_name": name, "model_version": "v1", "data": list(data)}
        status, answer = self.post("/predict", body, context)
        return status, answer.get("detail", answer.get("prediction"))

    def counted(self, name: str) -> list[dict[str, Any]]:
        return [
            {key: metric[key] for key in metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0] if key != "service"}
            for metric in self.metrics
            if name in metric
        ]

    @property
    def errors(self) -> list[tuple[str, str]]:
        return [
            (f"{each['model_name']}:{each['version']}", each["error_type"])
            for each in self.counted("model_request_errors")
        ]


@pytest.fixture
def requests(make_house: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, Requests]]:
    def make(**settings: Any) -> tuple[Any, Requests]:
        house = make_house(**settings)
        house.publish_graph("sum:v1", onnx_models.linear(), SUM, {"a": 1, "b": 2}, 5.0)
        return house, Requests(house, house.api(), capsys)

    return make


def test_truncated_artefact(requests: Any) -> None:
    house, asked = requests()
    house.objects.put(KEY, house.objects.get(KEY)[:-10], "application/octet-stream")
    reason = "model sum:v1 is unavailable: the artefact's checksum is not the registered one"
    assert asked.predict() == (503, reason)
    assert asked.errors == [("sum:v1", "ModelUnavailable")]
    assert house.registry.get("sum", "v1").status == "unhealthy"


def test_wrong_checksum(requests: Any) -> None:
    house, asked = requests()
    house.objects.put(KEY, onnx_models.linear(kind=TensorProto.DOUBLE), "application/octet-stream")
    reason = "model sum:v1 is unavailable: the artefact's checksum is not the registered one"
    assert asked.predict() == (503, reason)
    assert asked.predict() == (503, reason)
    assert asked.errors == [("sum:v1", "ModelUnavailable")]
    house.objects.put(KEY, onnx_models.linear(), "application/octet-stream")
    load = {"model_name": "sum", "model_version": "v1"}
    assert asked.post("/models/load", load)[1]["status"] == "ready"
    assert asked.predict() == (200, 5.0)


def test_artefact_that_is_missing(requests: Any) -> None:
    house, asked = requests()
    house.objects._objects.pop(KEY)
    assert asked.predict() == (503, "model sum:v1 is unavailable: its artefact is missing")
    assert asked.errors == [("sum:v1", "ModelUnavailable")]


def test_object_store_down(requests: Any) -> None:
    house, asked = requests()
    get = house.objects.get

    def fail(_key: str) -> bytes:
        raise DependencyUnavailable("the object store")

    house.objects.get = fail
    for _ in range(5):
        assert asked.predict() == (503, "the object store is unavailable at the moment")
        assert asked.errors == [("sum:v1", "DependencyUnavailable")]
    assert asked.counted("circuit_open_total") == [{"model_name": "sum", "version": "v1"}]
    assert asked.predict() == (503, "model sum:v1 is unavailable: it kept failing, and is tried again in a while")
    assert asked.errors == [("sum:v1", "CircuitOpen")]
    assert house.registry.get("sum", "v1").status == "ready"
    house.objects.get = get
    house.wait(30)
    assert asked.predict() == (200, 5.0)


def test_object_store_slow(requests: Any) -> None:
    house, asked = requests(timeout_seconds=0.1)
    get, go_on, fetched = house.objects.get, Event(), Event()

    def slow(key: str) -> bytes:
        go_on.wait(10)
        fetched.set()
        return get(key)  # type: ignore[no-any-return] # bytes

    house.objects.get = slow
    assert asked.predict() == (503, "model sum:v1 is unavailable: it did not answer in time")
    assert asked.errors == [("sum:v1", "ModelTimedOut")]
    go_on.set()
    assert fetched.wait(5)
    # What was fetched too late for one request serves the next.
    status, answer = asked.predict()
    assert (status, answer) in {(200, 5.0), (503, "model sum:v1 is unavailable: it did not answer in time")}
    assert asked.predict() == (200, 5.0)


def test_model_that_raises(requests: Any) -> None:
    house, asked = requests()
    house.publish_graph("table:v1", onnx_models.lookup(), [{"name": "i", "type": "int"}], {"i": 0}, 10.0)
    for _ in range(5):
        assert asked.predict("table", [99]) == (
            503,
            "model table:v1 is unavailable: the model failed on these features",
        )
        assert asked.errors == [("table:v1", "ModelUnavailable")]
    assert asked.counted("circuit_open_total") == [{"model_name": "table", "version": "v1"}]
    assert asked.predict("table", [1])[0] == 503
    assert asked.errors == [("table:v1", "CircuitOpen")]
    house.wait(30)
    assert asked.predict("table", [1]) == (200, 20.0)


def test_batch_whose_rows_all_fail_counts_as_a_failure(requests: Any) -> None:
    house, asked = requests()
    house.publish_graph("table:v1", onnx_models.lookup(), [{"name": "i", "type": "int"}], {"i": 0}, 10.0)
    body = {"model_name": "table", "model_version": "v1", "data": [[98], [99]]}
    for _ in range(5):
        status, answer = asked.post("/batch_predict", body)
        assert (status, answer["failed"]) == (200, 2)
    assert asked.counted("circuit_open_total") == [{"model_name": "table", "version": "v1"}]
    assert asked.post("/batch_predict", body)[0] == 503


def endless(house: Any) -> None:
    """Register a model that never ends: publishing it would never end."""
    house.register("endless:v1", onnx_models.endless(), [{"name": "x", "type": "float"}])


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait until something holds that other threads bring about, for at most a quarter of a minute."""
    for _ in range(750):
        if holds():
            return True
        Event().wait(0.02)
    return False


def is_idle(house: Any) -> bool:
    """Wait until no model is loading or running any more."""
    return eventually(lambda: not any(entry.leases for entry in house.loader._models._entries.values()))


def test_model_that_hangs(requests: Any) -> None:
    house, asked = requests(timeout_seconds=0.2, probe_seconds=0.4)
    endless(house)
    assert asked.predict("endless", [1]) == (503, "model endless:v1 is unavailable: it did not answer in time")
    assert asked.errors == [("endless:v1", "ModelTimedOut")]
    # Nobody waits for its probe any more, and still it comes to an end.
    assert eventually(lambda: house.registry.get("endless", "v1").status == "unhealthy")
    assert house.registry.get("endless", "v1").reason == "its probe row takes longer than 0.4 s"
    assert is_idle(house)


def test_model_that_hangs_past_lambdas_deadline(requests: Any) -> None:
    house, asked = requests(timeout_seconds=60, probe_seconds=5)

    class Hurried(LambdaContextFake):
        def get_remaining_time_in_millis(self) -> int:
            return 1_200

    endless(house)
    started = time.perf_counter()
    assert asked.predict("endless", [1], Hurried()) == (
        503,
        "model endless:v1 is unavailable: it did not answer in time",
    )
    assert asked.errors == [("endless:v1", "ModelTimedOut")]
    assert time.perf_counter() - started < 4
    assert asked.post("/models/load", {"model_name": "endless", "model_version": "v1"}, Hurried())[0] == 503
    assert is_idle(house)


def test_run_that_was_given_up_ends(requests: Any) -> None:
    house, asked = requests(timeout_seconds=0.2)
    slow = onnx_models.slow_above_zero()
    house.publish_graph("slow:v1", slow, [{"name": "x", "type": "float"}], {"x": 0}, 0.0)
    assert asked.predict("slow", [0]) == (200, 0.0)
    assert asked.predict("slow", [1])[0] == 503
    assert is_idle(house)
    assert asked.predict("slow", [0]) == (200, 0.0)


def test_too_many_that_hang_refuse_the_others(requests: Any) -> None:
    house, asked = requests(timeout_seconds=0.05)
    go_on = Event()

    def hang(_key: str) -> bytes:
        go_on.wait(10)
        return b""

    house.objects.get = hang
    for version in ("v1", "v2", "v3", "v4"):
        house.register(f"other:{version}", version.encode(), SUM)
        assert asked.post("/predict", {"model_name": "other", "model_version": version, "data": [1, 2]})[0] == 503
    started = threading.active_count()
    assert asked.predict() == (503, "model sum:v1 is unavailable: it did not answer in time")
    assert threading.active_count() == started
    go_on.set()


def test_memory_bound_reached_evicts_the_model_used_least(requests: Any) -> None:
    house, asked = requests(max_bytes=40 * 1024**2)
    for version in ("v2", "v3"):
        house.publish_graph(f"sum:{version}", onnx_models.linear(), SUM, {"a": 1, "b": 2}, 5.0)
    for version in ("v1", "v2", "v3"):
        body = {"model_name": "sum", "model_version": version, "data": [1, 2]}
        assert asked.post("/predict", body)[0] == 200
    assert asked.counted("model_evicted_total") == [{"model_name": "sum", "version": "v1"}]
    assert house.loader.used_bytes <= 40 * 1024**2


def test_model_above_the_memory_bound_is_refused(requests: Any) -> None:
    _, asked = requests(max_bytes=10 * 1024**2)
    assert asked.predict() == (
        503,
        "model sum:v1 is unavailable: it needs about 16 MB of memory, and all models together may take 10 MB",
    )
    assert asked.errors == [("sum:v1", "ModelUnavailable")]


def test_fallback_answers_for_a_model_that_hangs(requests: Any) -> None:
    house, asked = requests(timeout_seconds=0.2, probe_seconds=0.4)
    house.register("endless:v1", onnx_models.endless(), [{"name": "x", "type": "float"}])
    house.experiment(
        {"name": "control", "weight": 0, "model_name": "sum", "model_version": "v1"},
        {"name": "treatment", "weight": 1, "model_name": "endless", "model_version": "v1"},
    )
    body = {"user_id": "u", "experiment_name": "ranking", "features": [1, 2]}
    status, answer = asked.post("/ab_test/predict", body)
    assert (status, answer["prediction"], answer["fallback"], answer["model_name"]) == (200, 5.0, True, "sum")
    assert asked.errors == [("endless:v1", "ModelTimedOut")]
    assert asked.counted("model_fallback_total") == [{"experiment": "ranking", "group": "treatment"}]
    assert is_idle(house)


def test_batch_limits(requests: Any) -> None:
    _, asked = requests()
    body = {"model_name": "sum", "model_version": "v1"}
    status, answer = asked.post("/batch_predict", body | {"data": [[1, 2]] * 10_001})
    assert (status, answer["detail"]) == (413, "data: at most 10000 rows are accepted at once, got 10001")
    status, answer = asked.post("/batch_predict", body | {"data": [["x" * 5_300_000, 2]]})
    assert status == 413
    assert answer["detail"].startswith("body: at most 5242880 bytes are accepted, got 53000")
    status, answer = asked.post("/batch_predict", body | {"data": [[1, 2]] * 10_000})
    assert (status, answer["success"], answer["results"][9_999]["prediction"]) == (200, 10_000, 5.0)


def test_answer_that_lambda_cannot_carry(requests: Any) -> None:
    house, asked = requests()
    house.publish_graph(
        "echo:v1", onnx_models.echo(TensorProto.STRING), [{"name": "x", "type": "str"}], {"x": "a"}, "a"
    )
    body = {"model_name": "echo", "model_version": "v1", "data": [['"' * 1_000_000]] * 2}
    status, answer = asked.post("/batch_predict", body)
    assert (status, answer["detail"]) == (413, "the answer would be above 6275072 bytes: ask for less at once")
