"""JSON Web Tokens of an OpenID Connect issuer, checked by the keys that it publishes."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt

from bakeoff_core.clock import Clock, utc_now
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.identity.scopes import Scope
from bakeoff_core.telemetry import logger
from identities import Identity, Refused

# Signatures by a public key alone: with an HMAC, whoever knows the issuer's public key could sign.
_FAMILY_OF_KEY = {
    "RSA": frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    "EC": frozenset({"ES256", "ES384", "ES512"}),
}
_ALGORITHMS = frozenset().union(*_FAMILY_OF_KEY.values())
_REQUIRED = ("aud", "exp", "iss", "sub")
_CLOCK_SKEW_SECONDS = 30
_MAX_TOKEN_CHARACTERS = 16_384
_MAX_DOCUMENT_BYTES = 1024 * 1024
_TIMEOUT_SECONDS = 2
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_KEY_SETS_SERVE = timedelta(hours=1)
_KEY_SETS_SERVE_WITHOUT_THE_ISSUER = timedelta(hours=24)
_BETWEEN_FETCHES = timedelta(seconds=30)

Fetch = Callable[[str], bytes]


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def fetch(url: str) -> bytes:
    """Read a document of the issuer.

    Raises:
        OSError: It cannot be had.
        ValueError: The address is not HTTPS, or the document too long.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"{url}: must be https")
    opener = urllib.request.build_opener(_NoRedirects)
    with opener.open(url, timeout=_TIMEOUT_SECONDS) as answer:
        document: bytes = answer.read(_MAX_DOCUMENT_BYTES + 1)
    if len(document) > _MAX_DOCUMENT_BYTES:
        raise ValueError(f"{url}: is above {_MAX_DOCUMENT_BYTES} bytes")
    return document


class KeySet:
    """The keys that an issuer signs with, fetched by discovery when they are needed.

    They are fetched again every hour, and when a token names a key that is not among them; for one reason or the
    other, and whether it succeeds or not, at most every half minute. Where the issuer does not answer, the keys it had
    before serve for a day.

    Args:
        issuer: The issuer's URL, as its tokens have it.
        fetch: Reads a document.
        clock: The time.
    """

    def __init__(self, issuer: str, fetch: Fetch, clock: Clock) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._keys: Mapping[str | None, jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None

    def key(self, key_id: str | None) -> jwt.PyJWK | None:
        """Find a key, or None where the issuer has none of that id.

        Raises:
            DependencyUnavailable: The keys cannot be had, and those there are too old or not enough to tell.
        """
        now = self._clock()
        failed = False
        if (self._age(now) >= _KEY_SETS_SERVE or key_id not in self._keys) and self._may_fetch(now):
            failed = not self._refresh(now)
        key = self._keys.get(key_id)
        if self._age(now) >= _KEY_SETS_SERVE_WITHOUT_THE_ISSUER or (key is None and failed):
            raise DependencyUnavailable("the issuer of tokens")
        return key

    def _age(self, now: datetime) -> timedelta:
        return timedelta.max if self._fetched_at is None else now - self._fetched_at

    def _may_fetch(self, now: datetime) -> bool:
        return self._tried_at is None or now - self._tried_at >= _BETWEEN_FETCHES

    def _refresh(self, now: datetime) -> bool:
        self._tried_at = now
        try:
            self._keys = self._published()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
            logger.error("the keys of the issuer cannot be read", issuer=self._issuer, cause=str(error))
            return False
        self._fetched_at = now
        return True

    def _published(self) -> dict[str | None, jwt.PyJWK]:
        discovered = json.loads(self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"))
        if discovered["issuer"] != self._issuer:
            raise ValueError(f"the document of discovery is of another issuer: {discovered['issuer']}")
        published = json.loads(self._fetch(discovered["jwks_uri"]))["keys"]
        return {key.get("kid"): jwt.PyJWK(key, _algorithm_of(key)) for key in published if _is_for_signatures(key)}


class TokenVerifier:
    """Recognises tokens.

    Args:
        keys: The issuer's.
        issuer: Its URL, as the tokens have it.
        audience: Whom a token must be for.
        scope_claim: The claim that says what the caller may do: words with spaces between, or a list.
        scopes: The claim's words for each of Bakeoff's scopes.
    """

    def __init__(
        self, keys: KeySet, *, issuer: str, audience: str, scope_claim: str, scopes: Mapping[Scope, str]
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._scope_claim = scope_claim
        self._scopes = scopes

    def verify(self, credential: str) -> Identity:
        """Check a token's signature, issuer, audience and times, and read what it allows."""
        claims = self._claims(credential)
        subject = claims["sub"]
        held = _words(claims.get(self._scope_claim))
        return Identity(
            f"{self._issuer}#{subject}", frozenset(scope for scope, word in self._scopes.items() if word in held)
        )

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _MAX_TOKEN_CHARACTERS:
            raise Refused("malformed")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise Refused("malformed") from None
        algorithm = header.get("alg")
        if algorithm not in _ALGORITHMS:
            raise Refused("algorithm")
        key = self._keys.key(header.get("kid"))
        if key is None:
            raise Refused("unknown")
        if algorithm not in _FAMILY_OF_KEY[str(key.key_type)]:
            raise Refused("algorithm")
        try:
            return jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=_CLOCK_SKEW_SECONDS,
                options={"require": list(_REQUIRED)},
            )
        except jwt.ExpiredSignatureError:
            raise Refused("expired") from None
        except jwt.PyJWTError as error:
            raise Refused(type(error).__name__) from None


def token_verifier(issuer: str, audience: str, scope_claim: str, scopes: Mapping[Scope, str]) -> TokenVerifier:
    """Make the verifier of a deployment.

    Raises:
        ValueError: There is no audience: tokens for any other service of the issuer would do.
    """
    if not audience:
        raise ValueError("BAKEOFF_JWT_AUDIENCE: must be set where there is an issuer")
    keys = KeySet(issuer, fetch, utc_now)
    return TokenVerifier(keys, issuer=issuer, audience=audience, scope_claim=scope_claim, scopes=scopes)


def _is_for_signatures(key: Mapping[str, Any]) -> bool:
    return key["kty"] in _FAMILY_OF_KEY and key.get("use", "sig") == "sig" and _algorithm_of(key) in _ALGORITHMS


def _algorithm_of(key: Mapping[str, Any]) -> str:
    # What the key is read by; a token's own algorithm is held against the key's type, and counts.
    return str(key.get("alg") or ("RS256" if key["kty"] == "RSA" else _CURVES.get(key.get("crv", ""), "")))


_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


def _words(claim: object) -> Sequence[str]:
    if isinstance(claim, str):
        return claim.split()
    return [word for word in claim if isinstance(word, str)] if isinstance(claim, list) else []
