"""Bucketing: the point in [0, 1) on which a unit falls.

Every decision hashes under its own purpose, so that being sampled into an
experiment says nothing about the group one gets in it.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Literal

Purpose = Literal["namespace", "holdout", "sampling", "group"]

_HASH_BITS = 64
_FLOAT_BITS = 53  # a double holds 53 bits exactly; more could round up to 1.0
_BUCKETS = 1 << _FLOAT_BITS


def bucket(salt: str, purpose: Purpose, unit: str) -> float:
    """Place a unit on [0, 1), uniformly and for ever the same.

    Args:
        salt: The experiment's salt, or the name of the namespace or the holdout.
        purpose: What is being decided.
        unit: The unit's id, hashed as its UTF-8 bytes.

    Returns:
        A multiple of 2**-53 in [0, 1).

    Raises:
        UnicodeEncodeError: The id holds a lone surrogate.
    """
    digest = _prefix(salt, purpose).copy()
    digest.update(unit.encode())
    top_bits = int.from_bytes(digest.digest(), "big") >> (_HASH_BITS - _FLOAT_BITS)
    return top_bits / _BUCKETS


@lru_cache(maxsize=4_096)
def _prefix(salt: str, purpose: Purpose) -> "blake2b":
    return blake2b(f"{salt}\x1f{purpose}\x1f".encode(), digest_size=_HASH_BITS // 8)
