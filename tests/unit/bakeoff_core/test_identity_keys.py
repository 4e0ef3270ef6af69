import re
from dataclasses import replace
from datetime import timedelta

import pytest

from bakeoff_core.errors import KeyEnded, KeyNotFound
from bakeoff_core.identity.key_ring import KeyRing
from bakeoff_core.identity.keys import ApiKey, PresentedKey, Rate, new_key, rotated
from bakeoff_core.stores.api_keys import InMemoryApiKeyStore
from tests.support import NOON, SettableClock

HOUR = timedelta(hours=1)


def made() -> tuple[ApiKey, PresentedKey]:
    return new_key("shop", frozenset({"client"}), created_by="ana", now=NOON)


def test_a_key_says_whose_it_is_and_holds_192_bits_of_secret() -> None:
    key, presented = made()
    assert re.fullmatch(r"bk_[0-9a-f]{12}_[0-9a-f]{48}", str(presented))
    assert str(presented).split("_")[1] == key.key_id
    assert PresentedKey.parse(str(presented)) == presented


@pytest.mark.parametrize(
    "text",
    ["", "bk_", "bk_0123456789ab_", "xx_0123456789ab_" + "0" * 48, "bk_0123456789ab_" + "0" * 47, "bk_0123456789ab_"
     + "0" * 49, "bk_0123456789AB_" + "0" * 48, "bk_0123456789ab_" + "0" * 48 + "\n", "bk_usage#456789_" + "0" * 48],
)  # fmt: skip
def test_what_is_no_key_is_none(text: str) -> None:
    assert PresentedKey.parse(text) is None


def test_it_recognises_its_own_secret_alone() -> None:
    key, presented = made()
    _, other = made()
    assert key.recognises(presented.secret, NOON)
    assert not key.recognises(other.secret, NOON)
    assert not key.recognises("", NOON)


def test_two_keys_of_one_secret_have_different_hashes() -> None:
    given = iter([b"A" * 6, b"s" * 24, b"1" * 16, b"B" * 6, b"s" * 24, b"2" * 16])
    (first, _), (second, _) = (
        new_key("k", frozenset({"read"}), created_by="ana", now=NOON, random=lambda _size: next(given))
        for _ in range(2)
    )
    assert first.hashes[0].digest != second.hashes[0].digest


def test_nothing_printed_of_a_key_shows_its_secret_or_hash() -> None:
    key, presented = made()
    printed = repr(key) + repr(presented)
    assert presented.secret not in printed
    assert key.hashes[0].digest.hex() not in printed
    assert repr(key.hashes[0].digest) not in printed


def test_a_rotated_key_takes_both_secrets_until_the_overlap_ends() -> None:
    key, old = made()
    renewed, new = rotated(key, overlap=HOUR, now=NOON)
    assert new.key_id == old.key_id
    just_before = NOON + HOUR - timedelta(seconds=1)
    assert [renewed.recognises(each.secret, just_before) for each in (old, new)] == [True, True]
    assert [renewed.recognises(each.secret, NOON + HOUR) for each in (old, new)] == [False, True]


def test_rotating_again_does_not_lengthen_an_overlap_and_drops_what_has_ended() -> None:
    key, first = made()
    once, _ = rotated(key, overlap=HOUR, now=NOON)
    twice, _ = rotated(once, overlap=2 * HOUR, now=NOON + HOUR / 2)
    assert not twice.recognises(first.secret, NOON + HOUR)
    thrice, _ = rotated(twice, overlap=2 * HOUR, now=NOON + 2 * HOUR)
    assert (len(once.hashes), len(twice.hashes), len(thrice.hashes)) == (2, 3, 3)
    assert not thrice.recognises(first.secret, NOON + 2 * HOUR)


def test_without_an_overlap_the_old_secret_ends_at_once() -> None:
    key, old = made()
    renewed, new = rotated(key, overlap=timedelta(0), now=NOON)
    assert not renewed.recognises(old.secret, NOON)
    assert renewed.recognises(new.secret, NOON)
    assert len(renewed.hashes) == 1


def test_a_key_lives_until_it_expires_or_is_revoked() -> None:
    key, _ = made()
    assert key.is_live(NOON + timedelta(days=10_000))
    ending = replace(key, expires_at=NOON + HOUR)
    assert ending.is_live(NOON + HOUR - timedelta(seconds=1))
    assert not ending.is_live(NOON + HOUR)
    assert not replace(key, revoked_at=NOON).is_live(NOON)


def test_the_ring_makes_rotates_and_revokes() -> None:
    clock = SettableClock()
    ring = KeyRing(InMemoryApiKeyStore(), clock)
    made = ring.create("shop", frozenset({"read"}), created_by="ana", rate=Rate(2, 4))
    clock.advance(60)
    renewed = ring.rotate(made.key_id, HOUR)
    [key] = ring.list()
    assert (key.name, key.scopes, key.created_by, key.rate) == ("shop", frozenset({"read"}), "ana", Rate(2, 4))
    assert (key.created_at, key.rotated_at) == (NOON, NOON + timedelta(seconds=60))
    assert key.recognises(made.secret, clock())
    assert key.recognises(renewed.secret, clock())
    clock.advance(60)
    assert ring.revoke(made.key_id).revoked_at == NOON + timedelta(seconds=120)
    clock.advance(60)
    assert ring.revoke(made.key_id).revoked_at == NOON + timedelta(seconds=120)
    with pytest.raises(KeyEnded, match=made.key_id):
        ring.rotate(made.key_id, HOUR)


def test_the_ring_knows_no_other_keys() -> None:
    ring = KeyRing(InMemoryApiKeyStore(), SettableClock())
    for call in (ring.revoke, lambda key_id: ring.rotate(key_id, HOUR)):
        with pytest.raises(KeyNotFound):
            call("0123456789ab")
