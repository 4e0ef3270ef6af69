"""ONNX sessions, built for a function's share of the processor."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Generic, TypeVar

import onnxruntime

from model_runtime.errors import ModelRefused

# AWS Lambda gives a function one vCPU for every 1,769 MB of memory.
_MEMORY_MB_PER_VCPU = 1_769

_FATAL = 4

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


def threads_for(memory_mb: int) -> int:
    """Say how many vCPUs a Lambda function of that memory has, at least one."""
    return max(1, round(memory_mb / _MEMORY_MB_PER_VCPU))


def new_run_options() -> Any:
    """Make the options of one run; setting their `terminate` ends it at its next operator."""
    options = onnxruntime.RunOptions()
    options.log_severity_level = _FATAL
    return options


def build_session(artefact: bytes, threads: int) -> Any:
    """Build an inference session.

    The runtime would size its pool by the host, and its idle threads would spin on a share of a
    processor that the function pays for: both are set here.

    Args:
        artefact: An ONNX file.
        threads: How many threads one run may use.

    Raises:
        ModelRefused: The bytes are no model that the runtime can run.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # What fails is raised and reported by the caller; the runtime's own lines would break the structured log.
    options.log_severity_level = _FATAL
    try:
        return onnxruntime.InferenceSession(artefact, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's exceptions have no base of their own
        raise ModelRefused("the artefact is not an ONNX model that this runtime can run") from error


class MemoryBoundedCache(Generic[Key, Value]):
    """The values used last, as many as fit a number of bytes; each is built once, however many ask for it.

    The newest value is kept even where it exceeds the bound alone: built for every request, it would
    need the same memory.

    Args:
        max_bytes: The bound.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = Lock()
        self._building: dict[Key, Lock] = {}

    def get(self, key: Key, build: Callable[[], tuple[Value, int]]) -> Value:
        """Answer from the cache, or build the value while others who want it wait.

        Args:
            key: Which value.
            build: Makes the value, and says how many bytes it takes. What it raises is raised here,
                and nothing is kept.
        """
        found = self._lookup(key)
        if found is not None:
            return found[0]
        with self._lock:
            own = self._building.setdefault(key, Lock())
        with own:
            found = self._lookup(key)
            if found is not None:
                return found[0]
            value, size = build()
            self._keep(key, value, size)
            return value

    def discard(self, key: Key) -> None:
        """Forget a value."""
        with self._lock:
            self._entries.pop(key, None)

    @property
    def used_bytes(self) -> int:
        """How many bytes the values take together."""
        with self._lock:
            return sum(size for _value, size in self._entries.values())

    def _lookup(self, key: Key) -> tuple[Value, int] | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def _keep(self, key: Key, value: Value, size: int) -> None:
        with self._lock:
            self._building.pop(key, None)
            self._entries[key] = (value, size)
            while len(self._entries) > 1 and sum(taken for _value, taken in self._entries.values()) > self._max_bytes:
                self._entries.popitem(last=False)
