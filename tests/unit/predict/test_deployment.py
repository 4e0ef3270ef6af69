"""Settings of the deployment decide how models are served."""

import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from bakeoff_core.errors import CircuitOpen, ModelTimedOut, ModelUnavailable
from bakeoff_core.experiments.model import Group
from bakeoff_core.settings import Settings
from deployment import deployed_deadline, deployed_server, deployed_shadows
from model_serving import ModelServer
from tests import onnx_models

SUM = [{"name": "a", "type": "float"}, {"name": "b", "type": "float"}]


@pytest.fixture
def house_of_sums(make_house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    house = make_house()
    house.publish_graph("sum:v1", onnx_models.linear(), SUM, {"a": 1, "b": 2}, 5.0)
    house.publish_graph("table:v1", onnx_models.lookup(), [{"name": "i", "type": "int"}], {"i": 0}, 10.0)
    return house


def deployed(house: Any, **variables: str) -> ModelServer:
    settings = Settings.from_environment({f"BAKEOFF_{name.upper()}": value for name, value in variables.items()})
    return deployed_server(settings, house.registry, house.objects, deployed_deadline())


def test_circuit_follows_its_settings(house_of_sums: Any) -> None:
    server = deployed(
        house_of_sums, circuit_failure_threshold="2", circuit_window_seconds="60", circuit_recovery_seconds="0.05"
    )
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="the model failed"):
            server.predict("table", "v1", [99], "data")
    with pytest.raises(CircuitOpen):
        server.predict("table", "v1", [0], "data")
    time.sleep(0.06)
    assert server.predict("table", "v1", [0], "data").prediction.prediction == 10.0


def test_failures_count_for_the_window(house_of_sums: Any) -> None:
    server = deployed(house_of_sums, circuit_failure_threshold="2", circuit_window_seconds="0.05")
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match="the model failed"):
            server.predict("table", "v1", [99], "data")
        time.sleep(0.06)


def test_time_out_follows_its_setting(house_of_sums: Any) -> None:
    house_of_sums.register("endless:v1", onnx_models.endless(), [{"name": "x", "type": "float"}])
    server = deployed(house_of_sums, prediction_timeout_seconds="0.05")
    with pytest.raises(ModelTimedOut):
        server.predict("endless", "v1", [1], "data")


def test_memory_follows_its_setting(house_of_sums: Any) -> None:
    server = deployed(house_of_sums, model_cache_bytes="1000000")
    with pytest.raises(ModelUnavailable, match="all models together may take 0 MB"):
        server.predict("sum", "v1", [1, 2], "data")


def test_cache_follows_its_settings(house_of_sums: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def hits(**variables: str) -> int:
        server = deployed(house_of_sums, **variables)
        server.predict("sum", "v1", [1, 2], "data")
        time.sleep(0.02)
        assert server.predict("sum", "v1", [1, 2], "data").prediction.prediction == 5.0
        return capsys.readouterr().out.count('"Name":"prediction_cache_hits"')

    assert hits() == 0
    assert hits(prediction_cache_bytes="10000") == 1
    assert hits(prediction_cache_bytes="10000", prediction_cache_ttl_seconds="0.01") == 0
    assert hits(prediction_cache_bytes="10") == 0


def test_cache_server_follows_its_setting(house_of_sums: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        server = deployed(house_of_sums, prediction_cache_url=f"redis://127.0.0.1:{closed.getsockname()[1]}/0")
        assert server.predict("sum", "v1", [1, 2], "data").prediction.prediction == 5.0
    assert '"Name":"prediction_cache_errors"' in capsys.readouterr().out


def test_shadow_budget_follows_its_setting() -> None:
    group = Group.model_validate({"name": "g", "weight": 1, "model_name": "m", "shadow_model_name": "s"})

    def slow(_name: str, _version: str | None) -> dict[str, Any]:
        time.sleep(0.1)
        return {"prediction": 1}

    for budget, made in (("0", False), ("10", True)):
        settings = Settings.from_environment({"BAKEOFF_SHADOW_BUDGET_SECONDS": budget})
        shadow = deployed_shadows(settings, deployed_deadline()).start(group, slow)
        assert shadow is not None
        assert ("prediction" in shadow.outcome()) is made
