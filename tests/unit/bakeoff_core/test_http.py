import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from bakeoff_core.errors import (
    BakeoffError,
    ExperimentNotFound,
    FieldError,
    InvalidInput,
    ModelUnavailable,
    PayloadTooLarge,
    VersionConflict,
)
from bakeoff_core.http import HttpApi, bytes_response, parse
from bakeoff_core.http.api import MAX_ANSWER_BYTES
from bakeoff_core.http.events import as_payload_2
from bakeoff_core.http.fastapi_app import create_app, lambda_handler
from bakeoff_core.http.problems import problem_for
from tests.support import LambdaContextFake, http_event

CONTEXT: Any = LambdaContextFake()


class Greeting(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    times: int = 1


def ticking() -> Iterator[float]:
    now = 100.0
    while True:
        yield now
        now += 0.25


@pytest.fixture
def api() -> HttpApi:
    ticks = ticking()
    api = HttpApi(perf_counter=lambda: next(ticks))

    @api.post("/greet")
    def greet() -> dict[str, Any]:
        greeting = parse(Greeting, api.body)
        return {"greeting": f"Hello {greeting.name}", "request_id": api.request_id}

    @api.get("/broken")
    def broken() -> dict[str, Any]:
        raise RuntimeError("password is /etc/secret")

    @api.get("/nan")
    def nan() -> dict[str, Any]:
        return {"x": float("nan")}

    return api


def greet(api: HttpApi, body: str | None, **headers: str) -> dict[str, Any]:
    return api.resolve(http_event("POST", "/greet", body, headers))


def test_an_answer_is_json_with_the_callers_request_id_and_the_time_it_took(api: HttpApi) -> None:
    answer = greet(api, '{"name": "Ann"}', **{"x-request-id": "mine-1"})
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"greeting": "Hello Ann", "request_id": "mine-1"}
    assert answer["headers"]["Content-Type"] == "application/json"
    assert answer["headers"]["X-Request-ID"] == "mine-1"
    assert answer["headers"]["X-Process-Time"] == "0.250000"


@pytest.mark.parametrize("given", ["", "a b", "a\nb", "x" * 129, "é"])
def test_a_request_id_unfit_for_a_header_is_replaced(api: HttpApi, given: str) -> None:
    answered = greet(api, '{"name": "Ann"}', **{"x-request-id": given})["headers"]["X-Request-ID"]
    assert len(answered) == 36
    assert answered != given


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (None, [{"loc": "body", "msg": "must hold a JSON document"}]),
        ("{", [{"loc": "body", "msg": "must be valid JSON: EOF while parsing an object at line 1 column 1"}]),
        ("[]", [{"loc": "body", "msg": "must be a JSON object"}]),
        ('{"name": NaN}', [{"loc": "body", "msg": "must be valid JSON: expected value at line 1 column 10"}]),
        ("{}", [{"loc": "name", "msg": "field required"}]),
        (
            '{"name": "Ann", "times": "x", "colour": 1}',
            [
                {
                    "loc": "times",
                    "msg": "input should be a valid integer, unable to parse string as an integer, got 'x'",
                },
                {"loc": "colour", "msg": "extra inputs are not permitted, got 1"},
            ],
        ),
    ],
)
def test_a_bad_body_is_a_problem_that_names_the_fields(api: HttpApi, body: str | None, errors: list[Any]) -> None:
    answer = greet(api, body, **{"x-request-id": "mine-1"})
    assert answer["statusCode"] == 400
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    problem = json.loads(answer["body"])
    assert problem.pop("errors") == errors
    assert problem == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "; ".join(f"{error['loc']}: {error['msg']}" for error in errors),
        "request_id": "mine-1",
    }


def test_a_body_that_is_no_text_is_refused(api: HttpApi) -> None:
    event = http_event("POST", "/greet", base64.b64encode(b"\xff\xfe").decode()) | {"isBase64Encoded": True}
    assert json.loads(api.resolve(event)["body"])["errors"] == [{"loc": "body", "msg": "must be UTF-8 text"}]


