"""One OpenAPI document out of the routes of every function."""

import importlib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from bakeoff.standin.template import Declarations, read_template
from bakeoff_core import __version__
from bakeoff_core.identity.scopes import OPEN_ROUTES, SCOPES, SCOPES_OF_ROUTES
from bakeoff_core.settings import Settings
from scripts.openapi.answers import EvaluationError, GatewayMessage, InferenceError, Problem
from scripts.openapi.hot_routes import HOT_ROUTES, JSON, PROBLEM, Route
from scripts.openapi.schemas import Schemas

ROOT: Final = Path(__file__).parents[2]
PATH: Final = ROOT / "functions" / "assign" / "documentation" / "assets" / "openapi.json"

NOT_AN_OPERATION: Final = frozenset({("ANY", "/v2/{proxy+}")})
"""It only refuses unknown paths below /v2 in the protocol's own form."""

_METHODS: Final = ("get", "put", "post", "delete")
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_VALIDATION_ERROR: Final = "422"

_TAGS: Final = {
    "predictions": "One prediction, many, or one within an experiment.",
    "assignment": "The group that a unit is in.",
    "events": "What users did.",
    "experiments": "Experiments are written, started, watched and ended.",
    "results": "Statistics and reports.",
    "models": "The registry of models.",
    "inference": "The Open Inference Protocol, version 2, over the same models and experiments.",
    "service": "The service itself, and its documentation.",
}

_REASONS: Final = {
    400: "The request is wrong; `errors` names the fields.",
    403: "There is no key, it is not known or no longer, or its scopes do not allow this.",
    404: "What the request names does not exist.",
    409: "The request is well formed, but the present state forbids it.",
    413: "The request, or its answer, is too large.",
    429: "The key, or all callers together, ask too often.",
    500: "The request could not be served; its id is in the log.",
    503: "The request is right, but cannot be served now; trying again later may help.",
}
_OF_EVERY_ROUTE: Final = (400, 403, 413, 429, 500, 503)
# What API Gateway may say in the place of a function, or of its authorizer.
_OF_THE_GATEWAY_TOO: Final = frozenset({403, 413, 429, 500, 503})
# What is said before a route, and so its protocol, is looked at.
_BEFORE_THE_ROUTE: Final = frozenset({403, 429})
_NAMES: Final = {413: "ContentTooLarge"}  # its phrase differs between Python versions
_KINDS: Final[dict[type[BaseModel], str]] = {InferenceError: "Inference", EvaluationError: "Evaluation"}

_HEADERS: Final = {
    "RequestId": {
        "description": "The caller's own id of the request, or a new one.",
        "schema": {"type": "string"},
        "required": True,
    },
    "ProcessTime": {
        "description": "Seconds that the answer took.",
        "schema": {"type": "string", "pattern": r"^\d+\.\d{6}$"},
        "required": True,
    },
    "RetryAfter": {"description": "Seconds to wait before the next request.", "schema": {"type": "string"}},
}
_ANSWER_HEADERS: Final = {
    "X-Request-ID": {"$ref": "#/components/headers/RequestId"},
    "X-Process-Time": {"$ref": "#/components/headers/ProcessTime"},
}

_SECURITY_SCHEMES: Final = {
    "Key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key, `bk_<id>_<secret>`."},
    "Bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The same key, or a token of your identity provider.",
    },
    "Cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "bakeoff_key",
        "description": "The same key, for reading with a browser; the page at `/` sets it.",
    },
}


