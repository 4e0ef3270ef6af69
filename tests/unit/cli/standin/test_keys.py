from bakeoff.standin.keys import new_keys
from bakeoff_core.identity.key_ring import KeyRing
from bakeoff_core.identity.keys import PresentedKey
from bakeoff_core.stores.api_keys import InMemoryApiKeyStore
from tests.support import SettableClock


def parsed(text: str) -> PresentedKey:
    presented = PresentedKey.parse(text)
    assert presented is not None
    return presented


def test_a_run_after_another_keeps_the_ids_and_ends_the_secrets() -> None:
    clock, store = SettableClock(), InMemoryApiKeyStore()
    ring = KeyRing(store, clock)
    own = ring.create("admin", frozenset({"admin"}), created_by="ana")
    first = new_keys(ring, clock())
    clock.advance(60)
    second = new_keys(ring, clock())
    assert first.keys() == second.keys() == {"client", "read", "admin"}
    for scope in first:
        old, new = parsed(first[scope]), parsed(second[scope])
        kept = store.get(new.key_id)
        assert (old.key_id, kept.name, kept.scopes) == (new.key_id, scope, frozenset({scope}))
        assert not kept.recognises(old.secret, clock())
        assert kept.recognises(new.secret, clock())
    assert store.get(own.key_id).recognises(own.secret, clock())


def test_a_key_that_was_revoked_is_made_anew() -> None:
    clock, store = SettableClock(), InMemoryApiKeyStore()
    ring = KeyRing(store, clock)
    first = new_keys(ring, clock())
    ring.revoke(parsed(first["read"]).key_id)
    second = new_keys(ring, clock())
    assert parsed(second["read"]).key_id != parsed(first["read"]).key_id
    assert parsed(second["client"]).key_id == parsed(first["client"]).key_id
