"""A Valkey or Redis server as a layer of the prediction cache."""

from collections.abc import Callable
from typing import Any, TypeVar

import valkey
from valkey.backoff import NoBackoff
from valkey.retry import Retry

from bakeoff_core.snapshots import on_restore
from bakeoff_core.telemetry import count, logger

# A prediction takes less than a millisecond: what the server does not answer at once is not worth waiting for.
_CONNECT_SECONDS = 0.2
_ANSWER_SECONDS = 0.1
_PAUSE_SECONDS = 5.0

Answer = TypeVar("Answer")


class SharedLayer:
    """Entries in a server that all containers share. While it is down, nobody waits for it twice in a row.

    Args:
        url: The server, such as `rediss://cache.example:6379/0`.
        ttl_seconds: For how long an entry serves.
        monotonic: Tells the time, in seconds.
    """

    def __init__(self, url: str, ttl_seconds: float, monotonic: Callable[[], float]) -> None:
        self._client: Any = valkey.Valkey.from_url(
            url,
            socket_connect_timeout=_CONNECT_SECONDS,
            socket_timeout=_ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._ttl_milliseconds = max(1, round(ttl_seconds * 1_000))
        self._monotonic = monotonic
        self._paused_until = 0.0
        on_restore(self.reconnect)

    def reconnect(self) -> None:
        """Leave the connections behind; the next look opens one, whether the server was down before or not."""
        self._client.connection_pool.disconnect()
        self._paused_until = 0.0

    def get(self, key: str) -> bytes | None:
        """Look up an entry; None where it is not there or the server is down."""
        return self._ask(lambda: self._client.get(key))

    def put(self, key: str, value: bytes) -> None:
        """Keep an entry, if the server is up."""
        self._ask(lambda: self._client.set(key, value, px=self._ttl_milliseconds))

    def _ask(self, call: Callable[[], Answer]) -> Answer | None:
        if self._monotonic() < self._paused_until:
            return None
        try:
            return call()
        except (valkey.ValkeyError, OSError):
            self._paused_until = self._monotonic() + _PAUSE_SECONDS
            logger.warning("the shared prediction cache does not answer", exc_info=True)
            count("prediction_cache_errors")
            return None
