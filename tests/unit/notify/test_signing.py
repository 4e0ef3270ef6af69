import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from bakeoff_core.clock import utc_now
from signing import signed_headers
from tests.support import NOON

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def test_the_example_of_the_specification() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    headers = signed_headers(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", NOON.fromtimestamp(1_614_265_330, NOON.tzinfo), body
    )
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(message_id=st.text("abcdef0123456789-", min_size=1), text=st.text(st.characters(codec="utf-8")))
def test_the_receivers_own_library_accepts_it(message_id: str, text: str) -> None:
    body = json.dumps({"text": text}).encode()
    headers = dict(signed_headers(SECRET, message_id, utc_now(), body))
    assert Webhook(SECRET).verify(body, headers) == {"text": text}


def test_it_refuses_another_body_and_another_secret() -> None:
    headers = dict(signed_headers(SECRET.removeprefix("whsec_"), "m", utc_now(), b"{}"))
    assert Webhook(SECRET).verify(b"{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(b"[]", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 32).verify(b"{}", headers)
