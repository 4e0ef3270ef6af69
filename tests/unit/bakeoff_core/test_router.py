import json

import pytest

from bakeoff_core.http.responses import Response, bytes_response, json_response
from bakeoff_core.http.router import Router

ROUTES = ("/", "/v2", "/v2/", "/v2/health/ready", "/v2/models/<model>", "/v2/models/<model>/versions/<version>")


@pytest.fixture
def router() -> Router:
    made = Router()
    for path in ROUTES:
        made.add("GET", path, lambda path=path, **parameters: (path, parameters))
    return made


@pytest.mark.parametrize(
    ("path", "route", "parameters"),
    [
        ("/", "/", {}),
        ("/v2", "/v2", {}),
        ("/v2/", "/v2/", {}),
        ("/v2/health/ready", "/v2/health/ready", {}),
        ("/v2/models/m", "/v2/models/<model>", {"model": "m"}),
        ("/v2/models/a%2Fb%20c", "/v2/models/<model>", {"model": "a/b c"}),
        ("/v2/models/m/versions/1.0", "/v2/models/<model>/versions/<version>", {"model": "m", "version": "1.0"}),
    ],
)
def test_a_request_finds_its_route(router: Router, path: str, route: str, parameters: dict[str, str]) -> None:
    found = router.find("GET", path)
    assert found is not None
    assert found.handler(**found.parameters) == (route, parameters)


@pytest.mark.parametrize("path", ["", "/v1", "/v2/models", "/v2/models/", "/v2/models/m/", "/v2/models/m/version/1"])
def test_any_other_finds_none(router: Router, path: str) -> None:
    assert router.find("GET", path) is None
    assert router.find("POST", "/v2") is None


def test_an_answer_is_written_as_the_gateway_takes_it() -> None:
    assert json_response(201, {"a": [1, None]}, {"ETag": "x"}).to_payload() == {
        "statusCode": 201,
        "headers": {"ETag": "x", "Content-Type": "application/json"},
        "body": '{"a":[1,null]}',
        "isBase64Encoded": False,
        "cookies": [],
    }
    binary = bytes_response(200, b"\x00\xff").to_payload()
    assert (binary["body"], binary["isBase64Encoded"]) == ("AP8=", True)
    assert Response(304).to_payload()["headers"] == {}
    assert json.loads(str(json_response(200, {"é": "NaN and Infinity"}).body)) == {"é": "NaN and Infinity"}
    for number in ("nan", "inf", "-inf"):
        with pytest.raises(ValueError, match="not JSON compliant"):
            json_response(200, {"x": [float(number)]})
    with pytest.raises(ValueError, match="object"):
        json_response(200, {"x": object()})
