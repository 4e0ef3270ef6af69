"""Whether a request may go through."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakeoff_core.identity.scopes import allows, is_administrative
from bakeoff_core.telemetry import count, logger
from credentials import credential_of
from identities import Identity, Refused, Verifier
from request_rates import RequestRates


@dataclass(frozen=True, slots=True)
class Authorizer:
    """Decides about requests.

    Attributes:
        verifier: Tells who a caller is.
        rates: Tells whether it asks too often.
        admin_by_iam: Whether administrative routes are for function URLs alone.
    """

    verifier: Verifier
    rates: RequestRates
    admin_by_iam: bool = False

    def decide(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer API Gateway with a simple response.

        Args:
            event: An authorizer's event of payload format 2.0.

        Raises:
            DependencyUnavailable: The caller cannot be told from others now: API Gateway then answers 500.
        """
        route = event.get("routeKey", "")
        try:
            identity = self._identify(event)
            self._check_scope(identity, route)
        except Refused as refusal:
            count("request_refused_total", reason=refusal.reason)
            logger.info("request refused", reason=refusal.reason, key_id=refusal.key_id, route=route)
            return {"isAuthorized": False}
        wait = self.rates.take(identity.key_id, identity.rate)
        if wait is not None:
            count("request_throttled_total")
            logger.info("request throttled", key_id=identity.key_id, route=route)
        return {
            "isAuthorized": True,
            "context": {
                "key_id": identity.key_id,
                "scopes": " ".join(sorted(identity.scopes)),
                "throttled": wait is not None,
                "retry_after": wait or 0,
            },
        }

    def _identify(self, event: Mapping[str, Any]) -> Identity:
        credential = credential_of(event)
        if not credential:
            raise Refused("missing")
        return self.verifier.verify(credential)

    def _check_scope(self, identity: Identity, route: str) -> None:
        if self.admin_by_iam and is_administrative(route):
            raise Refused("admin_by_iam", identity.key_id)
        if not allows(identity.scopes, route):
            raise Refused("scope", identity.key_id)
