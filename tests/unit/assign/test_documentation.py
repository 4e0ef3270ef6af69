"""The documentation page and what it is made of."""

import base64
import gzip
import json
from typing import Any

import pytest
from fastapi import FastAPI

from bakeoff_core.http.fastapi_app import create_app, lambda_handler
from documentation import add_documentation
from tests.support import LambdaContextFake, http_event

CONTEXT: Any = LambdaContextFake()


@pytest.fixture(scope="module")
def app() -> FastAPI:
    app = create_app("test")
    add_documentation(app)
    return app


def get(app: FastAPI, path: str, **headers: str) -> dict[str, Any]:
    return lambda_handler(app)(http_event("GET", path, headers=headers), CONTEXT)


def test_the_page_loads_from_its_own_origin_alone(app: FastAPI) -> None:
    answer = get(app, "/docs")
    assert answer["headers"]["content-type"] == "text/html; charset=utf-8"
    policy = answer["headers"]["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in policy
    assert "http" not in answer["body"].replace("<!doctype html>", "")


def test_a_new_version_of_the_files_has_a_new_address(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    before = get(app, "/docs")["body"]
    monkeypatch.setattr("documentation._version", lambda: "another")
    assert "start.js?v=another" in get(app, "/docs")["body"] != before


@pytest.mark.parametrize(
    ("file", "media_type"),
    [
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("swagger-ui.css", "text/css; charset=utf-8"),
        ("start.js", "text/javascript; charset=utf-8"),
    ],
)
def test_a_file_may_be_kept_for_ever(app: FastAPI, file: str, media_type: str) -> None:
    answer = get(app, f"/docs/{file}")
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, media_type)
    assert answer["headers"]["cache-control"] == "private, max-age=31536000, immutable"
    assert answer["headers"]["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "file", ["nothing.js", "openapi.json", "index.html", "__init__.py", "..", "%2e%2e%2f__init__.py"]
)
def test_no_other_file_is_handed_out(app: FastAPI, file: str) -> None:
    assert get(app, f"/docs/{file}")["statusCode"] in {400, 404}


def test_files_travel_compressed_where_that_is_understood(app: FastAPI) -> None:
    plain = get(app, "/docs/swagger-ui-bundle.js")
    packed = get(app, "/docs/swagger-ui-bundle.js", **{"accept-encoding": "gzip, br"})
    assert packed["headers"]["content-encoding"] == "gzip"
    assert packed["headers"]["vary"] == "Accept-Encoding"
    content = base64.b64decode(packed["body"])
    assert gzip.decompress(content).decode() == plain["body"]
    assert len(content) < len(plain["body"]) / 3


def test_the_document_is_sent_once(app: FastAPI) -> None:
    first = get(app, "/openapi.json")
    assert json.loads(first["body"])["info"]["title"] == "Bakeoff"
    again = get(app, "/openapi.json", **{"if-none-match": f'W/{first["headers"]["etag"]}, "other"'})
    assert (again["statusCode"], again["body"]) == (304, "")
    assert get(app, "/openapi.json", **{"if-none-match": '"other"'})["statusCode"] == 200
