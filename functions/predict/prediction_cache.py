"""Predictions that were made before, in this container's memory and in a server that containers share."""

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from threading import Lock
from typing import Any, Protocol, TypeAlias

import numpy as np

from bakeoff_core.stores.models import ModelVersion
from bakeoff_core.telemetry import count
from model_runtime.outputs import Prediction
from model_runtime.rows import Row

Fingerprint: TypeAlias = tuple[str, bool]
"""The artefacts of a version, and whether a row goes around its feature pipeline."""


class CacheLayer(Protocol):
    """Bytes by key, for a while. No layer ever fails its caller."""

    def get(self, key: str) -> bytes | None:
        """Look up what was put; None where it is not there or the layer is out of order."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Keep bytes for a while."""
        ...


class LocalLayer:
    """The entries used last, in this process.

    Args:
        max_bytes: How much keys and values may take together.
        ttl_seconds: For how long an entry serves.
        monotonic: Tells the time, in seconds.
    """

    def __init__(self, max_bytes: int, ttl_seconds: float, monotonic: Callable[[], float]) -> None:
        self._max_bytes = max_bytes
        self._ttl_seconds = ttl_seconds
        self._monotonic = monotonic
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._used = 0
        self._lock = Lock()

    def get(self, key: str) -> bytes | None:
        """Look up what was put and has not gone old."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if self._monotonic() >= entry[0]:
                self._remove(key)
                return None
            self._entries.move_to_end(key)
            return entry[1]

    def put(self, key: str, value: bytes) -> None:
        """Keep bytes; the entries used least recently make room."""
        size = len(key) + len(value)
        with self._lock:
            if key in self._entries:
                self._remove(key)
            if size > self._max_bytes:
                return
            while self._used + size > self._max_bytes:
                self._remove(next(iter(self._entries)))
            self._entries[key] = (self._monotonic() + self._ttl_seconds, value)
            self._used += size

    @property
    def used_bytes(self) -> int:
        """What keys and values take together."""
        return self._used

    def _remove(self, key: str) -> None:
        _, value = self._entries.pop(key)
        self._used -= len(key) + len(value)


class PredictionCache:
    """Predictions by model artefact and checked row.

    Args:
        layers: Where to look, the nearest first; without any, nothing is kept or counted.
    """

    def __init__(self, layers: Sequence[CacheLayer] = ()) -> None:
        self._layers = tuple(layers)

    def predict(
        self, version: ModelVersion, fingerprint: Fingerprint, row: Row, compute: Callable[[Row], Prediction]
    ) -> Prediction:
        """Answer with what is kept, or compute and keep it.

        Args:
            version: The version, for the metrics.
            fingerprint: Stands for everything besides the row that decides the prediction.
            row: The row as the schema made it, so that a default and the same value given are the same.
            compute: Predicts. What it raises is raised here, and nothing is kept.
        """
        if not self._layers:
            return compute(row)
        key = _key(fingerprint, row)
        for index, layer in enumerate(self._layers):
            known = _read(layer.get(key))
            if known is not None:
                for nearer in self._layers[:index]:
                    nearer.put(key, _write(known))
                count("prediction_cache_hits", model_name=version.name, version=version.version)
                return known
        count("prediction_cache_misses", model_name=version.name, version=version.version)
        prediction = compute(row)
        value = _write(prediction)
        for layer in self._layers:
            layer.put(key, value)
        return prediction


def _key(fingerprint: Fingerprint, row: Row) -> str:
    artefacts, engineered = fingerprint
    canonical = json.dumps(row, separators=(",", ":"), default=_plain)
    return "bakeoff:prediction:" + sha256(f"{artefacts} {engineered}\n{canonical}".encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(type(value).__name__)


def _write(prediction: Prediction) -> bytes:
    return json.dumps([prediction.prediction, prediction.probabilities], separators=(",", ":")).encode()


def _read(value: bytes | None) -> Prediction | None:
    if value is None:
        return None
    try:
        prediction, probabilities = json.loads(value)
    except ValueError:
        return None  # somebody else wrote it
    if prediction is None or not (probabilities is None or isinstance(probabilities, list)):
        return None
    return Prediction(prediction, probabilities)
