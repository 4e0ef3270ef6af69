"""Models that fit a number of bytes together, each built once however many ask for it."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Condition, RLock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class TooLargeForCache(Exception):
    """A value alone exceeds the bound."""


class _Entry(Generic[Value]):
    __slots__ = ("error", "leases", "size", "value")

    def __init__(self) -> None:
        self.leases = 1
        self.size = 0
        self.value: Value | None = None
        self.error: BaseException | None = None

    @property
    def settled(self) -> bool:
        return self.value is not None or self.error is not None


class Lease(Generic[Key, Value]):
    """A value in use for as long as a with statement lasts.

    Args:
        cache: Where the value is, or comes to be.
        key: Which value.
        size: How many bytes it takes.
        build: Makes it.
    """

    __slots__ = ("_build", "_cache", "_entry", "_key", "_size")

    def __init__(self, cache: "LeasedCache[Key, Value]", key: Key, size: int, build: Callable[[], Value]) -> None:
        self._cache = cache
        self._key = key
        self._size = size
        self._build = build

    def __enter__(self) -> Value:
        self._entry = self._cache.acquire(self._key, self._size, self._build)
        assert self._entry.value is not None  # noqa: S101 - an entry without a value was raised as an error
        return self._entry.value

    def __exit__(self, *_: object) -> None:
        self._cache.release(self._key, self._entry)


class LeasedCache(Generic[Key, Value]):
    """The values used last, as many as fit a number of bytes.

    A value's room is made before it is built, and a value in use keeps its room until it is given back: what
    the values take together is never above the bound. Whoever finds no room waits for it.

    Args:
        max_bytes: The bound.
        on_evicted: Called with the key of a value that made room for another.
    """

    def __init__(self, max_bytes: int, on_evicted: Callable[[Key], None] = lambda _key: None) -> None:
        self._max_bytes = max_bytes
        self._on_evicted = on_evicted
        self._entries: OrderedDict[Key, _Entry[Value]] = OrderedDict()
        self._used = 0
        self._lock = RLock()
        self._changed = Condition(self._lock)
        self._without_room = 0

    def lease(self, key: Key, size: int, build: Callable[[], Value]) -> Lease[Key, Value]:
        """Use a value in a with statement, built if need be while others who want it wait.

        Args:
            key: Which value.
            size: How many bytes it takes.
            build: Makes it. What it raises is raised to who uses it and to those who waited, and nothing is kept.

        Raises:
            TooLargeForCache: The value alone exceeds the bound; raised where the with statement begins.
        """
        return Lease(self, key, size, build)

    def holds(self, key: Key) -> bool:
        """Say whether a value is there and built."""
        entry = self._entries.get(key)
        return entry is not None and entry.value is not None

    def discard(self, key: Key) -> None:
        """Forget a value; who uses it may go on to."""
        with self._lock:
            entry = self._entries.pop(key, None)
            if entry is not None and not entry.leases:
                self._free(entry)

    @property
    def used_bytes(self) -> int:
        """How many bytes the values take together."""
        with self._lock:
            return self._used

    def acquire(self, key: Key, size: int, build: Callable[[], Value]) -> _Entry[Value]:
        """Begin a lease; arguments and errors as of `lease`."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                return self._join(key, entry)
            if size > self._max_bytes:
                raise TooLargeForCache
            entry = self._entries[key] = _Entry()
            self._make_room(size)
            entry.size = size
            self._used += size
        try:
            value = build()
        except BaseException as error:
            self._fail(key, entry, error)
            raise
        with self._lock:
            entry.value = value
            self._changed.notify_all()
        return entry

    def _join(self, key: Key, entry: _Entry[Value]) -> _Entry[Value]:
        entry.leases += 1
        if not entry.settled:
            self._changed.wait_for(lambda: entry.settled)
        if entry.error is not None:
            raise entry.error
        if self._entries.get(key) is entry:
            self._entries.move_to_end(key)
        return entry

    def _make_room(self, size: int) -> None:
        while self._used + size > self._max_bytes:
            idle = next((key for key, entry in self._entries.items() if not entry.leases), None)
            if idle is None:
                self._wait_for_room()
                continue
            self._free(self._entries.pop(idle))
            self._on_evicted(idle)

    def _wait_for_room(self) -> None:
        self._without_room += 1
        try:
            self._changed.wait()
        finally:
            self._without_room -= 1

    def _fail(self, key: Key, entry: _Entry[Value], error: BaseException) -> None:
        with self._lock:
            entry.error = error
            if self._entries.get(key) is entry:
                del self._entries[key]
            self._free(entry)

    def release(self, key: Key, entry: _Entry[Value]) -> None:
        """End a lease."""
        with self._lock:
            entry.leases -= 1
            if entry.leases:
                return
            if self._entries.get(key) is not entry:
                self._free(entry)
            elif self._without_room:
                self._changed.notify_all()

    def _free(self, entry: _Entry[Value]) -> None:
        self._used -= entry.size
        self._changed.notify_all()
