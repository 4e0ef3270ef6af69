"""How many requests each caller has left, over all containers."""

import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from bakeoff_core.clock import Clock
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.identity.keys import Rate
from bakeoff_core.stores.api_keys import ApiKeyStore
from bakeoff_core.telemetry import logger

_SECONDS_BETWEEN_EXCHANGES = 1
# What a container keeps to itself between two exchanges, as a share of what a second gives.
_UNTOLD_SHARE = 0.05
_MOST = 10_000


@dataclass(slots=True)
class _Bucket:
    """What one container knows of a caller.

    Attributes:
        tokens: Requests that are left; below 0 after others took more than there was.
        filled_at: When they were last added to.
        untold: Requests that the table does not know of yet.
        total: The table's count when it was last asked, None before.
        exchanged_at: When that was.
    """

    tokens: float
    filled_at: datetime
    untold: int = 0
    total: int | None = None
    exchanged_at: datetime | None = None


class RequestRates:
    """A token bucket a caller in each container, which takes out of its own what the others took out of theirs.

    Containers tell each other through one count in the table, each at most once a second a caller, and only once it
    has something to tell. A caller therefore gets its rate in the long run, and may overrun its burst by what the
    containers give within a second of each other. While the table is away, each container counts alone.

    Args:
        store: Keeps the counts.
        default: The limits of a caller that has none of its own.
        clock: The time.
    """

    def __init__(self, store: ApiKeyStore, default: Rate, clock: Clock) -> None:
        self._store = store
        self._default = default
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, caller: str, own: Rate | None) -> int | None:
        """Take one request.

        Args:
            caller: Who asks.
            own: The caller's own limits, if it has any.

        Returns:
            None where it was there to take, else the seconds after which one will be.
        """
        rate, now = own or self._default, self._clock()
        bucket = self._bucket(caller, rate, now)
        passed = max(0.0, (now - bucket.filled_at).total_seconds())
        bucket.tokens = min(rate.burst, bucket.tokens + passed * rate.requests_per_second)
        bucket.filled_at = now
        self._exchange(caller, bucket, rate, now)
        if bucket.tokens < 1:
            return max(1, math.ceil((1 - bucket.tokens) / rate.requests_per_second))
        bucket.tokens -= 1
        bucket.untold += 1
        return None

    def _bucket(self, caller: str, rate: Rate, now: datetime) -> _Bucket:
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._buckets[caller] = _Bucket(rate.burst, now)
            if len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(caller)
        return bucket

    def _exchange(self, caller: str, bucket: _Bucket, rate: Rate, now: datetime) -> None:
        told = bucket.exchanged_at
        if bucket.untold < max(1.0, rate.requests_per_second * _UNTOLD_SHARE) or (
            told is not None and (now - told).total_seconds() < _SECONDS_BETWEEN_EXCHANGES
        ):
            return
        bucket.exchanged_at = now
        try:
            total = self._store.take(caller, bucket.untold, now)
        except DependencyUnavailable:
            logger.warning("requests are counted by this container alone", key_id=caller)
            return
        # A count below the last one was forgotten and started anew.
        if bucket.total is not None and total >= bucket.total:
            bucket.tokens -= max(0, total - bucket.total - bucket.untold)
        bucket.total, bucket.untold = total, 0
