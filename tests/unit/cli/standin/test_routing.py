import pytest

from bakeoff.standin.routing import Router
from bakeoff.standin.template import Route

ROUTES = [
    Route("GET", "/", "Root"),
    Route("GET", "/things/{name}", "Thing"),
    Route("GET", "/things/fixed", "Fixed"),
    Route("ANY", "/things/{name}", "AnyThing"),
    Route("GET", "/things/{name}/parts/{part}", "Part"),
    Route("GET", "/files/{path+}", "File"),
    Route("GET", "/files/{name}", "OneFile"),
]


@pytest.mark.parametrize(
    ("method", "path", "function", "parameters"),
    [
        ("GET", "/", "Root", {}),
        ("GET", "/things/fixed", "Fixed", {}),
        ("GET", "/things/a", "Thing", {"name": "a"}),
        ("GET", "/things/a%2Fb%20c", "Thing", {"name": "a/b c"}),
        ("POST", "/things/a", "AnyThing", {"name": "a"}),
        ("GET", "/things/a/parts/b", "Part", {"name": "a", "part": "b"}),
        ("GET", "/files/a", "OneFile", {"name": "a"}),
        ("GET", "/files/a/b", "File", {"path": "a/b"}),
    ],
)
def test_the_most_specific_route_answers(method: str, path: str, function: str, parameters: dict[str, str]) -> None:
    match = Router(ROUTES).match(method, path)
    assert match is not None
    assert (match.route.function, match.parameters) == (function, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("GET", "/things"),
        ("GET", "/things/"),
        ("GET", "/things/a/parts"),
        ("GET", "/files"),
        ("GET", "/x"),
    ],
)
def test_other_requests_have_no_route(method: str, path: str) -> None:
    assert Router(ROUTES).match(method, path) is None


def test_the_key_is_api_gateways() -> None:
    match = Router(ROUTES).match("GET", "/things/a")
    assert match is not None
    assert match.key == "GET /things/{name}"
