"""Requests generated from the OpenAPI document, and answers held against it."""

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import schemathesis
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bakeoff.api import Api
from bakeoff.demo.job import Job, publish_models, start_experiments
from bakeoff.stack import Stack
from bakeoff.standin.standin import Standin
from scripts.openapi.document import PATH
from tests.conftest import PROJECT_ROOT

_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_MODELS = PROJECT_ROOT / "examples" / "models" / "recommendation"
_FEATURES = json.loads((_MODELS / "v1" / "metadata.json").read_text())["probe"]["features"]

# Names that exist, so that not every request ends with a 404.
_REAL: Mapping[str, Any] = {
    "name": "recommendation_model_v2",
    "key": "recommendation_model_v2",
    "experiment_name": "recommendation_model_v2",
    "model": "recommendation",
    "model_name": "recommendation",
    "version": "v1",
    "model_version": "v2",
    "report_id": "latest",
    "file": "technical.json",
    "data": _FEATURES,
    "features": _FEATURES,
}
# A version that is offline answers 503, as it should, and the others are asked for by other operations.
_UNLOADED = {"model_name": "recommendation", "model_version": "v3"}


def load_schema(*, corners: bool) -> Any:
    """Read the document, to generate right and wrong requests from.

    Args:
        corners: Whether each field is also taken to its limits one after the other, which makes many requests.
    """
    schema = schemathesis.openapi.from_dict(json.loads(PATH.read_text(encoding="utf-8")))
    schema.config.generation = GenerationConfig(with_security_parameters=False, database="none")
    schema.config.phases.coverage.enabled = corners

    @schema.hook
    def map_path_parameters(_context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
        return path_parameters and _with_real_names(path_parameters)

    @schema.hook
    def map_body(context: Any, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        named = _with_real_names(body)
        # Without its version the champion would go, which other requests ask for.
        return {**named, **_UNLOADED} if context.operation.path == "/models/unload" else named

    return schema


def _with_real_names(part: Mapping[str, Any]) -> dict[str, Any]:
    """Put names that exist in the place of half of the generated ones, and of the same ones always."""
    return {key: _REAL[key] if key in _REAL and _heads(part, key) else value for key, value in part.items()}


def _heads(part: Mapping[str, Any], key: str) -> bool:
    return zlib.crc32(f"{key}{part!r}".encode(errors="surrogatepass")) % 2 == 0


@contextmanager
def stack_to_spoil(folder: Path) -> Iterator[Standin]:
    """Start a stack with the example models and experiments, for requests that stop the ones and unload the others."""
    job = Job(
        template=PROJECT_ROOT / "template.yaml",
        examples=PROJECT_ROOT / "examples",
        reports=folder / "reports",
        logs=folder / "logs",
        users=0,
        seed=7,
    )
    with Standin(job.template, logs=job.logs) as standin:
        publish_models(_MODELS, Stack.from_environment(standin.environment))
        with Api(standin.url, standin.keys["admin"]) as api:
            start_experiments(api, job)
        yield standin


def check(case: Case[Any], stack: Standin, session: requests.Session) -> None:
    """Send a request and hold the answer against the document.

    Raises:
        FailureGroup: The server failed, or the answer is not as it was promised.
    """
    case.call_and_validate(
        base_url=stack.url,
        session=session,
        headers={"X-API-Key": stack.keys["admin"]},
        checks=_CHECKS,
        allow_redirects=False,
        timeout=60,
    )
