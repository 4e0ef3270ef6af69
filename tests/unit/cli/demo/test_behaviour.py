import pytest

from bakeoff.demo.behaviour import BEHAVIOURS, HIGHEST_AMOUNT, LOWEST_AMOUNT, Behaviour, act

ALWAYS = Behaviour(click=1, purchase=1)


def test_the_same_user_always_does_the_same() -> None:
    assert act("u", ALWAYS, seed=1) == act("u", ALWAYS, seed=1)
    assert act("u", ALWAYS, seed=1) != act("u", ALWAYS, seed=2)


def test_a_purchase_follows_a_click_and_says_how_much() -> None:
    click, purchase = act("u", ALWAYS, seed=1)
    assert click == {"event_id": "u-click", "user_id": "u", "event_type": "click"}
    assert (purchase["event_id"], purchase["event_type"]) == ("u-purchase", "purchase")
    assert LOWEST_AMOUNT <= purchase["event_value"] <= HIGHEST_AMOUNT
    assert purchase["metadata"] == {"revenue": purchase["event_value"]}


def test_nobody_buys_without_a_click() -> None:
    assert act("u", Behaviour(click=0, purchase=1), seed=1) == []


@pytest.mark.parametrize("group", BEHAVIOURS)
def test_rates_are_those_of_the_group(group: str) -> None:
    behaviour = BEHAVIOURS[group]
    lengths = [len(act(f"u{number}", behaviour, seed=1)) for number in range(20_000)]
    clicks = sum(length > 0 for length in lengths)
    assert clicks / 20_000 == pytest.approx(behaviour.click, abs=0.01)
    assert sum(length > 1 for length in lengths) / clicks == pytest.approx(behaviour.purchase, abs=0.04)
