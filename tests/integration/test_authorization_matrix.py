"""Every route asked with a key of every scope, and with none, wrong, unknown, malformed, revoked and expired ones."""

import pytest

from bakeoff.standin.template import Route
from bakeoff_core.identity.scopes import OPEN_ROUTES, SCOPES_OF_ROUTES
from scripts.authorization.matrix import PAGE, Row, declared_routes, matrix, table, with_table, written

NEVER = {"none", "wrong secret", "unknown id", "malformed", "revoked admin", "expired admin"}
ALWAYS_CLIENT = {"/predict", "/batch_predict", "/ab_test/assign", "/ab_test/predict", "/ab_test/events"}


@pytest.fixture(scope="module")
def routes() -> tuple[Route, ...]:
    return declared_routes()


@pytest.fixture(scope="module")
def rows(routes: tuple[Route, ...]) -> list[Row]:
    return matrix(routes)


def opened_by(method: str, path: str) -> set[str]:
    """The keys that the specification lets through, by rules of its own."""
    client, read, admin = {"client", "client + read", "admin"}, {"read", "client + read", "admin"}, {"admin"}
    if path in {"/", "/health"}:
        return {*NEVER, *client, *read}
    if path.startswith("/docs") or path == "/openapi.json":
        return client | read
    if path in ALWAYS_CLIENT or path.startswith(("/v2", "/ofrep/v1")):
        return client
    if method == "GET" or path.endswith("/reports"):
        return read
    return admin


def test_each_route_opens_to_the_keys_that_the_specification_names(rows: list[Row]) -> None:
    assert len(rows) >= 48
    for row in rows:
        opening = {name for name, status in row.statuses.items() if status == 200}
        assert opening == opened_by(row.route.method, row.route.path), row.route
        assert set(row.statuses.values()) <= {200, 403}


def test_the_table_of_scopes_names_the_templates_routes_and_no_others(routes: tuple[Route, ...]) -> None:
    declared = {f"{route.method} {route.path}": route.authorizer for route in routes}
    assert {route for route, authorizer in declared.items() if authorizer is None} == OPEN_ROUTES
    assert {authorizer for authorizer in declared.values() if authorizer} == {"AuthorizeFunction"}
    assert SCOPES_OF_ROUTES.keys() == declared.keys() - OPEN_ROUTES


def test_with_iam_no_key_opens_what_changes_something(routes: tuple[Route, ...], rows: list[Row]) -> None:
    by_keys = {row.route: row.statuses for row in rows}
    for row in matrix(routes, admin_by_iam=True):
        only_admin = by_keys[row.route]["admin"] == 200 != by_keys[row.route]["client + read"]
        assert row.statuses == (dict.fromkeys(row.statuses, 403) if only_admin else by_keys[row.route])


def test_the_page_has_this_table(rows: list[Row]) -> None:
    assert written(PAGE.read_text(encoding="utf-8")) == table(rows), "run `make authorization-matrix`"


def test_a_table_takes_the_place_of_the_one_before() -> None:
    page = PAGE.read_text(encoding="utf-8")
    changed = with_table(page, "| other |")
    assert written(changed) == "| other |"
    assert with_table(changed, written(page)) == page
