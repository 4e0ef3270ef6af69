"""What each model of an experiment did: how often and how fast it predicted, and how far its inputs have drifted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from bakeoff_core.errors import DependencyUnavailable, ModelNotFound
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.models import ModelVersion
from engine.predictions import (
    DayOfPredictions,
    ModelUse,
    PredictionEngine,
    Reference,
    ShadowUse,
    Variable,
)
from model_documents import (
    DayOfDrift,
    DayOfUse,
    Drift,
    Latency,
    ModelResult,
    ShadowResult,
    VariableKind,
)
from stats.difference import Undefined
from stats.drift import kolmogorov_smirnov, population_stability_index


class Models(Protocol):
    """Where model versions are looked up."""

    def get(self, name: str, version: str) -> ModelVersion:
        """Read one version. Raises ModelNotFound or DependencyUnavailable."""
        ...


def model_results(
    engine: object, experiment: Experiment, models: Models, as_of: datetime | None = None
) -> tuple[ModelResult, ...]:
    """Say what each model of an experiment did; nothing where no group names one, or the engine counts none.

    Args:
        engine: Sums up the events.
        experiment: Its configuration.
        models: Says what each version was published with.
        as_of: The moment at which the predictions are looked at: later ones do not count.
    """
    if not isinstance(engine, PredictionEngine) or all(group.model_name is None for group in experiment.groups):
        return ()
    reasons: dict[tuple[str, str], str] = {}

    def find(name: str, version: str) -> Reference | None:
        reference = _reference(models, name, version)
        if isinstance(reference, Undefined):
            reasons[name, version] = reference.reason
            return None
        return reference

    uses = engine.predictions(experiment, find, as_of)
    errors = _errors(experiment, uses)
    return tuple(_result(use, reasons, errors.get(position, {})) for position, use in enumerate(uses))


def read_reference(metadata: Mapping[str, Any]) -> Reference | Undefined:
    """Read what a version was published with from its metadata."""
    sample = metadata.get("training_sample")
    if not sample:
        return Undefined("the version was published without a training sample")
    features = metadata["input_schema"]["features"]
    known = sample["features"]
    variables = [
        _variable("feature", feature["name"], known[feature["name"]], feature.get("default"))
        for feature in features
        if feature["name"] in known
    ]
    variables += [_variable(kind, kind, found, None) for kind, found in sample.get("scores", {}).items()]
    return Reference(tuple(feature["name"] for feature in features), tuple(variables))


def _reference(models: Models, name: str, version: str) -> Reference | Undefined:
    try:
        metadata = models.get(name, version).metadata
        pipeline = metadata.get("feature_pipeline")
        if not isinstance(pipeline, str):
            return read_reference(metadata)
        # What was recorded is what the request held, and that is what the pipeline takes.
        return _before(read_reference(metadata), read_reference(models.get(*pipeline.split(":", 1)).metadata))
    except ModelNotFound:
        return Undefined("the version is not registered any more")
    except DependencyUnavailable as error:
        return Undefined(str(error))


def _before(model: Reference | Undefined, pipeline: Reference | Undefined) -> Reference | Undefined:
    if isinstance(model, Undefined) or isinstance(pipeline, Undefined):
        return model if isinstance(model, Undefined) else pipeline
    features = [variable for variable in pipeline.variables if variable.kind == "feature"]
    scores = [variable for variable in model.variables if variable.kind != "feature"]
    return Reference(pipeline.features, (*features, *scores))


def _variable(kind: VariableKind, name: str, found: Mapping[str, Any], default: object) -> Variable:
    written = str(default).lower() if isinstance(default, bool) else str(default)
    return Variable(
        kind=kind,
        name=name,
        cuts=tuple(found["cuts"]) if "cuts" in found else None,
        texts=tuple(found["texts"]) if "texts" in found else None,
        counts=tuple(found["counts"]),
        default=None if default is None or isinstance(default, list) else written,
    )


def _errors(experiment: Experiment, uses: Sequence[ModelUse]) -> dict[int, dict[date, int]]:
    """Count by day how often a group's own model failed: a fallback was recorded with the model that stood in.

    Of several versions of it the failures are those of the one that made the most predictions in all.

    Returns:
        By the position of the use.
    """
    found: dict[int, dict[date, int]] = {}
    for group in experiment.groups:
        of_group = [position for position, use in enumerate(uses) if use.group == group.name]
        own = [
            position
            for position in of_group
            if uses[position].model_name == group.model_name and uses[position].predictions > uses[position].fallbacks
        ]
        if not own:
            continue
        days: Counter[date] = Counter()
        for position in of_group:
            days.update({day: each.fallbacks for day, each in uses[position].days.items() if each.fallbacks})
        found[max(own, key=lambda position: uses[position].predictions)] = dict(days)
    return found


def _result(use: ModelUse, reasons: Mapping[tuple[str, str], str], errors: Mapping[date, int]) -> ModelResult:
    drift = sorted((_drift(variable, days) for variable, days in use.counts.items()), key=_farthest_first)
    reason = reasons.get((use.model_name, use.model_version))
    return ModelResult(
        group=use.group,
        model_name=use.model_name,
        model_version=use.model_version,
        predictions=use.predictions,
        fallbacks=use.fallbacks,
        latency_ms=_latency(use.latency_ms),
        first=use.first,
        last=use.last,
        drift=tuple(drift),
        shadows=tuple(map(_shadow, use.shadows)),
        daily=tuple(_day_of_use(day, use.days.get(day), errors.get(day, 0)) for day in sorted({*use.days, *errors})),
        reason=reason or (None if drift else "no prediction holds a value of the training sample's variables"),
    )


def _day_of_use(day: date, made: DayOfPredictions | None, errors: int) -> DayOfUse:
    if made is None:
        return DayOfUse(date=day, predictions=0, errors=errors)
    p50, p95 = (None, None) if made.latency_ms is None else made.latency_ms
    return DayOfUse(
        date=day, predictions=made.predictions, fallbacks=made.fallbacks, errors=errors, p50_ms=p50, p95_ms=p95
    )


def _shadow(use: ShadowUse) -> ShadowResult:
    return ShadowResult(
        model_name=use.model_name,
        model_version=use.model_version,
        compared=use.compared,
        failed=use.failed,
        same=use.same / use.compared if use.compared else None,
        mean_difference=use.mean_difference,
        latency_ms=_latency(use.latency_ms),
    )


def _latency(quantiles: tuple[float, float, float] | None) -> Latency | None:
    return None if quantiles is None else Latency(p50=quantiles[0], p95=quantiles[1], p99=quantiles[2])


def _drift(variable: Variable, days: Mapping[date, tuple[int, ...]]) -> Drift:
    counts = tuple(map(sum, zip(*days.values(), strict=True)))
    index = population_stability_index(variable.counts, counts)
    test = kolmogorov_smirnov(variable.counts, counts) if variable.cuts is not None else None
    known: dict[str, Any] = {}
    if isinstance(index, Undefined):
        known["reason"] = index.reason
    else:
        known |= {"psi": index.value, "psi_by_chance": index.chance, "level": index.level}
    if test is not None and not isinstance(test, Undefined):
        known |= {"ks": test.statistic, "ks_p_value": test.p_value}
    return Drift(
        variable=variable.name,
        kind=variable.kind,
        values=sum(counts),
        cuts=variable.cuts,
        texts=variable.texts,
        reference=variable.counts,
        counts=counts,
        daily=tuple(_day(variable, day, days[day]) for day in sorted(days)),
        **known,
    )


def _day(variable: Variable, day: date, counts: tuple[int, ...]) -> DayOfDrift:
    index = population_stability_index(variable.counts, counts)
    return DayOfDrift(date=day, counts=counts, psi=None if isinstance(index, Undefined) else index.value)


def _farthest_first(drift: Drift) -> tuple[bool, float, str]:
    return drift.psi is None, -(drift.psi or 0.0), drift.variable
