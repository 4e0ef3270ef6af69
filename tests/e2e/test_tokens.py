"""A stack that takes an issuer's tokens instead of keys, over real HTTP."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bakeoff.api import Api, ApiError
from bakeoff.standin.standin import DEFAULT_PARAMETERS, Standin
from tests.conftest import PROJECT_ROOT
from tests.oidc import AUDIENCE, STRANGER, Issuer, sign

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def stack(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    parameters = {
        **DEFAULT_PARAMETERS,
        "JwtIssuer": issuer.url,
        "JwtAudience": AUDIENCE,
        "JwtScopeClaim": "groups",
        "JwtScopes": "read=viewers,admin=owners",
    }
    logs = tmp_path_factory.mktemp("logs")
    with Standin(PROJECT_ROOT / "template.yaml", logs=logs, parameters=parameters) as stack:
        yield stack


def test_a_token_opens_what_its_groups_say_and_names_its_subject(stack: Standin, issuer: Issuer) -> None:
    viewer, owner = (sign(issuer.claims(groups=[group], sub=group)) for group in ("viewers", "owners"))
    groups = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]
    with Api(stack.url, viewer) as reading, Api(stack.url, owner) as administering:
        administering.post("/ab_test/experiments", {"name": "by_token", "groups": groups})
        assert [each["name"] for each in reading.get("/ab_test/experiments")] == ["by_token"]
        with pytest.raises(ApiError, match="403: Forbidden"):
            reading.post("/ab_test/experiments/by_token/start")
        (entry,) = reading.get("/ab_test/experiments/by_token/history")
    assert entry["actor"] == f"{issuer.url}#owners"


def test_neither_keys_nor_forged_tokens_open_anything(stack: Standin, issuer: Issuer) -> None:
    forged = sign(issuer.claims(groups=["owners"]), STRANGER)
    expired = sign(issuer.claims(groups=["owners"], exp=1))
    for credential in (stack.keys["admin"], forged, expired, "x.y.z"):
        answer = httpx.get(f"{stack.url}/models", headers={"Authorization": f"Bearer {credential}"}, timeout=30)
        assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})


def test_nothing_opens_while_an_issuer_is_away_whose_keys_were_never_seen(tmp_path: Path) -> None:
    away = Issuer()
    away.stop()
    parameters = {**DEFAULT_PARAMETERS, "JwtIssuer": away.url, "JwtAudience": AUDIENCE}
    with Standin(PROJECT_ROOT / "template.yaml", logs=tmp_path, parameters=parameters) as stack:
        token = sign(away.claims(scope="bakeoff/admin"))
        answer = httpx.get(f"{stack.url}/models", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
        log = (tmp_path / "AuthorizeFunction.log").read_text()
    assert "the keys of the issuer cannot be read" in log
    assert token.rpartition(".")[2] not in log
