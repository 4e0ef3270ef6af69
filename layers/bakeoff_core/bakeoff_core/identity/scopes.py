"""What a caller may do: the scopes, and the one table from route to scope."""

from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias, get_args

Scope: TypeAlias = Literal["client", "read", "admin"]
"""`client` sends users and events through, `read` looks at results, `admin` changes things and includes both."""

SCOPES: tuple[Scope, ...] = get_args(Scope)

_CLIENT: frozenset[Scope] = frozenset({"client"})
_READ: frozenset[Scope] = frozenset({"read"})
_ADMIN: frozenset[Scope] = frozenset({"admin"})

_EXPERIMENTS = "/ab_test/experiments"
_ONE = f"{_EXPERIMENTS}/{{name}}"

OPEN_ROUTES = frozenset({"GET /", "GET /health"})
"""Routes without an authorizer."""

SCOPES_OF_ROUTES: Mapping[str, frozenset[Scope]] = {
    route: scopes
    for scopes, routes in (
        (
            _CLIENT,
            (
                "POST /predict",
                "POST /batch_predict",
                "POST /ab_test/assign",
                "POST /ab_test/predict",
                "POST /ab_test/events",
                "POST /ofrep/v1/evaluate/flags",
                "POST /ofrep/v1/evaluate/flags/{key}",
                "GET /v2",
                "GET /v2/",
                "GET /v2/health/live",
                "GET /v2/health/ready",
                "GET /v2/models/{model}",
                "GET /v2/models/{model}/ready",
                "POST /v2/models/{model}/infer",
                "GET /v2/models/{model}/versions/{version}",
                "GET /v2/models/{model}/versions/{version}/ready",
                "POST /v2/models/{model}/versions/{version}/infer",
                "ANY /v2/{proxy+}",
            ),
        ),
        (
            _READ,
            (
                "GET /models",
                f"GET {_EXPERIMENTS}",
                f"GET {_ONE}",
                f"GET {_ONE}/history",
                f"GET {_ONE}/stats",
                "GET /ab_test/experiment/{name}/stats",
                f"GET {_ONE}/alerts",
                "GET /ab_test/dashboard",
                "GET /dashboard",
                "GET /dashboard/{file}",
                "GET /dashboard/experiments/{name}",
                f"POST {_ONE}/reports",
                f"GET {_ONE}/reports",
                f"GET {_ONE}/reports/{{report_id}}/{{file}}",
            ),
        ),
        (
            _ADMIN,
            (
                "POST /models/load",
                "POST /models/unload",
                f"POST {_EXPERIMENTS}",
                f"PUT {_EXPERIMENTS}",
                f"PUT {_ONE}",
                f"PUT {_ONE}/schedule",
                f"PUT {_ONE}/alert_rules",
                f"POST {_ONE}/alerts/{{alert_id}}/acknowledge",
                f"POST {_ONE}/promote",
                f"DELETE {_ONE}",
                f"POST {_ONE}/start",
                f"POST {_ONE}/pause",
                f"POST {_ONE}/resume",
                f"POST {_ONE}/stop",
                f"POST {_ONE}/complete",
            ),
        ),
        (frozenset(SCOPES), ("GET /docs", "GET /docs/{file}", "GET /openapi.json")),
    )
    for route in routes
}
"""By API Gateway's route key: the scopes of which one is enough. A route that is not here is refused to everybody."""


def allows(held: Collection[str], route: str) -> bool:
    """Say whether somebody with these scopes may use a route.

    Args:
        held: The caller's scopes.
        route: API Gateway's key of the route.
    """
    accepted = SCOPES_OF_ROUTES.get(route)
    return accepted is not None and ("admin" in held or not accepted.isdisjoint(held))


def is_administrative(route: str) -> bool:
    """Say whether a route takes the scope admin and no other."""
    return SCOPES_OF_ROUTES.get(route) == _ADMIN
