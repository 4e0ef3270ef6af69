"""Converting a model: written as ONNX, compared with its source, described by its sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from bakeoff.conversion.errors import NotConvertible
from bakeoff.conversion.histograms import training_sample
from bakeoff.conversion.loading import open_source
from bakeoff.conversion.parity import Expected, Parity, compare
from bakeoff.conversion.samples import Rows, Sample, read_sample
from bakeoff.conversion.source import Candidate, Source, Wishes
from bakeoff_core.clock import rfc3339
from bakeoff_core.errors import InvalidInput
from bakeoff_core.validation import field_errors
from model_runtime.errors import ModelRefused, ModelRuntimeError
from model_runtime.metadata import ModelMetadata, OutputSchema
from model_runtime.model import Model, Outcome
from model_runtime.outputs import Prediction
from model_runtime.sessions import build_session
from model_runtime.values import FeatureType, Value

_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Reading:
    """How the sample is to be read.

    Attributes:
        exclude: Columns that are no features, such as the outcome.
        types: Types of columns whose values suggest another one.
        defaults: Values that stand for a feature that a request leaves out.
    """

    exclude: Sequence[str] = ()
    types: Mapping[str, FeatureType] = field(default_factory=dict)
    defaults: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Converted:
    """A model that may be published.

    Attributes:
        artefact: The ONNX file.
        metadata: What is known of it.
        parity: How far it is from its source; None for a plain ONNX model, which is its own.
    """

    artefact: bytes
    metadata: ModelMetadata
    parity: Parity | None


def convert(  # noqa: PLR0913 - a conversion joins a model, its name, its rows and what its publisher says
    model: Any,
    name: str,
    version: str,
    rows: Rows,
    *,
    created_at: datetime,
    wishes: Wishes | None = None,
    reading: Reading | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Converted:
    """Convert a model to ONNX, and compare its predictions with those of its source on sample rows.

    Args:
        model: A file's path or a model in memory; see `bakeoff.conversion.loading.open_source`.
        name: The model's name.
        version: Its version.
        rows: Sample rows. The input schema, the probe row and the distributions come from them.
        created_at: The time that the metadata name.
        wishes: Class labels, where the framework knows none, and logits.
        reading: How the sample is read.
        extra: Metadata that replace what is derived, such as `performance_metrics` and `description`.

    Raises:
        NotConvertible: The model is not one that can be converted, or the sample does not fit it.
        ParityFailure: It can, but predicts something else; the text shows the worst row.
        InvalidInput: The metadata are not valid.
    """
    source = open_source(model, _complete(wishes or Wishes(), extra or {}))
    sample = _features(source, read_sample(rows), reading or Reading())
    expected = source.predict(sample)
    described = source.describe(sample)
    known: dict[str, Any] = {
        "name": name,
        "version": version,
        "created_at": rfc3339(created_at),
        "framework": described.framework,
        "input_schema": {"features": [_feature(column) for column in sample.columns]},
        "class_labels": described.class_labels,
        "feature_importance": dict(described.feature_importance),
        "dependencies": described.dependencies(),
        **(extra or {}),
    }
    closest: Parity | None = None
    failures: list[str] = []
    for candidate in source.candidates(f"{name}-{version}", sample):
        try:
            converted = _attempt(candidate, known, sample, expected)
        except _Failed as error:
            failures.append(str(error))
            continue
        if converted.parity is None or converted.parity.holds:
            return converted
        if closest is None or converted.parity.largest < closest.largest:
            closest = converted.parity
    if closest is not None:
        closest.require()
    raise NotConvertible(f"the model cannot be converted to ONNX: {'; then: '.join(failures)}")


class _Failed(Exception):
    """One way to convert the model does not work."""


def _complete(wishes: Wishes, extra: Mapping[str, Any]) -> Wishes:
    if extra.get("output_schema") is None:
        return wishes
    try:
        return replace(wishes, outputs=OutputSchema.model_validate(extra["output_schema"]))
    except ValidationError as error:
        raise InvalidInput(field_errors(error)) from error


def _features(source: Source, sample: Sample, reading: Reading) -> Sample:
    sample = sample.without(reading.exclude).typed(reading.types)
    return sample.select(source.feature_names(sample)).with_defaults(reading.defaults)


def _feature(column: Any) -> dict[str, Any]:
    feature = {"name": column.name, "type": column.type}
    return feature if column.default is None else {**feature, "default": column.default}


def _attempt(candidate: Candidate, known: Mapping[str, Any], sample: Sample, expected: Sequence[Expected]) -> Converted:
    rows = sample.rows()
    try:
        artefact = candidate.build()
    except NotConvertible:
        raise
    except Exception as error:  # converters raise what they like
        raise _Failed(_first_line(error)) from error
    document = {"output_schema": candidate.outputs.model_dump(exclude_none=True), **known}
    metadata = _metadata({**document, "probe": {"features": rows[0], "prediction": 0}})
    try:
        outcomes = _predict(Model(metadata, build_session(artefact, threads=1)), rows)
    except ModelRefused as error:
        raise _Failed(f"{error} ({_first_line(error.__cause__)})" if error.__cause__ else str(error)) from error
    parity = compare(rows, expected, outcomes) if expected else None
    if parity is not None and not parity.holds:
        return Converted(artefact, metadata, parity)
    predictions = [_prediction(outcome, index) for index, outcome in enumerate(outcomes)]
    probe = {
        "features": rows[0],
        "prediction": predictions[0].prediction,
        "probabilities": predictions[0].probabilities,
    }
    described = training_sample(sample, predictions).model_dump(mode="json")
    return Converted(artefact, _metadata({"training_sample": described, **document, "probe": probe}), parity)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:500] or type(error).__name__


def _predict(model: Model, rows: Sequence[Mapping[str, Value]]) -> list[Outcome]:
    return [
        outcome
        for start in range(0, len(rows), _BATCH)
        for outcome in model.predict_batch(rows[start : start + _BATCH], "sample")
    ]


def _prediction(outcome: Outcome, index: int) -> Prediction:
    if isinstance(outcome, ModelRuntimeError):
        raise NotConvertible(f"the model fails on sample row {index + 1}: {outcome}")
    return outcome


def _metadata(document: Mapping[str, Any]) -> ModelMetadata:
    try:
        return ModelMetadata.model_validate(document)
    except ValidationError as error:
        raise InvalidInput(field_errors(error)) from error
