import pytest

from benchmarks.read_units import item_bytes, units


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 0),
        ({"name": "a"}, 5),
        ({"n": "é"}, 3),
        ({"v": 0}, 3),
        ({"v": 7}, 3),
        ({"v": 12}, 3),
        ({"v": -1_234_500}, 5),
    ],
)
def test_an_item_counts_with_its_names_and_values(item: dict[str, str | int], size: int) -> None:
    assert item_bytes(item) == size


@pytest.mark.parametrize(
    ("texts", "read"), [([], 0), ([1], 0.5), ([4_095], 0.5), ([4_095, 1], 1), ([4_095] * 200, 100)]
)
def test_a_query_counts_its_items_together(texts: list[int], read: float) -> None:
    assert units([{"t": "x" * length} for length in texts]) == read
