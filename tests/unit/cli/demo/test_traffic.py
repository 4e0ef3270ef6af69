import pytest

from bakeoff.demo.traffic import chunks


@pytest.mark.parametrize(
    ("items", "expected"), [([], []), ([1], [[1]]), ([1, 2], [[1, 2]]), ([1, 2, 3], [[1, 2], [3]])]
)
def test_lists_are_cut_in_order(items: list[int], expected: list[list[int]]) -> None:
    assert list(chunks(items, 2)) == expected
