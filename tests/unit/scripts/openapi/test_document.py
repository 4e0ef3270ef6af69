"""The OpenAPI document: in step with the code, with the template, and with itself."""

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from bakeoff.standin.template import read_template
from bakeoff_core.identity.scopes import OPEN_ROUTES
from scripts.openapi.document import NOT_AN_OPERATION, PATH, build_document, to_text
from tests.conftest import PROJECT_ROOT

Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build_document()


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[Operation]:
    return [(method, path, each) for path, methods in document["paths"].items() for method, each in methods.items()]


def test_the_file_is_what_the_code_says(document: dict[str, Any]) -> None:
    assert PATH.read_text(encoding="utf-8") == to_text(document), "run `make openapi` and look at what changed"


def test_every_route_of_the_template_is_documented_and_no_other(operations: list[Operation]) -> None:
    declared = {
        (route.method, route.path) for route in read_template(PROJECT_ROOT / "template.yaml", region="x").routes
    }
    assert {(method.upper(), path) for method, path, _ in operations} == declared - NOT_AN_OPERATION


def test_it_is_a_valid_document_without_dangling_references(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert "$defs" not in json.dumps(document)


def test_every_operation_has_a_name_of_its_own(operations: list[Operation]) -> None:
    names = [each["operationId"] for _, _, each in operations]
    assert len(set(names)) == len(names)
    assert all(each["summary"] and each["tags"] for _, _, each in operations)


def test_every_route_says_which_keys_open_it(operations: list[Operation]) -> None:
    named = {
        f"{method.upper()} {path}": {
            scope for scheme in each["security"] for scopes in scheme.values() for scope in scopes
        }
        for method, path, each in operations
        if each["security"]
    }
    assert {f"{method.upper()} {path}" for method, path, _ in operations} - named.keys() == OPEN_ROUTES
    assert named["POST /predict"] == {"client"}
    assert named["GET /models"] == {"read"}
    assert named["POST /models/load"] == {"admin"}
    assert named["POST /ab_test/experiments/{name}/reports"] == {"read"}
    assert named["GET /docs"] == set()  # any key will do
    for method, path, each in operations:
        assert {"403", "429"} <= each["responses"].keys(), (method, path)


def test_a_cookie_is_for_reading_alone(operations: list[Operation]) -> None:
    for method, path, each in operations:
        schemes = {name for scheme in each["security"] for name in scheme}
        assert ("Cookie" in schemes) == (method == "get" and bool(schemes)), path


def test_every_success_says_what_it_looks_like(operations: list[Operation]) -> None:
    for method, path, each in operations:
        for status, answer in each["responses"].items():
            if status.startswith("2"):
                assert answer["content"], (method, path)
                assert {"X-Request-ID", "X-Process-Time"} <= answer["headers"].keys()


def test_every_answer_in_json_names_its_fields(document: dict[str, Any], operations: list[Operation]) -> None:
    for method, path, each in operations:
        for status, answer in each["responses"].items():
            schema = answer.get("content", {}).get("application/json", {}).get("schema")
            if status.startswith("2") and schema is not None and path != "/openapi.json":
                assert _is_specific(schema, document), (method, path, schema)


def _is_specific(schema: dict[str, Any], document: dict[str, Any]) -> bool:
    if "$ref" in schema:
        return _is_specific(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if schema.get("type") == "array":
        return _is_specific(schema["items"], document)
    return bool(schema.get("properties")) or "anyOf" in schema
