"""With a web ACL in front, the API answers what comes through it and nothing else."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bakeoff_core.http import HttpApi
from bakeoff_core.http.fastapi_app import create_app, lambda_handler
from tests.support import LambdaContextFake, http_event

CONTEXT: Any = LambdaContextFake()
SECRET = "only-cloudfront-knows"
Answer = Callable[[Mapping[str, Any]], dict[str, Any]]


def answer_of_a_hot_function(event: Mapping[str, Any]) -> dict[str, Any]:
    api = HttpApi().behind(SECRET)
    api.get("/health")(lambda: {"status": "healthy"})
    return api.resolve(event)


def answer_of_a_managing_function(event: Mapping[str, Any]) -> dict[str, Any]:
    app = create_app("test")
    app.get("/health")(lambda: {"status": "healthy"})
    return lambda_handler(app, SECRET)(event, CONTEXT)


def request(headers: Mapping[str, str], authorizer: Mapping[str, Any] | None = None) -> dict[str, Any]:
    event = http_event("GET", "/health")
    event["headers"] = {**event["headers"], **headers}
    if authorizer is not None:
        event["requestContext"]["authorizer"] = authorizer
    return event


@pytest.fixture(params=[answer_of_a_hot_function, answer_of_a_managing_function])
def answer(request: pytest.FixtureRequest) -> Answer:
    function: Answer = request.param
    return function


def test_what_comes_through_cloudfront_is_answered(answer: Answer) -> None:
    assert answer(request({"x-origin-secret": SECRET}))["statusCode"] == 200


@pytest.mark.parametrize(
    "headers", [{}, {"x-origin-secret": ""}, {"x-origin-secret": SECRET[:-1]}, {"x-origin-secret": "é"}]
)
def test_what_comes_another_way_is_refused(answer: Answer, headers: Mapping[str, str]) -> None:
    refused = answer(request(headers))
    assert refused["statusCode"] == 403
    assert "the one that the service is published at" in refused["body"]
    assert SECRET not in refused["body"]


def test_the_key_of_a_caller_is_no_way_around_it(answer: Answer) -> None:
    assert answer(request({}, {"lambda": {"key_id": "k", "throttled": False}}))["statusCode"] == 403


def test_what_iam_let_through_is_answered(answer: Answer) -> None:
    event = request({}, {"iam": {"userArn": "arn:aws:iam::123456789012:user/admin"}})
    assert answer(event)["statusCode"] == 200
