import pytest

from credentials import credential_of
from tests.authorizer_requests import request


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"x-api-key": "one"}, "one"),
        ({"X-API-Key": " one "}, "one"),
        ({"x-api-key": ""}, None),
        ({"authorization": "Bearer two"}, "two"),
        ({"Authorization": "bearer two"}, "two"),
        ({"authorization": "Basic two"}, None),
        ({"authorization": "two"}, None),
        ({"authorization": "Bearer"}, None),
        ({"x-api-key": "one", "authorization": "Bearer two"}, "one"),
    ],
)
def test_it_stands_in_either_header(headers: dict[str, str], expected: str | None) -> None:
    assert (credential_of(request(headers=headers)) or None) == expected


def test_a_cookie_does_for_reading_alone() -> None:
    cookies = ["theme=dark", "bakeoff_key=three", "broken\x00"]
    assert credential_of(request("GET /dashboard", cookies=cookies)) == "three"
    for method in ("POST", "PUT", "DELETE", "PATCH", "HEAD"):
        assert credential_of(request(f"{method} /dashboard", cookies=cookies)) is None


def test_a_header_counts_before_a_cookie_even_where_it_is_wrong() -> None:
    cookies = ["bakeoff_key=three"]
    assert credential_of(request(headers={"x-api-key": "one"}, cookies=cookies)) == "one"
    assert credential_of(request(headers={"authorization": "Basic x"}, cookies=cookies)) is None
