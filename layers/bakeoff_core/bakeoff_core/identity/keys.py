"""API keys: how they are made, written, kept and recognised."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from hmac import compare_digest

from bakeoff_core.identity.scopes import Scope

_ID_BYTES = 6
_SECRET_BYTES = 24  # 192 bits: nobody guesses them, so a fast hash protects them as well as a slow one
_SALT_BYTES = 16
_HASH_BYTES = 32
_PERSON = b"bakeoff api key"
_KEY = re.compile(r"bk_([0-9a-f]{12})_([0-9a-f]{48})", re.ASCII)

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """What a caller sent: whose key it says it is, and the secret that is to prove it."""

    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "PresentedKey | None":
        """Read `bk_<key_id>_<secret>`, or None where the text is no key."""
        match = _KEY.fullmatch(text)
        return cls(match[1], match[2]) if match else None

    def __str__(self) -> str:
        """Write the key as its owner sends it."""
        return f"bk_{self.key_id}_{self.secret}"


@dataclass(frozen=True, slots=True)
class SecretHash:
    """What is kept of a secret.

    Attributes:
        salt: Its own.
        digest: The salted BLAKE2b hash.
        created_at: When the secret was made.
        valid_until: From when on it opens nothing, where it was replaced by another.
    """

    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    created_at: datetime
    valid_until: datetime | None = None

    @classmethod
    def of(cls, secret: str, salt: bytes, created_at: datetime) -> "SecretHash":
        """Hash a secret."""
        return cls(salt, _digest(secret, salt), created_at)

    def matches(self, secret: str, now: datetime) -> bool:
        """Say whether it is the hash of that secret and valid, in a time that tells nothing of the secret."""
        same = compare_digest(self.digest, _digest(secret, self.salt))
        return same and (self.valid_until is None or now < self.valid_until)


@dataclass(frozen=True, slots=True)
class Rate:
    """How much a key may ask for.

    Attributes:
        requests_per_second: In the long run.
        burst: At once.
    """

    requests_per_second: float
    burst: float


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: everything but its secret.

    Attributes:
        key_id: Names it, in logs and audit trails as well.
        name: What its maker calls it.
        scopes: What it opens.
        created_at: When it was made.
        created_by: Who made it.
        hashes: Of its secret, and of secrets before it that are still valid.
        expires_at: From when on it opens nothing.
        revoked_at: When it was revoked.
        rate: Its own limits; None takes the stack's.
    """

    key_id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    created_by: str
    hashes: tuple[SecretHash, ...]
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    rate: Rate | None = None

    @property
    def rotated_at(self) -> datetime:
        """When its present secret was made."""
        return max(kept.created_at for kept in self.hashes)

    def is_live(self, now: datetime) -> bool:
        """Say whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def recognises(self, secret: str, now: datetime) -> bool:
        """Say whether the secret is one of its own."""
        return any([kept.matches(secret, now) for kept in self.hashes])  # noqa: C419 - all of them, whichever matches


def refuse_in_the_same_time(secret: str) -> None:
    """Spend on a key that nobody has what a known one takes."""
    _NOBODY.matches(secret, _NOBODY.created_at)


def new_key(  # noqa: PLR0913 - one parameter a field
    name: str,
    scopes: frozenset[Scope],
    *,
    created_by: str,
    now: datetime,
    expires_at: datetime | None = None,
    rate: Rate | None = None,
    random: Random = secrets.token_bytes,
) -> tuple[ApiKey, PresentedKey]:
    """Make a key.

    Args:
        name: What its maker calls it.
        scopes: What it opens.
        created_by: Who makes it.
        now: The time.
        expires_at: From when on it opens nothing.
        rate: Its own limits.
        random: Makes so many bytes that nobody can foretell.

    Returns:
        What is kept, and the key itself, which is kept nowhere.
    """
    presented = PresentedKey(random(_ID_BYTES).hex(), random(_SECRET_BYTES).hex())
    kept = SecretHash.of(presented.secret, random(_SALT_BYTES), now)
    return ApiKey(presented.key_id, name, scopes, now, created_by, (kept,), expires_at, rate=rate), presented


def rotated(
    key: ApiKey, *, overlap: timedelta, now: datetime, random: Random = secrets.token_bytes
) -> tuple[ApiKey, PresentedKey]:
    """Give a key a new secret.

    Args:
        key: The key.
        overlap: For how long the present secret stays valid.
        now: The time.
        random: Makes so many bytes that nobody can foretell.

    Returns:
        What is kept, and the key with its new secret.
    """
    presented = PresentedKey(key.key_id, random(_SECRET_BYTES).hex())
    ending = [_until(kept, now + overlap) for kept in key.hashes]
    valid = [kept for kept in ending if kept.valid_until is not None and now < kept.valid_until]
    return replace(key, hashes=(*valid, SecretHash.of(presented.secret, random(_SALT_BYTES), now))), presented


def _until(kept: SecretHash, end: datetime) -> SecretHash:
    return replace(kept, valid_until=end if kept.valid_until is None else min(kept.valid_until, end))


def _digest(secret: str, salt: bytes) -> bytes:
    return blake2b(secret.encode(), digest_size=_HASH_BYTES, salt=salt, person=_PERSON).digest()


_NOBODY = SecretHash.of("", bytes(_SALT_BYTES), datetime.min.replace(tzinfo=UTC))