def build_document() -> dict[str, Any]:
    """Make the document."""
    declared = read_template(ROOT / "template.yaml", region="us-east-1")
    schemas = Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for route in HOT_ROUTES:
        paths.setdefault(route.path, {})[route.method] = _hot_operation(route, schemas)
    for app in applications(declared):
        _merge(paths, app, schemas)
    refusals = _all_refusals(schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bakeoff",
            "version": __version__,
            "summary": "Machine-learning models served online and A/B-tested against each other.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas.to_json(),
            "responses": refusals,
            "headers": _HEADERS,
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def to_text(document: Mapping[str, Any]) -> str:
    """Write the document as the file holds it."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def applications(declared: Declarations) -> list[FastAPI]:
    """Import the FastAPI applications of the functions, as they are deployed."""
    found = []
    behind_routes = {route.function for route in declared.routes}
    for function in (declared.functions[name] for name in declared.functions if name in behind_routes):
        if str(function.code) not in sys.path:
            sys.path.append(str(function.code))
        module = importlib.import_module(function.handler.removesuffix(".handler"))
        build = getattr(module, "_build_app", None)
        if build is not None:
            found.append(build(Settings.from_environment()))
    return found


def _hot_operation(route: Route, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [route.tag],
        "summary": route.summary,
        **({"description": route.description} if route.description else {}),
        "operationId": route.name,
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in _named(route.path)
            ),
            *(
                {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
                for name, text in route.headers.items()
            ),
        ],
    }
    if route.body:
        content = {media: {"schema": schemas.of(each, "validation")} for media, each in route.body.items()}
        operation["requestBody"] = {"required": True, "content": content}
    successes = {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "headers": _ANSWER_HEADERS,
            **({"content": _content(content, schemas)} if content else {}),
        }
        for status, content in route.answers.items()
    }
    operation["responses"] = {**successes, **_refusals(route.refusals, route.error)}
    return {**operation, "security": _security(route.method, route.path)}


def _merge(paths: dict[str, dict[str, Any]], app: FastAPI, schemas: Schemas) -> None:
    _describe_bodies(app)
    own = app.openapi()
    names = schemas.take_components(
        {
            name: schema
            for name, schema in own.get("components", {}).get("schemas", {}).items()
            if name not in {"HTTPValidationError", "ValidationError"}
        }
    )
    for path, operations in own["paths"].items():
        for method, operation in operations.items():
            if method in paths.get(path, {}):
                raise ValueError(f"{method.upper()} {path} is answered by two functions")
            paths.setdefault(path, {})[method] = _merged(path, method, operation, schemas, names)


def _describe_bodies(app: FastAPI) -> None:
    """Make the schemas of bodies, which the functions leave for this moment."""
    for route in app.routes:
        if isinstance(route, APIRoute) and route.openapi_extra:
            body = route.openapi_extra["requestBody"]
            schema = body["content"][JSON]["schema"]()
            route.openapi_extra = {"requestBody": {**body, "content": {JSON: {"schema": schema}}}}


def _merged(
    path: str, method: str, operation: Mapping[str, Any], schemas: Schemas, names: Mapping[str, str]
) -> dict[str, Any]:
    answers = {status: each for status, each in operation["responses"].items() if status != _VALIDATION_ERROR}
    answered = {
        status: _documented(status, answer, schemas) for status, answer in schemas.renamed(answers, names).items()
    }
    parameters = operation.get("parameters", [])
    expected = [404] if any(each["in"] == "path" or each["name"] == "name" for each in parameters) else []
    if method != "get":
        expected += [409]
    refusals = _refusals(expected)
    merged = {
        "tags": operation.get("tags") or [_tag_of(path)],
        "summary": operation["summary"].capitalize(),
        **({"description": operation["description"]} if "description" in operation else {}),
        "operationId": operation["summary"].lower().replace(" ", "_"),
        **({"deprecated": True} if operation.get("deprecated") else {}),
        "parameters": [_plain(parameter) for parameter in schemas.renamed(parameters, names)],
    }
    if "requestBody" in operation:
        merged["requestBody"] = _body(operation["requestBody"], schemas, names)
    merged["responses"] = dict(sorted({**refusals, **answered}.items()))
    return {**merged, "security": _security(method, path)}


def _documented(status: str, answer: Mapping[str, Any], schemas: Schemas) -> dict[str, Any]:
    if int(status) >= HTTPStatus.BAD_REQUEST:
        reason = answer.get("description") or _REASONS[int(status)]
        return {**_refusal(int(status), None, schemas), "description": reason}
    content = {
        media: {"schema": _untitled(each.get("schema", {}))} for media, each in answer.get("content", {}).items()
    }
    description = answer.get("description", "")
    return {
        "description": HTTPStatus(int(status)).phrase if description == "Successful Response" else description,
        "headers": {**_ANSWER_HEADERS, **answer.get("headers", {})},
        **({"content": content} if content and int(status) < HTTPStatus.MULTIPLE_CHOICES else {}),
    }


def _body(body: Mapping[str, Any], schemas: Schemas, names: Mapping[str, str]) -> dict[str, Any]:
    content = {media: {"schema": _taken(each["schema"], schemas, names)} for media, each in body["content"].items()}
    return {"required": body.get("required", False), "content": content}


def _taken(part: Any, schemas: Schemas, names: Mapping[str, str]) -> Any:
    """Take over a schema of a body, wherever in it a model lies with definitions of its own."""
    if isinstance(part, list):
        return [_taken(each, schemas, names) for each in part]
    if not isinstance(part, dict):
        return part
    if "$defs" in part or {"properties", "title"} <= part.keys():
        return schemas.take(part, "validation")
    return schemas.renamed({key: _taken(each, schemas, names) for key, each in part.items()}, names)


def _plain(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {**parameter, "schema": _untitled(parameter["schema"])}


def _untitled(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "title"}


def _content(content: Mapping[str, Any], schemas: Schemas) -> dict[str, Any]:
    return {media: {"schema": schemas.of(each, "serialization")} for media, each in content.items()}


def _refusals(expected: Iterable[int], error: type[BaseModel] | None = None) -> dict[str, Any]:
    kind = "" if error is None else _KINDS[error]
    return {
        str(status): {"$ref": f"#/components/responses/{'' if status in _BEFORE_THE_ROUTE else kind}{_phrase(status)}"}
        for status in sorted({*expected, *_OF_EVERY_ROUTE})
    }


def _all_refusals(schemas: Schemas) -> dict[str, Any]:
    """Describe every refusal, once in each form that it takes."""
    return {
        f"{kind}{_phrase(status)}": _refusal(status, error, schemas)
        for error, kind in ((None, ""), *_KINDS.items())
        for status in _REASONS
        if error is None or status not in _BEFORE_THE_ROUTE
    }


def _phrase(status: int) -> str:
    return _NAMES.get(status) or HTTPStatus(status).phrase.title().replace(" ", "")


def _refusal(status: int, error: type[BaseModel] | None, schemas: Schemas) -> dict[str, Any]:
    gateways = schemas.of(GatewayMessage, "serialization")
    content: dict[str, Any]
    if error is None:
        content = {PROBLEM: {"schema": schemas.of(Problem, "serialization")}}
        if status in _OF_THE_GATEWAY_TOO:
            content[JSON] = {"schema": gateways}
    else:
        own = schemas.of(error, "serialization")
        content = {JSON: {"schema": {"anyOf": [own, gateways]} if status in _OF_THE_GATEWAY_TOO else own}}
    headers = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
    return {
        "description": _REASONS[status],
        **({"headers": headers} if status == HTTPStatus.TOO_MANY_REQUESTS else {}),
        "content": content,
    }


def _security(method: str, path: str) -> list[dict[str, list[str]]]:
    """Say which keys open a route: in each form that a key comes in, for each scope that is enough."""
    route = f"{method.upper()} {path}"
    if route in OPEN_ROUTES:
        return []
    accepted = SCOPES_OF_ROUTES[route]
    scopes: list[list[str]] = [[]] if accepted == frozenset(SCOPES) else [[scope] for scope in sorted(accepted)]
    schemes = ["Key", "Bearer", *(["Cookie"] if method == "get" else [])]
    return [{scheme: scope} for scheme in schemes for scope in scopes]


def _tag_of(path: str) -> str:
    if path.startswith("/ab_test/experiment") and ("/stats" in path or "/reports" in path):
        return "results"
    return "experiments" if path.startswith(("/ab_test", "/dashboard")) else "service"


def _named(path: str) -> list[str]:
    return _PARAMETER.findall(path)
