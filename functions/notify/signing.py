"""The signature of a webhook, as the Standard Webhooks specification has it."""

import base64
import hmac
from collections.abc import Mapping
from datetime import datetime

PREFIX = "whsec_"


def signed_headers(secret: str, message_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """Make the headers by which a receiver knows who sent a body, and that it is neither old nor known already.

    Args:
        secret: What the receiver has too: base64, with or without `whsec_` before it.
        message_id: The same for every attempt to send the message.
        at: When this attempt is made.
        body: The body as it is sent.

    Source:
        https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    key = base64.b64decode(secret.removeprefix(PREFIX))
    timestamp = str(int(at.timestamp()))
    signed = b".".join([message_id.encode(), timestamp.encode(), body])
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}