@pytest.mark.parametrize("path", ["/broken", "/nan"])
def test_nothing_inside_leaks_out(api: HttpApi, path: str) -> None:
    answer = api.resolve(http_event("GET", path))
    assert answer["statusCode"] == 500
    assert json.loads(answer["body"])["detail"] == "the request could not be served; its id is in the log"
    assert "secret" not in json.dumps(answer)
    assert answer["headers"]["X-Request-ID"]


def test_an_unknown_route_is_a_problem_too(api: HttpApi) -> None:
    answer = api.resolve(http_event("GET", "/nothing"))
    assert (answer["statusCode"], json.loads(answer["body"])["detail"]) == (404, "there is no such route")


def payload_1(path: str) -> dict[str, Any]:
    return {
        "version": "1.0",
        "resource": "/greet",
        "path": path,
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json", "X-Request-ID": "mine-1"},
        "multiValueHeaders": {"Content-Type": ["application/json"], "X-Request-ID": ["mine-1"]},
        "queryStringParameters": {"a": "2"},
        "multiValueQueryStringParameters": {"a": ["1", "2"]},
        "pathParameters": None,
        "requestContext": {
            "accountId": "123456789012",
            "stage": "prod",
            "requestId": "gateway-1",
            "identity": {"sourceIp": "127.0.0.1", "userAgent": "test"},
            "path": path,
            "httpMethod": "POST",
        },
        "body": '{"name": "Ann"}',
        "isBase64Encoded": False,
    }


def function_url() -> dict[str, Any]:
    event = http_event("POST", "/greet", '{"name": "Ann"}', {"x-request-id": "mine-1"})
    event["requestContext"] |= {"domainName": "abc.lambda-url.us-east-1.on.aws", "domainPrefix": "abc"}
    return event | {"routeKey": "$default"}


def behind_a_stage() -> dict[str, Any]:
    event = http_event("POST", "/prod/greet", '{"name": "Ann"}', {"X-Request-Id": "mine-1"})
    event["requestContext"]["stage"] = "prod"
    return event


REQUEST_FORMS = [
    pytest.param(payload_1("/greet"), id="payload 1.0"),
    pytest.param(payload_1("/prod/greet"), id="payload 1.0 with its stage in the path"),
    pytest.param(function_url(), id="function URL"),
    pytest.param(behind_a_stage(), id="payload 2.0 behind a stage"),
]


@pytest.mark.parametrize("event", REQUEST_FORMS)
def test_every_form_of_request_reaches_its_route(api: HttpApi, event: dict[str, Any]) -> None:
    answer = api.resolve(event)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"greeting": "Hello Ann", "request_id": "mine-1"}


@pytest.fixture
def app() -> FastAPI:
    ticks = ticking()
    app = create_app("Greetings", perf_counter=lambda: next(ticks))

    @app.post("/greet")
    async def greet(greeting: Greeting) -> dict[str, str]:
        return {"greeting": f"Hello {greeting.name}"}

    @app.get("/conflict")
    async def conflict() -> None:
        raise VersionConflict("e")

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("password is /etc/secret")

    return app


@pytest.mark.parametrize("event", REQUEST_FORMS)
def test_fastapi_answers_every_form_of_request(app: FastAPI, event: dict[str, Any]) -> None:
    answer = lambda_handler(app)(event, CONTEXT)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"greeting": "Hello Ann"})
    assert answer["headers"]["x-request-id"] == "mine-1"
    assert answer["headers"]["x-process-time"] == "0.250000"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "detail"),
    [
        ("POST", "/greet", "{}", 400, "name: field required"),
        ("GET", "/conflict", None, 409, "experiment 'e' was changed by somebody else in the meantime"),
        ("GET", "/broken", None, 500, "the request could not be served; its id is in the log"),
        ("GET", "/nothing", None, 404, "there is no such route"),
        ("GET", "/greet", None, 404, "there is no such route"),
    ],
)
def test_fastapi_answers_problems_as_the_hot_routes_do(
    app: FastAPI, method: str, path: str, body: str | None, status: int, detail: str
) -> None:
    answer = lambda_handler(app)(http_event(method, path, body, {"x-request-id": "mine-1"}), CONTEXT)
    problem = json.loads(answer["body"])
    assert answer["statusCode"] == problem["status"] == status
    assert problem["detail"].startswith(detail)
    assert problem["request_id"] == answer["headers"]["x-request-id"] == "mine-1"
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert "secret" not in json.dumps(answer)


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (InvalidInput([FieldError("a", "b")]), 400, "Bad Request"),
        (ExperimentNotFound("e"), 404, "Not Found"),
        (VersionConflict("e"), 409, "Conflict"),
        (PayloadTooLarge("too much"), 413, ""),
        (ModelUnavailable("m:v1", "damaged"), 503, "Service Unavailable"),
        (ValueError("inside"), 500, "Internal Server Error"),
    ],
)
def test_one_table_decides_the_status(error: Exception, status: int, title: str) -> None:
    problem = problem_for(error, "r1").to_json()
    assert problem["status"] == status
    assert problem["title"] == title or not title
    assert problem["detail"] == (str(error) if isinstance(error, BakeoffError) else problem["detail"])


