"""Finding, loading and running a model version."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bakeoff_core.errors import (
    DependencyUnavailable,
    InvalidInput,
    ModelNotFound,
    ModelUnavailable,
    PayloadTooLarge,
)
from bakeoff_core.stores.models import artefact_key
from model_runtime.outputs import Prediction
from model_serving import MAX_BATCH_ROWS
from tests import onnx_models

KEY = artefact_key("recommendation", "v1")


def test_champion_is_the_default(house: Any, features: dict[str, Any]) -> None:
    assert house.server.predict("recommendation", None, features, "data").model.version == "v1"
    house.registry.set_alias("recommendation", "champion", "v2")
    house.wait(10)
    assert house.server.predict("recommendation", None, features, "data").model.version == "v2"


def test_prediction_is_the_one_of_the_metadata(house: Any, features: dict[str, Any]) -> None:
    answer = house.server.predict("recommendation", "v2", features, "data")
    expected = house.registry.get("recommendation", "v2").metadata["probe"]
    assert answer.prediction.prediction == expected["prediction"] == 0
    assert answer.prediction.probabilities == pytest.approx(expected["probabilities"], abs=1e-6)
    assert answer.latency_ms > 0


def test_unknown_version_is_not_found(house: Any, features: dict[str, Any]) -> None:
    with pytest.raises(ModelNotFound, match="'recommendation' with version or alias 'v9'"):
        house.server.predict("recommendation", "v9", features, "data")


def test_features_are_named_in_errors(house: Any, features: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        house.server.predict("recommendation", "v1", features | {"position": "top", "colour": 1}, "features")
    assert [str(error) for error in caught.value.errors] == [
        "features.colour: is not a feature of the model",
        "features.position: must be an integer, got 'top'",
    ]


def test_batch_keeps_order_and_fails_rows_alone(house: Any, features: dict[str, Any]) -> None:
    rows = [features, features | {"affinity": "much"}, features]
    good, bad, last = house.server.predict_batch("recommendation", None, rows, "data").outcomes
    assert isinstance(good, Prediction)
    assert str(bad) == "data[1].affinity: must be a number, got 'much'"
    assert last == good


def test_batch_of_too_many_rows_is_refused(house: Any) -> None:
    with pytest.raises(PayloadTooLarge, match="data: at most 10000 rows are accepted at once, got 10001"):
        house.server.predict_batch("recommendation", None, [{}] * (MAX_BATCH_ROWS + 1), "data")


def test_models_own_batch_limit_holds(make_house: Callable[..., Any], features: dict[str, Any]) -> None:
    house = make_house()
    house.publish("v1", max_batch_size=2)
    assert len(house.server.predict_batch("recommendation", "v1", [features] * 2, "data").outcomes) == 2
    with pytest.raises(PayloadTooLarge, match="at most 2 rows"):
        house.server.predict_batch("recommendation", "v1", [features] * 3, "data")


def test_models_own_batch_limit_holds_for_tensors(make_house: Callable[..., Any]) -> None:
    house = make_house()
    features = [{"name": "a", "type": "float"}, {"name": "b", "type": "float"}]
    house.publish_graph("sum:v1", onnx_models.linear(), features, {"a": 1, "b": 2}, 5.0, max_batch_size=2)
    assert house.server.infer("sum", "v1", {"x": np.ones((2, 2), np.float32)}, None).tensors["y"].shape == (2, 1)
    with pytest.raises(PayloadTooLarge, match="inputs: at most 2 rows are accepted at once, got 3"):
        house.server.infer("sum", "v1", {"x": np.ones((3, 2), np.float32)}, None)
    with pytest.raises(InvalidInput, match="x: must have the shape"):
        house.server.infer("sum", "v1", {"x": np.array(1, np.float32)}, None)


def test_model_that_needs_more_memory_is_refused(make_house: Callable[..., Any], features: dict[str, Any]) -> None:
    house = make_house(memory_mb=512)
    house.publish("v1", min_memory_mb=1_024)
    with pytest.raises(ModelUnavailable, match="it needs 1024 MB of memory, and there are 512 MB"):
        house.server.predict("recommendation", "v1", features, "data")


def test_damaged_artefact_makes_the_version_unhealthy(
    house: Any, features: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    house.objects.put(KEY, b"half", "application/octet-stream")
    with pytest.raises(ModelUnavailable, match="the artefact's checksum is not the registered one"):
        house.server.predict("recommendation", "v1", features, "data")
    entry = house.registry.get("recommendation", "v1")
    assert (entry.status, entry.reason) == ("unhealthy", "the artefact's checksum is not the registered one")
    assert '"model_name":"recommendation","version":"v1","service":"bakeoff","model_unhealthy_total":[1.0]' in (
        capsys.readouterr().out
    )


def test_artefact_damaged_once_is_fetched_again(house: Any, features: dict[str, Any]) -> None:
    whole = house.objects.get(KEY)
    answers = [b"half", whole]
    house.objects.get = lambda _key: answers.pop(0)
    assert house.server.predict("recommendation", "v1", features, "data").model.version == "v1"
    assert answers == []
    assert house.registry.get("recommendation", "v1").status == "ready"


def test_session_is_built_once(house: Any, features: dict[str, Any]) -> None:
    house.server.predict("recommendation", "v1", features, "data")
    house.objects.put(KEY, b"gone", "application/octet-stream")
    assert house.server.predict("recommendation", "v1", features, "data").model.version == "v1"


def test_withdrawn_version_serves_no_more_until_it_is_loaded(house: Any, features: dict[str, Any]) -> None:
    house.server.predict("recommendation", "v1", features, "data")
    house.server.withdraw(house.registry.get("recommendation", "v1"))
    with pytest.raises(ModelUnavailable, match="recommendation:v1 is unavailable: it was taken offline"):
        house.server.predict("recommendation", "v1", features, "data")
    house.server.reload(house.registry.get("recommendation", "v1"))
    assert house.server.predict("recommendation", "v1", features, "data").model.version == "v1"


def test_version_that_comes_back_elsewhere_serves_at_once(house: Any, features: dict[str, Any]) -> None:
    house.registry.set_status("recommendation", "v1", "offline")
    with pytest.raises(ModelUnavailable):
        house.server.predict("recommendation", "v1", features, "data")
    house.registry.set_status("recommendation", "v1", "ready")
    assert house.server.predict("recommendation", "v1", features, "data").model.version == "v1"


def test_store_that_does_not_answer_does_not_condemn_the_version(house: Any, features: dict[str, Any]) -> None:
    def fail(_key: str) -> bytes:
        raise DependencyUnavailable("the object store")

    house.objects.get = fail
    with pytest.raises(DependencyUnavailable):
        house.server.predict("recommendation", "v1", features, "data")
    with pytest.raises(DependencyUnavailable):
        house.server.reload(house.registry.get("recommendation", "v1"))
    assert house.registry.get("recommendation", "v1").status == "ready"


def test_metrics_have_their_names(house: Any, features: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    house.server.predict("recommendation", "v1", features, "data")
    with pytest.raises(InvalidInput):
        house.server.predict("recommendation", "v1", {}, "data")
    written = capsys.readouterr().out
    for name in (
        "model_request_total",
        "model_request_duration_seconds",
        "prediction_latency_seconds",
        "model_load_time_seconds",
        "model_memory_usage_bytes",
    ):
        assert f'"Name":"{name}"' in written
    (errors,) = [line for line in written.splitlines() if '"Name":"model_request_errors"' in line]
    assert '"error_type":"InvalidInput"' in errors
    assert '"model_name":"recommendation"' in errors


def test_refused_request_counts_as_an_error(
    house: Any, features: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    house.registry.set_status("recommendation", "v1", "offline")
    with pytest.raises(ModelUnavailable):
        house.server.predict("recommendation", "v1", features, "data")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if '"Name":"model_request_errors"' in line]
    assert '"error_type":"ModelUnavailable"' in line
