"""Derive `open_bandit/` from the Open Bandit sample: `python -m examples.derive_open_bandit FOLDER`.

FOLDER holds `obd_{campaign}_{policy}.csv.gz` and `obd_{campaign}_item_context.csv`, the
files that the PyPI package obp 0.5.7 ships. The same input gives the same bytes.
"""

import csv
import gzip
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from examples.impressions import CAMPAIGNS, DATA, POLICIES

CODE_LENGTH: Final = 6
USER_CODES: Final = tuple(f"user_feature_{index}" for index in range(4))
ITEM_CODES: Final = tuple(f"item_feature_{index}" for index in range(1, 4))
IMPRESSION_COLUMNS: Final = (
    "campaign",
    "policy",
    "timestamp",
    "item_id",
    "position",
    "click",
    "propensity_score",
    *USER_CODES,
    "affinity",
)
ITEM_COLUMNS: Final = ("campaign", "item_id", "item_feature_0", *ITEM_CODES)


class Shortener:
    """Shortens hash codes to a prefix and refuses two codes of one column that would become the same."""

    def __init__(self) -> None:
        self._originals: dict[tuple[str, str], str] = {}

    def shorten(self, column: str, code: str) -> str:
        """Give the prefix of a column's code. Raises ValueError when another code has it already."""
        prefix = code[:CODE_LENGTH]
        if self._originals.setdefault((column, prefix), code) != code:
            raise ValueError(f"{column}: two codes begin with {prefix}")
        return prefix


def derive(source: Path, target: Path) -> None:
    """Write `impressions.csv.gz` and `items.csv` into the target folder."""
    shortener = Shortener()
    impressions = _as_csv(IMPRESSION_COLUMNS, _impressions(source, shortener))
    (target / "impressions.csv.gz").write_bytes(gzip.compress(impressions, compresslevel=9, mtime=0))
    (target / "items.csv").write_bytes(_as_csv(ITEM_COLUMNS, _items(source, shortener)))


def _impressions(source: Path, shortener: Shortener) -> Iterator[dict[str, str]]:
    for campaign in CAMPAIGNS:
        for policy in POLICIES:
            with gzip.open(source / f"obd_{campaign}_{policy}.csv.gz", "rt", encoding="utf-8", newline="") as lines:
                for row in csv.DictReader(lines):
                    yield {
                        "campaign": campaign,
                        "policy": policy,
                        "timestamp": row["timestamp"],
                        "item_id": row["item_id"],
                        "position": row["position"],
                        "click": row["click"],
                        "propensity_score": row["propensity_score"],
                        **{column: shortener.shorten(column, row[column]) for column in USER_CODES},
                        "affinity": row[f"user-item_affinity_{row['item_id']}"],
                    }


def _items(source: Path, shortener: Shortener) -> Iterator[dict[str, str]]:
    for campaign in CAMPAIGNS:
        with (source / f"obd_{campaign}_item_context.csv").open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                yield {
                    "campaign": campaign,
                    "item_id": row["item_id"],
                    "item_feature_0": row["item_feature_0"],
                    **{column: shortener.shorten(column, row[column]) for column in ITEM_CODES},
                }


def _as_csv(columns: Iterable[str], rows: Iterable[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, tuple(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


if __name__ == "__main__":
    derive(Path(sys.argv[1]), DATA)
