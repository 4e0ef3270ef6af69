"""An OpenID Connect issuer on loopback, with keys of its own."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGER = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
AUDIENCE = "bakeoff"


class Issuer:
    """An OpenID Connect issuer, as far as a resource server sees it."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [public(RSA_KEY, "rsa-1"), public(EC_KEY, "ec-1")]
        self.named: str | None = None
        self.jwks_uri: str | None = None
        self.requests: list[str] = []
        self.status = 200
        self.document: bytes | None = None
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests.append(self.path)
                documents = {
                    "/.well-known/openid-configuration": {
                        "issuer": issuer.named or issuer.url,
                        "jwks_uri": issuer.jwks_uri or f"{issuer.url}/keys",
                    },
                    "/keys": {"keys": issuer.keys},
                }
                body = issuer.document or json.dumps(documents[self.path]).encode()
                self.send_response(issuer.status)
                self.send_header("Location", f"{issuer.url}/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self._stopped = False

    def stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ana",
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "scope": "openid bakeoff/read",
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}


def public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, **fields: Any) -> dict[str, Any]:
    written = (
        RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        if isinstance(key, rsa.RSAPrivateKey)
        else ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    )
    return {**written, "kid": kid, **fields}


def sign(claims: dict[str, Any], key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "rsa-1") -> str:
    return jwt.encode(claims, key, algorithm, {"kid": kid} if kid else None)
