"""Ids that sort by the time they were made."""

from collections.abc import Callable
from datetime import datetime
from os import urandom
from uuid import UUID


def time_ordered_id(now: datetime, random_bytes: Callable[[int], bytes] = urandom) -> str:
    """Make a UUID of version 7: 48 bits of Unix milliseconds, then 74 random bits.

    Args:
        now: An aware datetime.
        random_bytes: Makes that many random bytes.

    Source:
        RFC 9562, section 5.7.
    """
    milliseconds = int(now.timestamp() * 1_000)
    value = milliseconds << 80 | int.from_bytes(random_bytes(10), "big")
    version_and_variant = 0x7 << 76 | 0b10 << 62
    mask = 0xF << 76 | 0b11 << 62
    return str(UUID(int=value & ~mask | version_and_variant))
