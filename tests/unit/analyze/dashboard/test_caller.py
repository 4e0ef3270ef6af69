"""Who is looking, as the authorizer noted it."""

from typing import Any

import pytest

from dashboard.caller import Caller, caller_of


@pytest.mark.parametrize(
    ("scopes", "read", "may_change"),
    [
        (["read"], ("read",), False),
        (["client", "admin"], ("client", "admin"), True),
        ("read admin", ("read", "admin"), True),
        ("client,read", ("client", "read"), False),
        ([], (), False),
    ],
)
def test_reads_scopes(scopes: Any, read: tuple[str, ...], *, may_change: bool) -> None:
    event = {"requestContext": {"authorizer": {"lambda": {"key_id": "k1", "scopes": scopes}}}}
    assert caller_of(event) == Caller(key_id="k1", scopes=read, may_change=may_change)


@pytest.mark.parametrize(
    "event",
    [{}, {"requestContext": {}}, {"requestContext": {"authorizer": None}}, {"requestContext": {"authorizer": {}}}],
)
def test_without_an_authorizer_the_api_itself_decides(event: dict[str, Any]) -> None:
    assert caller_of(event) == Caller(key_id=None, scopes=None, may_change=True)
