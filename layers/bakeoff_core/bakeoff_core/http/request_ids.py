"""The id under which a request is found again in the logs."""

import re
from collections.abc import Callable
from uuid import uuid4

HEADER = "X-Request-ID"

_ACCEPTABLE = re.compile(r"[\x21-\x7e]{1,128}")


def request_id_for(given: str | None, new_id: Callable[[], str] = lambda: str(uuid4())) -> str:
    """Keep the caller's own id if it is fit for a header, else make a new one.

    Args:
        given: What the caller sent, if anything.
        new_id: Makes an id.
    """
    return given if given is not None and _ACCEPTABLE.fullmatch(given) else new_id()
