"""Plans against statsmodels, and what cannot be planned."""

import json
from math import sqrt

import pytest
from statsmodels.stats.power import TTestIndPower
from typer.testing import CliRunner

from bakeoff.errors import UsageError
from bakeoff.main import app
from bakeoff.planning import Question, detectable, need, needs
from stats.power import Design

HALF_A_POINT = Question(Design(), 0.1, users_per_day=2_000)


def test_users_for_a_change_of_a_rate() -> None:
    found = need(HALF_A_POINT, 0.005)
    # Pooled under the null, unpooled under the alternative (Fleiss, Levin and Paik).
    control, treatment, pooled = 0.1, 0.105, 0.1025
    spread = 1.959963985 * sqrt(2 * pooled * (1 - pooled)) + 0.841621234 * sqrt(
        control * (1 - control) + treatment * (1 - treatment)
    )
    assert found.users_per_group == pytest.approx((spread / 0.005) ** 2, abs=1)
    assert found.users == 2 * (found.users_per_group or 0)
    assert found.relative == pytest.approx(0.05)
    assert found.days == -(-(found.users or 0) // 2_000)


@pytest.mark.parametrize(("groups", "alpha"), [(2, 0.05), (4, 0.05 / 3)])
def test_users_for_a_change_of_a_mean(groups: int, alpha: float) -> None:
    question = Question(Design(treatments=groups - 1), 25, sd=60)
    oracle = TTestIndPower().solve_power(effect_size=2 / 60, alpha=alpha, power=0.8)
    found = need(question, 2)
    assert found.users_per_group == pytest.approx(oracle, abs=1)
    assert found.users == groups * (found.users_per_group or 0)


def test_what_so_many_users_can_show_is_what_needs_so_many() -> None:
    for question in (HALF_A_POINT, Question(Design(sides=1, treatments=2), -3, sd=5)):
        shown = detectable(question, 30_000)
        again = need(question, shown.effect * 1.0001)
        assert again.users is not None
        assert 29_900 < again.users <= 30_003
        assert shown.users_per_group == 30_000 // question.groups


def test_a_table_leaves_out_rates_above_1_and_scales_by_the_spread_around_0() -> None:
    assert [row.relative for row in needs(Question(Design(), 0.9))] == pytest.approx([0.01, 0.02, 0.05, 0.1])
    around_zero = needs(Question(Design(), 0, sd=10))
    assert [row.effect for row in around_zero] == pytest.approx([0.1, 0.2, 0.5, 1, 2, 5])
    assert {row.relative for row in around_zero} == {None}


def test_nothing_is_made_up() -> None:
    assert need(HALF_A_POINT, 0).reason == "no number of users shows an effect of 0"
    assert need(HALF_A_POINT, 0.95).users is None
    assert detectable(HALF_A_POINT, 2).reason is not None
    assert need(Question(Design(), 0.1, users_per_day=0), 0.05).days is None
    with pytest.raises(UsageError, match="a rate must lie between 0 and 1, got 12"):
        Question(Design(), 12)
    with pytest.raises(UsageError, match="--sd: must be above 0, got -1"):
        Question(Design(), 12, sd=-1)


def test_the_command_says_it_in_sentences_and_in_json() -> None:
    arguments = ["power", "--baseline", "0.1", "--relative", "0.05", "--users", "20000", "--users-per-day", "2000"]
    text = CliRunner().invoke(app, arguments).stdout
    assert "A difference of +0.5 points (+5%) takes 115,526 users, 57,763 in each of 2 groups, 58 days." in text
    assert (
        "With 20,000 users, 10,000 in each of 2 groups, 10 days, the smallest difference that is found is +1.2" in text
    )
    document = json.loads(CliRunner().invoke(app, [*arguments, "--format", "json"]).stdout)
    assert document["effect"]["users"] == 115_526
    assert len(document["table"]) == 6
    mean = CliRunner().invoke(app, ["power", "--baseline", "25", "--sd", "60", "--effect", "0"]).stdout
    assert mean.startswith("no number of users shows an effect of 0.\nbaseline 25 ± 60")
    wrong = CliRunner().invoke(app, [*arguments, "--effect", "0.1"])
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        "bakeoff: --effect and --relative say the same in two ways: give one of them\n",
    )
