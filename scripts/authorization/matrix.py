"""Every route asked with every kind of key, through the gateway and the authorizer."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import httpx

from authorization import Authorizer
from bakeoff.standin.functions import Function
from bakeoff.standin.gateway import Gateway, GatewayServer, Port
from bakeoff.standin.routing import Router
from bakeoff.standin.template import Route, read_template
from bakeoff.standin.worker import InvocationResult
from bakeoff_core.identity.keys import PresentedKey, Rate, new_key
from bakeoff_core.identity.scopes import SCOPES, Scope
from bakeoff_core.stores.api_keys import InMemoryApiKeyStore
from key_verification import KeyVerifier, RecentKeys
from request_rates import RequestRates

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "security.md"
BEGIN, END = "<!-- authorization matrix: begin -->", "<!-- authorization matrix: end -->"

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CREDENTIALS = (
    "none",
    "wrong secret",
    "unknown id",
    "malformed",
    "revoked admin",
    "expired admin",
    *SCOPES,
    "client + read",
)


@dataclass(frozen=True, slots=True)
class _Answering:
    """A function that answers every request."""

    def invoke(self, _payload: bytes) -> InvocationResult:
        return InvocationResult(b'{"statusCode": 200}')


@dataclass(frozen=True, slots=True)
class _Authorizing:
    """The authorizer, as a function."""

    authorizer: Authorizer

    def invoke(self, payload: bytes) -> InvocationResult:
        return InvocationResult(json.dumps(self.authorizer.decide(json.loads(payload))).encode())


@dataclass(frozen=True, slots=True)
class Row:
    """How a route answers each kind of credential."""

    route: Route
    statuses: Mapping[str, int]


def declared_routes() -> tuple[Route, ...]:
    """Read the template's routes, in the order of their paths."""
    routes = read_template(PROJECT / "template.yaml", region="us-east-1").routes
    return tuple(sorted(routes, key=lambda route: (route.path, route.method)))


def matrix(routes: Sequence[Route], *, admin_by_iam: bool = False) -> list[Row]:
    """Ask every route with every kind of credential.

    Args:
        routes: The routes.
        admin_by_iam: Whether administrative routes are for function URLs alone.
    """
    store = InMemoryApiKeyStore()
    shown = dict(_credentials(store))
    verifier = KeyVerifier(RecentKeys(store, 10, _now, lambda _key_id: None), _now)
    authorizer = Authorizer(verifier, RequestRates(store, Rate(1e6, 1e6), _now), admin_by_iam=admin_by_iam)
    functions = {name: _Answering() for route in routes for name in (route.function,)}
    authorizers = {route.authorizer: _Authorizing(authorizer) for route in routes if route.authorizer}
    gateway = Gateway(cast("Mapping[str, Function]", {**functions, **authorizers}), Router(routes), _now)
    with Port(0) as port, GatewayServer(gateway, port), httpx.Client(base_url=port.url) as client:
        return [Row(route, {name: _ask(client, route, shown[name]) for name in CREDENTIALS}) for route in routes]


def table(rows: Sequence[Row]) -> str:
    """Write the results as Markdown: a mark where a request goes through, else the status that refuses it."""
    head = ["route", *CREDENTIALS]
    cells = [
        [f"`{row.route.method} {row.route.path}`", *(_cell(row.statuses[name]) for name in CREDENTIALS)] for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *cells))


def written(page: str) -> str:
    """Find the table in the page."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def with_table(page: str, made: str) -> str:
    """Put a table into the page, in place of the one that is there."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{made}\n{END}{rest.partition(END)[2]}"


def _credentials(store: InMemoryApiKeyStore) -> Iterator[tuple[str, str | None]]:
    def key(*scopes: Scope, revoked_at: datetime | None = None, expires_at: datetime | None = None) -> PresentedKey:
        made, presented = new_key("matrix", frozenset(scopes), created_by="matrix", now=NOON, expires_at=expires_at)
        store.add(replace(made, revoked_at=revoked_at))
        return presented

    admin = key("admin")
    yield "none", None
    yield "malformed", "let-me-in"
    yield "unknown id", str(PresentedKey("0" * 12, admin.secret))
    yield "wrong secret", str(PresentedKey(admin.key_id, "0" * 48))
    yield "revoked admin", str(key("admin", revoked_at=NOON))
    yield "expired admin", str(key("admin", expires_at=NOON + timedelta(seconds=1)))
    for scope in SCOPES:
        yield scope, str(key(scope))
    yield "client + read", str(key("client", "read"))


def _ask(client: httpx.Client, route: Route, credential: str | None) -> int:
    method = "PATCH" if route.method == "ANY" else route.method
    path = route.path.replace("{proxy+}", "not/there").replace("{", "").replace("}", "")
    headers = {} if credential is None else {"X-API-Key": credential}
    return client.request(method, path, headers=headers).status_code


def _cell(status: int) -> str:
    return "✓" if status == 200 else str(status)  # noqa: PLR2004 - what the function answers


def _now() -> datetime:
    return NOON + timedelta(minutes=1)
