"""Publishing a model of any framework: converted, compared with its source, proved, stored and registered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bakeoff.conversion.convert import Converted, Reading, convert
from bakeoff.conversion.parity import Parity
from bakeoff.conversion.samples import Rows
from bakeoff.conversion.source import Wishes
from bakeoff.model_keys import read_key
from bakeoff.publishing import publish
from bakeoff.stack import Stack
from bakeoff_core.clock import Clock, utc_now
from bakeoff_core.errors import ModelNotFound
from bakeoff_core.stores.models import ModelVersion

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Published:
    """A model that was published.

    Attributes:
        model: As it is registered.
        parity: How far it is from its source; None for a plain ONNX model.
    """

    model: ModelVersion
    parity: Parity | None


def publish_model(  # noqa: PLR0913 - a publication joins a model, its rows, what is said of it, and where it goes
    model: Any,
    key: str,
    sample: Rows,
    *,
    alias: str | None = None,
    wishes: Wishes | None = None,
    reading: Reading | None = None,
    metadata: Mapping[str, Any] | None = None,
    stack: Stack | None = None,
    clock: Clock = utc_now,
    actor: str = _UNKNOWN,
) -> Published:
    """Publish a model that lies in a file or in memory.

    Publishing the same again changes nothing, and repairs what an interrupted publication left undone.

    Args:
        model: A file's path, or a fitted model of scikit-learn, XGBoost, LightGBM, PyTorch or Keras; bytes are an
            ONNX file.
        key: `name:version`.
        sample: Rows that the model is compared on: a CSV, Parquet or NDJSON file, mappings, or a data frame.
        alias: An alias to point at the version, such as `champion`.
        wishes: Class labels, where the framework knows none, and whether the outputs are logits.
        reading: Which of the sample's columns are no features, and types and defaults of others.
        metadata: What is known besides, such as `description` and `performance_metrics`.
        stack: Where it is published; by default the stack that the environment names.
        clock: The time.
        actor: Who is named in the alias's history.

    Raises:
        UsageError: The key is no `name:version`.
        NotConvertible: The model cannot be converted, or the sample does not fit it.
        ParityFailure: The converted model predicts something else than its source.
        BakeoffError: The registry or the store refuse it; see `bakeoff.publishing.publish`.
    """
    name, version = read_key(key)
    stack = stack or Stack.from_environment()
    try:
        created_at = stack.registry.get(name, version).registered_at
    except ModelNotFound:
        created_at = clock()
    converted: Converted = convert(
        model, name, version, sample, created_at=created_at, wishes=wishes, reading=reading, extra=metadata
    )
    registered = publish(
        name,
        version,
        converted.artefact,
        converted.metadata,
        registry=stack.registry,
        objects=stack.objects,
        clock=lambda: created_at,
        alias=alias,
        actor=actor,
    )
    return Published(registered, converted.parity)
