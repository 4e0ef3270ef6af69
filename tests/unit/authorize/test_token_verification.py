"""Tokens of a real issuer on loopback: discovery, key sets, and what attackers try."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.identity.scopes import Scope
from identities import Identity, Refused
from tests.oidc import AUDIENCE, EC_KEY, RSA_KEY, STRANGER, Issuer, public, sign
from tests.support import SettableClock
from token_verification import KeySet, TokenVerifier, fetch, token_verifier

WORDS: dict[Scope, str] = {"client": "bakeoff/client", "read": "bakeoff/read", "admin": "bakeoff/admin"}


def part(document: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=")


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def verifier(issuer: Issuer, clock: SettableClock) -> TokenVerifier:
    return verifier_of(issuer, clock)


def verifier_of(issuer: Issuer, clock: SettableClock, claim: str = "scope") -> TokenVerifier:
    keys = KeySet(issuer.url, fetch, clock)
    return TokenVerifier(keys, issuer=issuer.url, audience=AUDIENCE, scope_claim=claim, scopes=WORDS)


def reason(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Refused) as refusal:
        verifier.verify(token)
    return refusal.value.reason


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256"])
def test_a_token_stands_for_its_subject(verifier: TokenVerifier, issuer: Issuer, algorithm: str) -> None:
    expected = Identity(f"{issuer.url}#ana", frozenset({"read"}))
    assert verifier.verify(sign(issuer.claims(), algorithm=algorithm)) == expected
    assert verifier.verify(sign(issuer.claims(aud=["other", AUDIENCE]))) == expected
    assert verifier.verify(sign(issuer.claims(), EC_KEY, "ES256", "ec-1")) == expected


@pytest.mark.parametrize(
    ("claim", "held"),
    [
        ("bakeoff/admin bakeoff/client", {"admin", "client"}),
        (["bakeoff/read", 7], {"read"}),
        ("admin read", set()),
        (None, set()),
        ({"bakeoff/admin": True}, set()),
        (True, set()),
    ],
)
def test_the_claim_says_what_the_bearer_may_do(
    issuer: Issuer, clock: SettableClock, claim: Any, held: set[str]
) -> None:
    token = sign(issuer.claims(groups=claim, scope="bakeoff/admin"))
    assert verifier_of(issuer, clock, "groups").verify(token).scopes == held


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": 1}, "expired"),
        ({"nbf": 9_999_999_999}, "ImmatureSignatureError"),
        ({"iss": "https://other.example.com"}, "InvalidIssuerError"),
        ({"aud": "another service"}, "InvalidAudienceError"),
        ({"aud": None}, "MissingRequiredClaimError"),
        ({"exp": None}, "MissingRequiredClaimError"),
        ({"sub": None}, "MissingRequiredClaimError"),
        ({"iss": None}, "MissingRequiredClaimError"),
        ({"exp": "soon"}, "DecodeError"),
    ],
)
def test_a_token_for_another_time_or_place_is_refused(
    verifier: TokenVerifier, issuer: Issuer, changes: dict[str, Any], why: str
) -> None:
    assert reason(verifier, sign(issuer.claims(**changes))) == why


def test_a_token_without_a_signature_is_refused(verifier: TokenVerifier, issuer: Issuer) -> None:
    body = part(issuer.claims())
    for name in ("none", "None", "NONE", "nOnE"):
        head = part({"alg": name, "typ": "JWT", "kid": "rsa-1"})
        assert reason(verifier, (head + b"." + body + b".").decode()) == "algorithm"
    stripped = sign(issuer.claims()).rpartition(".")[0] + "."
    assert reason(verifier, stripped) == "InvalidSignatureError"


def test_the_public_key_does_not_serve_as_a_shared_secret(verifier: TokenVerifier, issuer: Issuer) -> None:
    pem = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    modulus = base64.urlsafe_b64decode(issuer.keys[0]["n"] + "==")
    for secret in (pem, modulus, json.dumps(issuer.keys[0]).encode()):
        for algorithm, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
            signed = part({"alg": algorithm, "kid": "rsa-1"}) + b"." + part(issuer.claims())
            signature = base64.urlsafe_b64encode(hmac.new(secret, signed, digest).digest()).rstrip(b"=")
            assert reason(verifier, (signed + b"." + signature).decode()) == "algorithm"


def test_a_key_of_the_callers_own_does_not_count(verifier: TokenVerifier, issuer: Issuer) -> None:
    assert reason(verifier, sign(issuer.claims(), STRANGER)) == "InvalidSignatureError"
    headers = {"kid": "rsa-1", "jwk": public(STRANGER, "rsa-1"), "jku": f"{issuer.url}/mine", "x5u": issuer.url}
    assert reason(verifier, jwt.encode(issuer.claims(), STRANGER, "RS256", headers)) == "InvalidSignatureError"
    assert "/mine" not in issuer.requests


def test_an_algorithm_goes_with_the_keys_own_type(verifier: TokenVerifier, issuer: Issuer) -> None:
    assert reason(verifier, sign(issuer.claims(), EC_KEY, "ES256", "rsa-1")) == "algorithm"
    assert reason(verifier, sign(issuer.claims(), RSA_KEY, "RS256", "ec-1")) == "algorithm"


def test_a_changed_token_is_refused(verifier: TokenVerifier, issuer: Issuer) -> None:
    head, _, signature = sign(issuer.claims()).split(".")
    body = part(issuer.claims(scope="bakeoff/admin")).decode()
    assert reason(verifier, f"{head}.{body}.{signature}") == "InvalidSignatureError"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "bk_0123456789ab_" + "0" * 48, "é.é.é", "x" * 20_000])
def test_what_is_no_token_is_refused_without_asking_the_issuer(
    verifier: TokenVerifier, issuer: Issuer, token: str
) -> None:
    assert reason(verifier, token) == "malformed"
    assert issuer.requests == []


def test_keys_for_encryption_or_with_a_secret_are_left_out(issuer: Issuer, clock: SettableClock) -> None:
    secret = base64.urlsafe_b64encode(b"s" * 32).decode()
    issuer.keys = [
        public(RSA_KEY, "rsa-1"),
        public(STRANGER, "enc", use="enc"),
        {"kty": "oct", "kid": "shared", "k": secret, "alg": "HS256"},
        public(STRANGER, "odd", alg="RSA-OAEP"),
    ]
    verifier = verifier_of(issuer, clock)
    assert verifier.verify(sign(issuer.claims())).scopes == {"read"}
    for kid in ("enc", "odd"):
        assert reason(verifier, sign(issuer.claims(), STRANGER, kid=kid)) == "unknown"
    assert reason(verifier, sign(issuer.claims(), b"s" * 32, "HS256", "shared")) == "algorithm"


def test_keys_are_fetched_once_and_again_for_one_that_is_new(
    verifier: TokenVerifier, issuer: Issuer, clock: SettableClock
) -> None:
    for _ in range(5):
        verifier.verify(sign(issuer.claims()))
    assert issuer.requests == ["/.well-known/openid-configuration", "/keys"]
    issuer.keys.append(public(STRANGER, "rsa-2"))
    token = sign(issuer.claims(), STRANGER, kid="rsa-2")
    assert reason(verifier, token) == "unknown"  # fetched just now
    clock.advance(30)
    assert verifier.verify(token).key_id == f"{issuer.url}#ana"


def test_made_up_key_ids_do_not_flood_the_issuer(verifier: TokenVerifier, issuer: Issuer, clock: SettableClock) -> None:
    for number in range(100):
        assert reason(verifier, sign(issuer.claims(), STRANGER, kid=f"made-up-{number}")) == "unknown"
        clock.advance(1)
    assert len(issuer.requests) == 2 * 4


def test_a_key_that_the_issuer_withdrew_is_refused_within_the_hour(
    verifier: TokenVerifier, issuer: Issuer, clock: SettableClock
) -> None:
    verifier.verify(sign(issuer.claims()))
    issuer.keys = [public(STRANGER, "rsa-2")]
    clock.advance(3_600)
    assert reason(verifier, sign(issuer.claims())) == "unknown"


def test_without_the_issuer_nobody_gets_in_by_a_key_that_was_never_seen(
    verifier: TokenVerifier, issuer: Issuer, clock: SettableClock
) -> None:
    issuer.stop()
    with pytest.raises(DependencyUnavailable):
        verifier.verify(sign(issuer.claims()))
    clock.advance(1)
    with pytest.raises(DependencyUnavailable):  # within the pause between two fetches as well
        verifier.verify(sign(issuer.claims()))


def test_known_keys_serve_for_a_day_without_the_issuer(
    verifier: TokenVerifier, issuer: Issuer, clock: SettableClock
) -> None:
    verifier.verify(sign(issuer.claims()))
    issuer.stop()
    clock.advance(23 * 3_600)
    assert verifier.verify(sign(issuer.claims())).scopes == {"read"}
    clock.advance(30)
    with pytest.raises(DependencyUnavailable):
        verifier.verify(sign(issuer.claims(), STRANGER, kid="rsa-2"))
    clock.advance(3_600)
    with pytest.raises(DependencyUnavailable):
        verifier.verify(sign(issuer.claims()))


@pytest.mark.parametrize(
    "spoil",
    [
        {"status": 500},
        {"status": 302},
        {"document": b"<html>"},
        {"document": b"[]"},
        {"document": b"{}"},
        {"document": b"x" * (1024 * 1024 + 1)},
        {"named": "https://other.example.com"},
        {"jwks_uri": "http://keys.example.com/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"keys": [{"kty": "RSA", "kid": "rsa-1", "n": "!", "e": "AQAB"}]},
    ],
)
def test_an_issuer_that_makes_no_sense_opens_nothing(
    verifier: TokenVerifier, issuer: Issuer, spoil: dict[str, Any]
) -> None:
    for name, value in spoil.items():
        setattr(issuer, name, value)
    with pytest.raises(DependencyUnavailable):
        verifier.verify(sign(issuer.claims()))


def test_an_issuer_goes_with_an_audience() -> None:
    with pytest.raises(ValueError, match="BAKEOFF_JWT_AUDIENCE"):
        token_verifier("https://login.example.com", "", "scope", WORDS)


def test_tokens_stay_out_of_the_log(verifier: TokenVerifier, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    issuer.stop()
    token = sign(issuer.claims())
    with pytest.raises(DependencyUnavailable):
        verifier.verify(token)
    logged = str([vars(record) for record in caplog.records])
    assert issuer.url in logged
    assert token.rpartition(".")[2] not in logged
