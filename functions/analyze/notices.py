"""The notice of a report: the decision, how much, how sure, and where the reports are."""

from bakeoff_core.experiments.model import Experiment
from bakeoff_core.notifications import Notification
from bakeoff_core.stores.runs import Kind
from decision import interval_on
from rendering.formatting import moment, signed_percent
from rendering.summary import headline, summary
from reporting import Report
from results import Comparison, Results

_LONGEST_SUBJECT = 100
_LONGEST_FACT = 1_000
_SHORTEST_NAME = 20


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
    facts = [f"{fact.label}: {_cut(fact.text, _LONGEST_FACT)}" for fact in summary(results)]
    return Notification(
        id=f"report/{report.experiment}/{report.report_id}",
        kind="report",
        experiment=report.experiment,
        subject=_subject(results, last=last),
        text="\n".join(
            [
                f"{'The last report' if last else 'A report'} on {report.experiment}, as of {moment(results.as_of)}.",
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


def _subject(results: Results, *, last: bool) -> str:
    said = headline(results) + _change(results) + (", last report" if last else "")
    name = _cut(results.experiment, max(_SHORTEST_NAME, _LONGEST_SUBJECT - len(said) - 2))
    return _cut(f"{name}: {said}".replace("\n", " ").replace("\r", " "), _LONGEST_SUBJECT)


def _change(results: Results) -> str:
    """How much the deciding metric differs, where something is decided."""
    decision, comparison = results.decision, _deciding(results)
    if comparison is None or comparison.relative_difference is None or decision.verdict not in {"implement", "reject"}:
        return ""
    return f", {signed_percent(comparison.relative_difference)} {decision.metric}"


def _deciding(results: Results) -> Comparison | None:
    decision = results.decision
    if decision.group is None or decision.metric is None:
        return None
    return results.comparisons[decision.group][decision.metric]


def _figures(results: Results) -> dict[str, object]:
    decision, comparison = results.decision, _deciding(results)
    return {
        "verdict": decision.verdict,
        "group": decision.group,
        "metric": decision.metric,
        "users": results.n,
        "difference": None if comparison is None else comparison.difference,
        "relative_difference": None if comparison is None else comparison.relative_difference,
        "interval": None if comparison is None else _listed(interval_on(comparison, decision.basis)),
    }


def _listed(bounds: tuple[float, float] | None) -> list[float] | None:
    return None if bounds is None else list(bounds)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: max(1, longest - 1)]}…"
