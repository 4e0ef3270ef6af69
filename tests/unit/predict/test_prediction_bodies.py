"""How large a body may be, in whichever form it comes."""

import pytest

from bakeoff_core.errors import PayloadTooLarge
from prediction_bodies import MAX_BODY_BYTES, check_bytes


@pytest.mark.parametrize("body", [b"x" * MAX_BODY_BYTES, "x" * MAX_BODY_BYTES, "ä" * (MAX_BODY_BYTES // 2)])
def test_the_largest_body_is_accepted(body: str | bytes) -> None:
    check_bytes(body)


@pytest.mark.parametrize("more", ["x", "ä", "\ud800", b"\xff"])
def test_a_text_counts_by_its_bytes(more: str | bytes) -> None:
    body = "ä" * (MAX_BODY_BYTES // 2) + more if isinstance(more, str) else b"x" * MAX_BODY_BYTES + more
    with pytest.raises(PayloadTooLarge, match=f"at most {MAX_BODY_BYTES} bytes are accepted, got 52428"):
        check_bytes(body)
