"""Models day by day: latency, what went wrong, and drift."""

from collections.abc import Sequence
from datetime import date

from model_documents import Drift, ModelResult
from rendering.blocks import Chart, Table
from rendering.formatting import count, day, number, optional, percent
from rendering.plotly import line, over_days, rule, style

_MODERATE, _LARGE = 0.1, 0.25  # of the population stability index
_MOST_DRIFTED = 6


def model_name(model: ModelResult) -> str:
    """Which model in which group."""
    where = "outside the groups" if model.group is None else f"in {model.group}"
    return f"{model.model_name}:{model.model_version} {where}"


def latency_chart(models: Sequence[ModelResult]) -> Chart | None:
    """The median and the 95th percentile of latency on each day."""
    found = [model for model in models if any(each.p95_ms is not None for each in model.daily)]
    if not found:
        return None
    days = _days(found)
    traces = []
    for at, model in enumerate(found):
        look, of_day = style(at), {each.date: each for each in model.daily}
        for what, dash in (("median", "dot"), ("95th percentile", "solid")):
            values = [
                None if each not in of_day else (of_day[each].p50_ms if what == "median" else of_day[each].p95_ms)
                for each in days
            ]
            trace = line(
                _dates(days),
                values,
                hover=[f"{model_name(model)}, {what}: {_ms(value)}" for value in values],
                look=look,
                name=f"{model.group or 'outside'} {'median' if what == 'median' else 'p95'}",
            )
            traces.append(trace | {"line": {"color": look.colour, "dash": dash, "width": 2}})
    return Chart(
        "Latency of the models a day, by group",
        " ".join(
            f"{model_name(model)}: {_ms(model.latency_ms.p50)} at the median and {_ms(model.latency_ms.p95)} at the "
            "95th percentile over all days."
            for model in found
            if model.latency_ms is not None
        ),
        tuple(traces),
        over_days("Milliseconds", _dates(days), from_zero=True),
        Table(
            "Latency by day",
            "The median and the 95th percentile of what predictions took, in milliseconds, by day (UTC).",
            ("Day", "Model", "Predictions", "Median", "95th percentile"),
            tuple(
                (
                    day(each.date),
                    model_name(model),
                    count(each.predictions),
                    _ms(each.p50_ms),
                    _ms(each.p95_ms),
                )
                for model in found
                for each in model.daily
            ),
        ),
    )


def errors_chart(models: Sequence[ModelResult]) -> Chart | None:
    """How often each model failed, of all times it was asked, on each day."""
    found = [model for model in models if model.daily]
    if not found:
        return None
    days = _days(found)
    traces = []
    for at, model in enumerate(found):
        of_day = {each.date: each for each in model.daily}
        shares = [
            None if each not in of_day else _share(of_day[each].errors, of_day[each].predictions + of_day[each].errors)
            for each in days
        ]
        traces.append(
            line(
                _dates(days),
                [None if share is None else 100 * share for share in shares],
                hover=[f"{model_name(model)}: {optional(share, percent)}" for share in shares],
                look=style(at),
                name=model.group or "outside",
            )
        )
    return Chart(
        "Errors of the models a day, by group",
        " ".join(
            f"{model_name(model)}: {count(sum(each.errors for each in model.daily))} errors beside "
            f"{count(sum(each.predictions for each in model.daily))} predictions, "
            f"{count(sum(each.fallbacks for each in model.daily))} of them in place of another model."
            for model in found
        ),
        tuple(traces),
        over_days("Share of errors", _dates(days), suffix="%", from_zero=True),
        Table(
            "Errors and fallbacks by day",
            "How often a model failed, so that another answered, and how many of its predictions stood in for "
            "another's, by day (UTC).",
            ("Day", "Model", "Predictions", "Errors", "Fallbacks"),
            tuple(
                (
                    day(each.date),
                    model_name(model),
                    count(each.predictions),
                    count(each.errors),
                    count(each.fallbacks),
                )
                for model in found
                for each in model.daily
            ),
        ),
    )


def drift_chart(model: ModelResult) -> Chart | None:
    """The stability index of the variables that moved most, day by day."""
    found = [each for each in model.drift if any(of.psi is not None for of in each.daily)][:_MOST_DRIFTED]
    if not found:
        return None
    days = sorted({of.date for each in found for of in each.daily})
    return Chart(
        f"{model_name(model)}: drift from the training sample a day",
        " ".join(_drift_finding(each) for each in found[:1])
        + f" Below {_MODERATE} counts as stable, above {_LARGE} as large.",
        (
            *(
                line(
                    _dates(days),
                    [index.get(of) for of in days],
                    hover=[f"{each.variable}: {optional(index.get(of), _index)}" for of in days],
                    look=style(at + 1),
                    name=each.variable,
                )
                for at, each in enumerate(found)
                for index in ({of.date: of.psi for of in each.daily},)
            ),
            rule(_dates(days), [_MODERATE] * len(days), colour="$wait", dash="dot", name="moderate"),
            rule(_dates(days), [_LARGE] * len(days), colour="$stop", dash="dash", name="large"),
        ),
        over_days("Population stability index", _dates(days), from_zero=True),
        Table(
            f"{model_name(model)}: drift by day",
            "The population stability index of the variables that moved most, by day (UTC).",
            ("Day", *(each.variable for each in found)),
            tuple(
                (
                    day(of),
                    *(optional({one.date: one.psi for one in each.daily}.get(of), _index) for each in found),
                )
                for of in days
            ),
        ),
    )


def _drift_finding(drift: Drift) -> str:
    level = f", {drift.level}" if drift.level else ""
    return f"{drift.variable} moved most: {optional(drift.psi, _index)} over all days{level}."


def _days(models: Sequence[ModelResult]) -> list[date]:
    return sorted({each.date for model in models for each in model.daily})


def _dates(days: Sequence[date]) -> list[str]:
    return [each.isoformat() for each in days]


def _ms(value: float | None) -> str:
    return optional(value, lambda ms: f"{number(ms)} ms")


def _index(value: float) -> str:
    return f"{value:.3f}"


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
