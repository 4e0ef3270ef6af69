from datetime import timedelta
from typing import Any

import pytest

from analysis import analyse
from engine.summary import GroupSummary, Summary
from notices import report_notice
from reporting import Report, report_id_at
from results import Results
from stats.proportions import Proportion
from tests.support import NOON, experiment

RECIPIENTS = [{"type": "email", "address": "product@example.com"}, {"type": "slack", "secret_name": "slack"}]


def results_of(conversions: tuple[int, int], **changes: Any) -> Results:
    subject = experiment(**({"metrics": ["click_rate"]} | changes))
    groups = {
        name: GroupSummary(20_000, {"click_rate": Proportion(count, 20_000)})
        for name, count in zip(subject.shares, conversions, strict=True)
    }
    return analyse(subject, Summary(groups, first_exposure=NOON, last_exposure=NOON + timedelta(days=20)), NOON)


def notice(results: Results, kind: Any = "report", **schedule: Any) -> Any:
    subject = experiment(name=results.experiment, schedule={"frequency": "daily", "recipients": RECIPIENTS} | schedule)
    return report_notice(subject, results, Report(results.experiment, report_id_at(NOON)), kind)


def test_a_notice_says_the_decision_how_much_how_sure_and_where_to_read_on() -> None:
    told = notice(results_of((2_000, 2_600)))
    assert (told.id, told.kind) == ("report/checkout_button/20260301T120000.000000Z", "report")
    assert told.subject == "checkout_button: Implement treatment, +30.00% click_rate"
    lines = told.text.splitlines()
    assert lines[0] == "A report on checkout_button, as of 1 Mar 2026, 12:00 UTC."
    said = dict(line.split(": ", 1) for line in lines if ": " in line)
    assert said["Decision"].startswith("Implement treatment. ")
    assert said["How much"].endswith("+3.00 points, or +30.00%.")
    assert said["How sure"].startswith("95% interval ")
    assert {"Tested", "Next"} <= said.keys()
    folder = "/ab_test/experiments/checkout_button/reports/20260301T120000.000000Z"
    assert [said[kind] for kind in ("executive", "technical", "dashboard")] == [
        f"{folder}/{kind}.html" for kind in ("executive", "technical", "dashboard")
    ]
    assert told.link == f"{folder}/executive.html"
    assert told.figures["relative_difference"] == pytest.approx(0.3)
    assert told.figures["users"] == 40_000
    assert [recipient.type for recipient in told.recipients] == ["email", "slack"]
    assert told.created_at == NOON


def test_the_last_report_and_an_undecided_one_say_so() -> None:
    told = notice(results_of((2_000, 2_010)), "final", reports=["technical"])
    assert told.subject == "checkout_button: Continue testing, last report"
    assert told.text.startswith("The last report on checkout_button")
    assert told.link.endswith("/technical.html")
    assert told.figures["verdict"] == "continue_testing"
    assert list(told.figures["links"]) == ["technical"]


def test_the_longest_names_fit_a_subject() -> None:
    groups = [{"name": "control", "weight": 1}, {"name": "t" * 80, "weight": 1}]
    told = notice(results_of((2_000, 2_600), name="e" * 128, groups=groups))
    assert len(told.subject) <= 100
    assert told.subject.startswith("e")
    assert "Implement tttt" in told.subject


def test_nobody_is_told_where_nobody_is_named() -> None:
    results = results_of((2_000, 2_600))
    assert notice(results, recipients=[]) is None
    assert report_notice(experiment(), results, Report(results.experiment, report_id_at(NOON)), "report") is None
