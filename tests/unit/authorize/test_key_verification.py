from dataclasses import replace
from datetime import timedelta

import pytest

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.identity.keys import ApiKey, PresentedKey, Rate, SecretHash, new_key
from bakeoff_core.stores.api_keys import InMemoryApiKeyStore
from identities import Identity, Refused
from key_verification import KeyVerifier, RecentKeys
from tests.support import NOON, SettableClock


class CountingStore(InMemoryApiKeyStore):
    """Counts looks, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.down = False

    def get(self, key_id: str) -> ApiKey:
        self.looks += 1
        if self.down:
            raise DependencyUnavailable("the table of API keys")
        return super().get(key_id)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def stale() -> list[str]:
    return []


@pytest.fixture
def verifier(store: CountingStore, clock: SettableClock, stale: list[str]) -> KeyVerifier:
    return KeyVerifier(RecentKeys(store, 10, clock, stale.append, lambda _low, high: high), clock)


def add(store: CountingStore, **changes: object) -> PresentedKey:
    key, presented = new_key("shop", frozenset({"client", "read"}), created_by="ana", now=NOON, rate=Rate(1, 2))
    store.add(replace(key, **changes))  # type: ignore[arg-type]  # fields of several types
    return presented


def reason(verifier: KeyVerifier, credential: str) -> tuple[str, str | None]:
    with pytest.raises(Refused) as refusal:
        verifier.verify(credential)
    return refusal.value.reason, refusal.value.key_id


def test_a_key_stands_for_its_owner(verifier: KeyVerifier, store: CountingStore) -> None:
    presented = add(store)
    expected = Identity(presented.key_id, frozenset({"client", "read"}), Rate(1, 2))
    assert verifier.verify(str(presented)) == expected


def test_what_opens_nothing_is_refused_with_its_reason(verifier: KeyVerifier, store: CountingStore) -> None:
    presented = add(store)
    _, unknown = new_key("x", frozenset({"admin"}), created_by="ana", now=NOON)
    assert reason(verifier, "letmein") == ("malformed", None)
    assert reason(verifier, str(unknown)) == ("unknown", None)
    assert reason(verifier, f"bk_{presented.key_id}_{unknown.secret}") == ("wrong_secret", presented.key_id)
    revoked, expired = add(store, revoked_at=NOON), add(store, expires_at=NOON)
    assert reason(verifier, str(revoked)) == ("revoked", revoked.key_id)
    assert reason(verifier, str(expired)) == ("expired", expired.key_id)
    # Whoever does not hold the secret does not learn what became of a key.
    assert reason(verifier, f"bk_{revoked.key_id}_{unknown.secret}") == ("wrong_secret", revoked.key_id)


def test_a_look_serves_for_a_while_and_a_revocation_counts_after_it(
    verifier: KeyVerifier, store: CountingStore, clock: SettableClock
) -> None:
    presented = add(store)
    for _ in range(100):
        verifier.verify(str(presented))
    assert store.looks == 1
    store.change(presented.key_id, lambda key: replace(key, revoked_at=NOON))
    looks = store.looks
    clock.advance(9.9)
    verifier.verify(str(presented))
    assert store.looks == looks
    clock.advance(0.1)
    assert reason(verifier, str(presented)) == ("revoked", presented.key_id)


def test_a_key_ends_on_time_though_it_was_just_looked_up(
    verifier: KeyVerifier, store: CountingStore, clock: SettableClock
) -> None:
    presented = add(store, expires_at=NOON + timedelta(seconds=5))
    verifier.verify(str(presented))
    clock.advance(5)
    assert reason(verifier, str(presented)) == ("expired", presented.key_id)


def test_unknown_ids_are_remembered_too_and_found_once_they_exist(
    verifier: KeyVerifier, store: CountingStore, clock: SettableClock
) -> None:
    key, presented = new_key("late", frozenset({"read"}), created_by="ana", now=NOON)
    for _ in range(100):
        reason(verifier, str(presented))
    assert store.looks == 1
    store.add(key)
    clock.advance(10)
    assert verifier.verify(str(presented)).key_id == key.key_id


def test_ids_that_somebody_makes_up_push_no_key_out(verifier: KeyVerifier, store: CountingStore) -> None:
    presented = add(store)
    verifier.verify(str(presented))
    for number in range(3_000):
        reason(verifier, f"bk_{number:012x}_{'0' * 48}")
    looks = store.looks
    verifier.verify(str(presented))
    assert store.looks == looks


def test_keys_known_lately_serve_a_quarter_of_an_hour_without_the_table(
    verifier: KeyVerifier, store: CountingStore, clock: SettableClock, stale: list[str]
) -> None:
    known, other = add(store), add(store)
    verifier.verify(str(known))
    store.down = True
    clock.advance(14 * 60)
    assert verifier.verify(str(known)).key_id == known.key_id
    assert stale == [known.key_id]
    assert reason(verifier, f"bk_{known.key_id}_{'0' * 48}")[0] == "wrong_secret"
    with pytest.raises(DependencyUnavailable):
        verifier.verify(str(other))
    clock.advance(60)
    with pytest.raises(DependencyUnavailable):
        verifier.verify(str(known))


def test_a_table_that_is_down_is_asked_ever_more_seldom(
    verifier: KeyVerifier, store: CountingStore, clock: SettableClock, stale: list[str]
) -> None:
    presented = add(store)
    verifier.verify(str(presented))
    store.down = True
    asked = []
    for second in range(40):
        looks = store.looks
        verifier.verify(str(presented))
        asked += [second] * (store.looks - looks)
        clock.advance(1)
    assert asked == [10, 11, 13, 17, 25, 35]
    assert len(stale) == 30


def test_each_look_serves_for_a_time_of_its_own(store: CountingStore, clock: SettableClock) -> None:
    drawn, bounds = iter([5.0, 7.0, 10.0]), []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return next(drawn)

    presented = add(store)
    keys = RecentKeys(store, 10, clock, pytest.fail, uniform)
    looks = []
    for _ in range(17):
        assert keys.get(presented.key_id)
        looks.append(store.looks)
        clock.advance(1)
    assert looks == [1] * 5 + [2] * 7 + [3] * 5
    assert bounds == [(5, 10)] * 3


def test_known_and_unknown_ids_cost_one_hash_each(
    verifier: KeyVerifier, store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    presented, hashed = add(store), []
    matches = SecretHash.matches

    def counted(kept: SecretHash, *arguments: object) -> bool:
        hashed.append(1)
        return matches(kept, *arguments)  # type: ignore[arg-type]  # passed on as they come

    monkeypatch.setattr(SecretHash, "matches", counted)
    for key_id in (presented.key_id, "0" * 12):
        hashed.clear()
        reason(verifier, f"bk_{key_id}_{'0' * 48}")
        assert len(hashed) == 1
