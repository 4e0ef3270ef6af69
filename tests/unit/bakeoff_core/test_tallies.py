"""How tallies are cut into transactions; that they are right is a contract of every store."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from bakeoff_core.stores.arms import ArmsKey
from bakeoff_core.stores.tallies import DynamoTallyStore, Mark
from tests.support import NOON


class Recording:
    """A table that takes every transaction and remembers its actions."""

    name = "table"

    def __init__(self) -> None:
        self.meta = self.client = self
        self.transactions: list[Sequence[Mapping[str, Any]]] = []

    def transact_write_items(self, *, TransactItems: Sequence[Mapping[str, Any]]) -> None:  # noqa: N803 - AWS's name
        self.transactions.append(TransactItems)


def added(table: Recording) -> list[list[tuple[str, str, int]]]:
    return [
        [
            (update["Key"]["name"], update["Key"]["item"], update["ExpressionAttributeValues"][":exposures"])
            for action in transaction
            if (update := action.get("Update"))
        ]
        for transaction in table.transactions
    ]


def test_a_transaction_adds_to_as_few_arms_as_can_be() -> None:
    marks = {
        f"e{number}": Mark(ArmsKey(f"x{number % 2}", 1), "ab"[number // 2 % 2], "exposures") for number in range(400)
    }
    table = Recording()
    assert DynamoTallyStore(table, table, timedelta(days=1)).add(marks, NOON) == 400
    assert added(table) == [
        [("x0", "00000001#tally#a", 99)],
        [("x0", "00000001#tally#a", 1), ("x0", "00000001#tally#b", 97)],
        [("x0", "00000001#tally#b", 3), ("x1", "00000001#tally#a", 95)],
        [("x1", "00000001#tally#a", 5), ("x1", "00000001#tally#b", 93)],
        [("x1", "00000001#tally#b", 7)],
    ]
    assert all(len(transaction) <= 100 for transaction in table.transactions)
