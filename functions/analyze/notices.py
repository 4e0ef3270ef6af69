"""The notice of a report: the decision, how much, how sure, and where the reports are."""

from collections.abc import Iterator
from datetime import UTC, datetime

from bakeoff_core.experiments.model import Experiment
from bakeoff_core.notifications import Notification
from bakeoff_core.stores.runs import Kind
from decision import interval_on
from rendering.formatting import percent
from reporting import Report
from results import Results

_LONGEST_SUBJECT = 100
_LONGEST_FACT = 1_000


def report_notice(experiment: Experiment, results: Results, report: Report, kind: Kind) -> Notification | None:
    """Write the notice of a report.

    Args:
        experiment: The experiment, whose schedule names the recipients and the reports they want.
        results: What the report says.
        report: Where it is.
        kind: Whether it is the one on an experiment that is over.

    Returns:
        The notice, or None where nobody is to be told.
    """
    schedule = experiment.schedule
    if schedule is None or not schedule.recipients:
        return None
    last = kind == "final"
    links = {each: f"{report.path}/{each}.html" for each in schedule.reports}
    facts = [f"{label}: {_cut(text, _LONGEST_FACT)}" for label, text in _facts(results)]
    return Notification(
        id=f"report/{report.experiment}/{report.report_id}",
        kind="report",
        experiment=report.experiment,
        subject=_subject(results, last=last),
        text="\n".join(
            [
                f"{'The last report' if last else 'A report'} on {report.experiment}, as of {_moment(results.as_of)}.",
                "",
                *facts,
                "",
                "Reports:",
                *(f"{each}: {link}" for each, link in links.items()),
            ]
        ),
        link=next(iter(links.values())),
        figures=_figures(results) | {"report_id": report.report_id, "links": dict(links)},
        recipients=schedule.recipients,
        created_at=results.computed_at,
    )


def _headline(results: Results) -> str:
    verdict, group = results.decision.verdict.replace("_", " ").capitalize(), results.decision.group
    return f"{verdict} {group}" if results.decision.verdict in {"implement", "reject"} else verdict


def _facts(results: Results) -> Iterator[tuple[str, str]]:
    decision = results.decision
    yield "Decision", f"{_headline(results)}. {decision.explanation}"
    if decision.relative_improvement is not None:
        yield "How much", f"{decision.metric} improves by {percent(decision.relative_improvement, signed=True)}."
    if decision.interval is not None:
        level = percent(results.analysis.confidence_level)
        yield (
            "How sure",
            f"the {level} interval of the improvement is {decision.interval[0]:.4g} to {decision.interval[1]:.4g}.",
        )
    if decision.next_steps:
        yield "Next", " ".join(decision.next_steps)


def _subject(results: Results, *, last: bool) -> str:
    said = _headline(results) + (", last report" if last else "")
    name = _cut(results.experiment, _LONGEST_SUBJECT - len(said) - 2)
    return _cut(f"{name}: {said}".replace("\n", " ").replace("\r", " "), _LONGEST_SUBJECT)


def _figures(results: Results) -> dict[str, object]:
    decision = results.decision
    comparison = None
    if decision.group is not None and decision.metric is not None:
        comparison = results.comparisons[decision.group][decision.metric]
    return {
        "verdict": decision.verdict,
        "group": decision.group,
        "metric": decision.metric,
        "users": results.n,
        "difference": None if comparison is None else comparison.difference,
        "relative_difference": None if comparison is None else comparison.relative_difference,
        "interval": None if comparison is None else _listed(interval_on(comparison, decision.basis)),
    }


def _moment(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M} UTC"


def _listed(bounds: tuple[float, float] | None) -> list[float] | None:
    return None if bounds is None else list(bounds)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: max(1, longest - 1)]}…"
