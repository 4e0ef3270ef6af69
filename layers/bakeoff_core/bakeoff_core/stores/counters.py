"""Counters that are written by many at once: each lies in several items, whose sum it is."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Shards:
    """Among how many items the writes of a counter are spread.

    A write goes to one of them, and a reading is one query that finds all there are: so their number may change at
    any time, and no count is lost.

    Attributes:
        count: How many there are.
        randrange: Draws a whole number from 0 up to, but without, another one.
    """

    count: int = 1
    randrange: Callable[[int], int] = random.randrange

    def draw(self) -> int:
        """Choose the shard of a write."""
        return self.randrange(self.count) if self.count > 1 else 0


UNSHARDED = Shards()
"""Each counter in one item."""


def shard_key(kind: str, name: str, shard: int) -> str:
    """Spell the key of a shard of a counter; that of the first is the key of a counter that has no others."""
    return f"{kind}#{name}" if shard == 0 else f"{kind}.{shard:03}#{name}"


def by_name(items: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Gather the shards of each counter.

    Args:
        items: Items of a table, in whose attribute `item` a version and one more # go before the key.

    Returns:
        The items by the counter's name, in the order of the names.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        found.setdefault(item["item"].split("#", 2)[2], []).append(item)
    return dict(sorted(found.items()))
