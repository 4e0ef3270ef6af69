"""Real tests, replayed: everything that users read of them, held against golden files.

After a change that was meant, `python -m tests.golden` writes them anew.
"""

import copy
import json
from pathlib import Path

import pytest

from tests.golden.replays import CAMPAIGNS, assert_golden, golden, landing_page, open_bandit, rounded


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_the_logged_tests_of_the_open_bandit_sample(campaign: str) -> None:
    assert_golden(open_bandit(campaign), json.loads(golden(f"open_bandit_{campaign}").read_text()))


@pytest.mark.slow
def test_the_landing_page_of_a_shop(shared_data: Path) -> None:
    found = landing_page(shared_data / "ab_data.csv.gz")
    assert_golden(found, json.loads(golden("landing_page").read_text()))
    control, treatment = found["groups"]["control"], found["groups"]["treatment"]
    assert (control["n"], treatment["n"]) == (145_274, 145_310)
    rates = [group["metrics"]["purchase_rate"]["rate"] for group in (control, treatment)]
    assert [round(100 * rate, 4) for rate in rates] == [12.0386, 11.8808]
    last = found["timeline"]["treatment"][-1]
    assert (last["control_n"], last["treatment_n"]) == (145_274, 145_310)
    assert [last["control"], last["treatment"]] == pytest.approx(rates)


def test_a_golden_file_is_no_formality() -> None:
    expected = json.loads(golden("open_bandit_men").read_text())
    assert_golden(expected, rounded(expected))
    for change in ("timeline", "comparisons", "groups"):
        changed = copy.deepcopy(expected)
        changed[change]["bts"][0 if change == "timeline" else "n"] = 1
        with pytest.raises(AssertionError):
            assert_golden(changed, expected)
    changed = copy.deepcopy(expected)
    changed["comparisons"]["bts"]["click_rate"]["p_value"] *= 1.000001
    with pytest.raises(AssertionError, match=r"\.comparisons\.bts\.click_rate\.p_value"):
        assert_golden(changed, expected)
