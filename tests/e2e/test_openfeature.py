"""OpenFeature's own Python SDK with its OFREP provider, over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from openfeature import api as openfeature
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason

from bakeoff.api import Api
from bakeoff.standin.standin import Standin

FLAGS = "/ofrep/v1/evaluate/flags"
GROUPS = [
    {"name": "control", "weight": 0, "parameters": {"on": False, "colour": "blue", "price": 1.1, "items": 3, "ui": {}}},
    {
        "name": "treatment",
        "weight": 1,
        "parameters": {"on": True, "colour": "green", "price": 1, "items": 4, "ui": {"columns": [1, 2]}},
    },
]
USER = EvaluationContext("user-1", {"country": "DE"})


@pytest.fixture(scope="module")
def flags(api: Api) -> Iterator[Api]:
    """Running experiments, one a type of flag."""
    for name in ("on", "colour", "price", "items", "ui"):
        start(api, f"flag.{name}", flag_value=f"parameters.{name}")
    start(api, "flag.group", flag_value="group_name")
    start(api, "flag.all", targeting={"country": "DE"})
    start(api, "flag.forced", forced_groups={"user-1": "control"})
    api.post("/ab_test/experiments", {"name": "flag.draft", "groups": GROUPS})
    yield api
    for experiment in api.get("/ab_test/experiments"):
        if experiment["name"].startswith("flag.") and experiment["status"] == "running":
            api.post(f"/ab_test/experiments/{experiment['name']}/stop")


def start(api: Api, name: str, **fields: Any) -> None:
    api.post("/ab_test/experiments", {"name": name, "groups": GROUPS, **fields})
    api.post(f"/ab_test/experiments/{name}/start")


@pytest.fixture(scope="module")
def client(flags: Api, standin: Standin) -> Iterator[OpenFeatureClient]:
    provider = OFREPProvider(flags.url, headers_factory=lambda: {"X-API-Key": standin.keys["client"]})
    openfeature.set_provider(provider, "shop")
    yield openfeature.get_client("shop")
    provider.session.close()
    openfeature.clear_providers()


Ask = Callable[[OpenFeatureClient, EvaluationContext | None], FlagEvaluationDetails[Any]]


@pytest.mark.parametrize(
    ("ask", "value"),
    [
        (
            lambda client, user: client.get_boolean_details("flag.on", default_value=False, evaluation_context=user),
            True,
        ),
        (lambda client, user: client.get_string_details("flag.colour", "none", user), "green"),
        (lambda client, user: client.get_string_details("flag.group", "none", user), "treatment"),
        (lambda client, user: client.get_float_details("flag.price", 0.0, user), 1.0),
        (lambda client, user: client.get_integer_details("flag.items", 0, user), 4),
        (lambda client, user: client.get_object_details("flag.ui", {}, user), {"columns": [1, 2]}),
        (lambda client, user: client.get_object_details("flag.all", {}, user), GROUPS[1]["parameters"]),
    ],
    ids=["boolean", "string", "group", "float", "integer", "object", "parameters"],
)
def test_every_type_of_flag_is_resolved(client: OpenFeatureClient, ask: Ask, value: Any) -> None:
    details = ask(client, USER)
    assert details.error_code is None
    assert (details.value, type(details.value)) == (value, type(value))
    assert (details.variant, details.reason) == ("treatment", Reason.SPLIT)
    assert details.flag_metadata == {"config_version": 1, "reason": "split", "propensity": 1.0}


def test_a_forced_unit_matches_a_target(client: OpenFeatureClient) -> None:
    details = client.get_object_details("flag.forced", {}, USER)
    assert (details.variant, details.reason) == ("control", Reason.TARGETING_MATCH)
    assert details.flag_metadata == {"config_version": 1, "reason": "forced"}


@pytest.mark.parametrize(
    ("key", "user", "reason"),
    [
        ("flag.draft", USER, Reason.DISABLED),
        ("flag.all", EvaluationContext("user-1", {"country": "AT"}), Reason.UNKNOWN),
    ],
)
def test_whoever_has_no_group_gets_the_applications_own_default(
    client: OpenFeatureClient, key: str, user: EvaluationContext, reason: Reason
) -> None:
    details = client.get_object_details(key, {"own": 1}, user)
    assert details.error_code is None
    assert (details.value, details.reason) == ({"own": 1}, reason)


@pytest.mark.parametrize(
    ("key", "user", "code", "message"),
    [
        ("flag.missing", USER, ErrorCode.FLAG_NOT_FOUND, "no experiment is called 'flag.missing'"),
        ("flag.on", None, ErrorCode.TARGETING_KEY_MISSING, "context.targetingKey: must name the unit"),
        ("flag.on", EvaluationContext("", {"a": 1}), ErrorCode.TARGETING_KEY_MISSING, "context.targetingKey"),
        ("flag.on", EvaluationContext(None, {"targetingKey": 1.5}), ErrorCode.INVALID_CONTEXT, "context.targetingKey"),
        ("flag.colour", USER, ErrorCode.TYPE_MISMATCH, "Expected type"),
    ],
)
def test_an_error_reaches_the_application_with_its_code(
    client: OpenFeatureClient, key: str, user: EvaluationContext | None, code: ErrorCode, message: str
) -> None:
    details = client.get_boolean_details(key, default_value=True, evaluation_context=user)
    assert (details.value, details.error_code) == (True, code)
    assert message in str(details.error_message)


def test_many_flags_at_once_carry_a_tag_for_the_next_time(flags: Api, http: httpx.Client) -> None:
    body = {"context": {"targetingKey": "user-1", "country": "DE"}}
    answer = http.post(FLAGS, json=body)
    found = {flag["key"]: flag for flag in answer.json()["flags"] if flag["key"].startswith("flag.")}
    assert {key: flag["reason"] for key, flag in found.items()} == {
        **dict.fromkeys(("flag.on", "flag.colour", "flag.price", "flag.items", "flag.ui", "flag.group"), "SPLIT"),
        "flag.all": "SPLIT",
        "flag.forced": "TARGETING_MATCH",
        "flag.draft": "DISABLED",
    }
    held = {"If-None-Match": answer.headers["ETag"]}
    again = http.post(FLAGS, json=body, headers=held)
    assert (again.status_code, again.content) == (304, b"")
    elsewhere = http.post(FLAGS, json={"context": {"targetingKey": "user-1", "country": "AT"}}, headers=held)
    assert elsewhere.status_code == 200


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_what_is_no_request_is_a_parse_error(flags: Api, http: httpx.Client, content: bytes) -> None:
    answer = http.post(f"{FLAGS}/flag.on", content=content)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    assert (answer.json()["key"], answer.json()["errorCode"]) == ("flag.on", "PARSE_ERROR")
