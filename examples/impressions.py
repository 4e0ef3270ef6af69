"""Impressions of a fashion shop: the Open Bandit sample, as rows of plain Python values.

The files in `open_bandit/` hold 60,000 impressions of three campaigns under two policies.
Only the standard library is needed to read them.
"""

import csv
import gzip
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).parent / "open_bandit"
CAMPAIGNS: Final = ("all", "men", "women")
POLICIES: Final = ("random", "bts")


@dataclass(frozen=True, slots=True)
class Item:
    """A fashion item and what is known of it."""

    item_feature_0: float
    item_feature_1: str
    item_feature_2: str
    item_feature_3: str


@dataclass(frozen=True, slots=True)
class Impression:
    """One item shown to one visitor, and whether it was clicked."""

    campaign: str
    policy: str
    timestamp: datetime
    item_id: int
    position: int
    click: bool
    propensity_score: float
    user_feature_0: str
    user_feature_1: str
    user_feature_2: str
    user_feature_3: str
    affinity: float
    item: Item

    def features(self) -> dict[str, int | float | str]:
        """The named features that the example models take."""
        return {
            "position": self.position,
            "user_feature_0": self.user_feature_0,
            "user_feature_1": self.user_feature_1,
            "user_feature_2": self.user_feature_2,
            "user_feature_3": self.user_feature_3,
            "item_feature_0": self.item.item_feature_0,
            "item_feature_1": self.item.item_feature_1,
            "item_feature_2": self.item.item_feature_2,
            "item_feature_3": self.item.item_feature_3,
            "affinity": self.affinity,
        }


def load_items(folder: Path = DATA) -> dict[tuple[str, int], Item]:
    """Read the items, by campaign and item id."""
    with (folder / "items.csv").open(encoding="utf-8", newline="") as lines:
        return {
            (row["campaign"], int(row["item_id"])): Item(
                item_feature_0=float(row["item_feature_0"]),
                item_feature_1=row["item_feature_1"],
                item_feature_2=row["item_feature_2"],
                item_feature_3=row["item_feature_3"],
            )
            for row in csv.DictReader(lines)
        }


def load_impressions(folder: Path = DATA) -> list[Impression]:
    """Read all impressions, campaign by campaign and policy by policy, in the order of time within each."""
    items = load_items(folder)
    with gzip.open(folder / "impressions.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        return [
            Impression(
                campaign=row["campaign"],
                policy=row["policy"],
                timestamp=datetime.fromisoformat(row["timestamp"]),
                item_id=int(row["item_id"]),
                position=int(row["position"]),
                click=row["click"] == "1",
                propensity_score=float(row["propensity_score"]),
                user_feature_0=row["user_feature_0"],
                user_feature_1=row["user_feature_1"],
                user_feature_2=row["user_feature_2"],
                user_feature_3=row["user_feature_3"],
                affinity=float(row["affinity"]),
                item=items[row["campaign"], int(row["item_id"])],
            )
            for row in csv.DictReader(lines)
        ]
