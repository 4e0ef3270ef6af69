"""docs/scale.md shows what the model and the simulation come to."""

import pytest

from benchmarks.scale_tables import MODELLED, PAGE, SIMULATED, amount, filled, size, table, whole


def test_the_page_has_every_table() -> None:
    page = PAGE.read_text()
    for name in (*MODELLED, *SIMULATED):
        assert page.count(f"<!-- table: {name} -->") == 1, name


def test_the_page_shows_what_the_model_comes_to() -> None:
    page = PAGE.read_text()
    assert filled(page, MODELLED) == page


@pytest.mark.slow
def test_the_page_shows_what_the_simulation_comes_to() -> None:
    page = PAGE.read_text()
    assert filled(page, SIMULATED) == page


def test_only_the_named_tables_are_replaced() -> None:
    page = "a\n<!-- table: one -->\nold\n<!-- end -->\nb\n<!-- table: two -->\nkept\n<!-- end -->\n"
    assert filled(page, {"one": lambda: "new\n"}) == page.replace("old", "new")


def test_a_table_is_markdown() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.0382, "0.038"), (2, "2"), (2.31, "2.3"), (34_723, "34,723")])
def test_counts_have_two_digits_at_least(value: float, text: str) -> None:
    assert whole(value) == text


def test_large_numbers_have_words_and_bytes_have_units() -> None:
    assert [amount(value) for value in (12, 2.4e7, 6.6e9, 3e12)] == ["12", "24 million", "6.6 billion", "3 trillion"]
    assert [size(value) for value in (45_833, 4.58e6, 7.92e9, 7.92e13)] == ["45.8 kB", "4.58 MB", "7.92 GB", "79.2 TB"]
