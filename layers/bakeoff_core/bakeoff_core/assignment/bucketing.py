"""Bucketing: the point in [0, 1) on which a unit falls.

Every decision hashes under its own purpose, so that being sampled into an
experiment says nothing about the group one gets in it.
"""

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from math import ceil
from struct import Struct
from typing import Literal

Purpose = Literal["namespace", "holdout", "sampling", "group"]

_HASH_BITS = 64
_FLOAT_BITS = 53  # a double holds 53 bits exactly; more could round up to 1.0
_SPARE_BITS = _HASH_BITS - _FLOAT_BITS
_BUCKETS = 1 << _FLOAT_BITS
_unpack = Struct(">Q").unpack


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
    return bucketing(salt, purpose)(unit)


@lru_cache(maxsize=4_096)
def bucketing(salt: str, purpose: Purpose) -> Callable[[str], float]:
    """Make `bucket` for one salt and purpose, which are hashed once."""
    digest_of = hashing(salt, purpose)

    def bucket_of(unit: str) -> float:
        number: int = _unpack(digest_of(unit))[0]
        return (number >> _SPARE_BITS) / _BUCKETS

    return bucket_of


@lru_cache(maxsize=4_096)
def hashing(salt: str, purpose: Purpose) -> Callable[[str], bytes]:
    """Make the hash behind `bucket`: digests are in the order of the buckets that they stand for."""
    salted = blake2b(f"{salt}\x1f{purpose}\x1f".encode(), digest_size=_HASH_BITS // 8).copy

    def digest_of(unit: str) -> bytes:
        digest = salted()
        digest.update(unit.encode())
        return digest.digest()

    return digest_of


def least_digest_at(point: float) -> bytes:
    """Find the least digest whose bucket is at or above a point; from 1 on, one that is above every digest.

    Comparing digests with it tells the same as comparing buckets with the point, without making a number of each.
    """
    number = ceil(point * _BUCKETS) << _SPARE_BITS
    return number.to_bytes(_HASH_BITS // 8) if point < 1 else b"\xff" * (_HASH_BITS // 8 + 1)
