"""Which features requests give, counted and written out now and then."""

from collections.abc import Callable
from threading import Lock

from bakeoff_core.stores.models import ModelVersion
from bakeoff_core.telemetry import count
from model_loading import LoadedModel

_INTERVAL_SECONDS = 60.0


class FeatureUsage:
    """Writes `feature_usage_total` by model, version, feature and outcome.

    One metric a feature and request would cost more than the prediction. So the counts of an interval are
    written with the first request after it; those of a container's last interval are lost with it.

    Args:
        monotonic: Tells the time, in seconds.
        interval_seconds: How long counts are gathered.
    """

    def __init__(self, monotonic: Callable[[], float], interval_seconds: float = _INTERVAL_SECONDS) -> None:
        self._monotonic = monotonic
        self._interval_seconds = interval_seconds
        self._written: dict[str, float] = {}
        self._lock = Lock()

    def note(self, version: ModelVersion, loaded: LoadedModel) -> None:
        """Take in that a version was used, and write its counts when they are due."""
        now = self._monotonic()
        if now - self._written.setdefault(version.model_key, now) < self._interval_seconds:
            return
        with self._lock:
            if now - self._written[version.model_key] < self._interval_seconds:
                return
            self._written[version.model_key] = now
        for model in {loaded.raw, loaded.engineered}:
            for (feature, outcome), times in model.take_usage().items():
                count(
                    "feature_usage_total",
                    times,
                    model_name=version.name,
                    version=version.version,
                    feature=feature,
                    outcome=outcome,
                )