@pytest.fixture
def raw_api() -> HttpApi:
    api = HttpApi()

    @api.post("/echo")
    def echo() -> Any:
        return bytes_response(201, api.raw_body, {"X-Length": str(len(api.raw_body))})

    @api.post("/repeat")
    def repeat() -> dict[str, Any]:
        return {"x": '"' * int(api.raw_body)}

    return api


def test_bytes_travel_in_base64_both_ways(raw_api: HttpApi) -> None:
    body = bytes(range(256))
    event = http_event("POST", "/echo", base64.b64encode(body).decode()) | {"isBase64Encoded": True}
    answer = raw_api.resolve(event)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (201, True)
    assert base64.b64decode(answer["body"]) == body
    assert answer["headers"]["Content-Type"] == "application/octet-stream"
    assert answer["headers"]["X-Length"] == "256"


def test_raw_body_may_be_text_or_nothing(raw_api: HttpApi) -> None:
    for body, expected in (("é", "é".encode()), (None, b"")):
        answer = raw_api.resolve(http_event("POST", "/echo", body))
        assert base64.b64decode(answer["body"]) == expected


def test_body_that_is_no_base64_is_refused(raw_api: HttpApi) -> None:
    answer = raw_api.resolve(http_event("POST", "/echo", "?") | {"isBase64Encoded": True})
    assert answer["statusCode"] == 400


def test_answer_above_lambdas_limit_is_refused_with_its_escapes_counted(raw_api: HttpApi) -> None:
    # Every quotation mark is escaped in the answer's JSON, and both characters again in Lambda's.
    fits = (MAX_ANSWER_BYTES - 1_000) // 4
    answer = raw_api.resolve(http_event("POST", "/repeat", str(fits)))
    assert (answer["statusCode"], len(json.loads(answer["body"])["x"])) == (200, fits)
    answer = raw_api.resolve(http_event("POST", "/repeat", str(MAX_ANSWER_BYTES // 4)))
    assert answer["statusCode"] == 413
    assert json.loads(answer["body"])["detail"].startswith("the answer would be above")


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {},
        {"version": "2.0"},
        {"version": "2.0", "rawPath": "/greet", "requestContext": {"http": {"method": 1}}},
        {
            "version": "2.0",
            "rawPath": "/greet",
            "requestContext": {"http": {"method": "GET"}, "authorizer": {"lambda": 1}},
        },
        {"version": "2.0", "rawPath": "/greet", "requestContext": {"http": {"method": "GET"}}, "headers": {"a": 1}},
        {"version": "1.0", "httpMethod": "GET", "path": None},
        {"version": "1.0", "httpMethod": "GET", "path": "/greet", "multiValueHeaders": {"a": "b"}},
    ],
)
def test_an_event_that_is_no_request_is_refused(event: Any) -> None:
    with pytest.raises(InvalidInput, match="event: must be a request from API Gateway or a function URL"):
        as_payload_2(event)


@pytest.mark.parametrize(
    ("body", "encoded", "detail"),
    [("%", True, "body: must be in base64"), ("\ud800", False, "body: must be UTF-8 text")],
)
def test_a_management_route_refuses_a_body_that_is_no_bytes(body: str, encoded: bool, detail: str) -> None:  # noqa: FBT001
    answer = lambda_handler(create_app("test"))({**http_event("POST", "/x", body), "isBase64Encoded": encoded}, CONTEXT)
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["detail"]) == (400, detail)
    assert answer["headers"]["x-request-id"] == problem["request_id"]
