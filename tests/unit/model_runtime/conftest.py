"""Small ONNX models with what is known of them."""

from typing import Any

import pytest

from model_runtime.metadata import ModelMetadata
from model_runtime.model import Model
from model_runtime.sessions import build_session
from tests import onnx_models as builders


def metadata(features: dict[str, str] | list[dict[str, Any]], **changes: Any) -> ModelMetadata:
    listed = (
        [{"name": name, "type": kind} for name, kind in features.items()] if isinstance(features, dict) else features
    )
    document = {
        "name": "test",
        "version": "v1",
        "created_at": "2026-01-01T00:00:00Z",
        "framework": "onnx",
        "input_schema": {"features": listed},
        "output_schema": {"prediction": "y"},
        "probe": {"features": {"a": 1, "b": 2}, "prediction": 5.0},
    }
    return ModelMetadata.model_validate(document | changes)


def model(artefact: bytes, features: dict[str, str] | list[dict[str, Any]], **changes: Any) -> Model:
    return Model(metadata(features, **changes), build_session(artefact, threads=1))


@pytest.fixture
def onnx_models() -> Any:
    """The builders and the helpers above."""

    class Builders:
        graph = staticmethod(builders.graph)
        tensor = staticmethod(builders.tensor)
        endless = staticmethod(builders.endless)
        linear = staticmethod(builders.linear)
        logarithm = staticmethod(builders.logarithm)
        lookup = staticmethod(builders.lookup)
        echo = staticmethod(builders.echo)
        zipmap = staticmethod(builders.zipmap)
        sigmoid = staticmethod(builders.sigmoid)
        metadata = staticmethod(metadata)
        model = staticmethod(model)

    return Builders
