"""Lambda entry point: may a request go through (HTTP API authorizer, payload format 2.0, simple responses)."""

from bakeoff_core.startup import end_startup

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from authorization import Authorizer
from bakeoff_core.clock import utc_now
from bakeoff_core.errors import InvalidInput
from bakeoff_core.http.events import checked_request
from bakeoff_core.identity.keys import Rate
from bakeoff_core.settings import Settings
from bakeoff_core.stores.api_keys import DynamoApiKeyStore
from bakeoff_core.stores.aws import impatient_table
from bakeoff_core.telemetry import count, logger
from identities import Verifier
from key_verification import KeyVerifier, RecentKeys
from request_rates import RequestRates


def _build_authorizer(settings: Settings) -> Authorizer:
    store = DynamoApiKeyStore(impatient_table(settings.api_keys_table))
    return Authorizer(
        _token_verifier(settings) if settings.jwt_issuer else _key_verifier(settings, store),
        RequestRates(store, Rate(settings.key_requests_per_second, settings.key_burst), utc_now),
        admin_by_iam=settings.admin_authentication == "iam",
    )


def _key_verifier(settings: Settings, store: DynamoApiKeyStore) -> Verifier:
    keys = RecentKeys(store, settings.key_cache_seconds, utc_now, lambda _key_id: count("stale_key_total"))
    return KeyVerifier(keys, utc_now)


def _token_verifier(settings: Settings) -> Verifier:
    # Cryptography is large, and a stack with keys needs none of it.
    from token_verification import token_verifier  # noqa: PLC0415

    return token_verifier(settings.jwt_issuer, settings.jwt_audience, settings.jwt_scope_claim, settings.jwt_scopes)


_authorizer = _build_authorizer(Settings.from_environment())
end_startup()


# An event holds the caller's key, so no setting may have it logged.
@logger.inject_lambda_context(log_event=False)
def handler(event: Mapping[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer API Gateway whether a request may go through."""
    try:
        request = checked_request(event)
    except InvalidInput:
        logger.error("event not understood")
        return {"isAuthorized": False}
    return _authorizer.decide(request)
