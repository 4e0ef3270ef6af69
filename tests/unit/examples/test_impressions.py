"""The committed Open Bandit sample against the figures known of the original."""

import gzip
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from examples.derive_open_bandit import Shortener, derive
from examples.impressions import DATA, Impression, load_impressions


@pytest.fixture(scope="module")
def impressions() -> list[Impression]:
    return load_impressions()


def test_clicks_are_those_of_the_original(impressions: list[Impression]) -> None:
    clicks = Counter((row.campaign, row.policy) for row in impressions if row.click)
    assert clicks == {
        ("all", "random"): 38,
        ("all", "bts"): 42,
        ("men", "random"): 46,
        ("men", "bts"): 69,
        ("women", "random"): 46,
        ("women", "bts"): 46,
    }
    assert set(Counter((row.campaign, row.policy) for row in impressions).values()) == {10_000}


@pytest.mark.parametrize(("campaign", "items"), [("all", 80), ("men", 34), ("women", 46)])
def test_random_policy_shows_every_item_equally_often(impressions: list[Impression], campaign: str, items: int) -> None:
    propensities = {row.propensity_score for row in impressions if (row.campaign, row.policy) == (campaign, "random")}
    assert propensities == {1 / items}


def test_first_impression_is_read_in_full(impressions: list[Impression]) -> None:
    first = impressions[0]
    assert first.timestamp == datetime(2019, 11, 24, 0, 0, 34, 762830, tzinfo=UTC)
    assert first.features() == {
        "position": 3,
        "user_feature_0": "81ce12",
        "user_feature_1": "03a564",
        "user_feature_2": "c2e4f7",
        "user_feature_3": "f97571",
        "item_feature_0": first.item.item_feature_0,
        "item_feature_1": first.item.item_feature_1,
        "item_feature_2": first.item.item_feature_2,
        "item_feature_3": first.item.item_feature_3,
        "affinity": 0.0,
    }


def test_codes_that_would_become_the_same_are_refused() -> None:
    shortener = Shortener()
    assert shortener.shorten("user_feature_0", "81ce123cbb") == "81ce12"
    assert shortener.shorten("user_feature_1", "81ce124444") == "81ce12"
    with pytest.raises(ValueError, match="user_feature_0: two codes begin with 81ce12"):
        shortener.shorten("user_feature_0", "81ce124444")


def test_committed_files_derive_from_the_originals(shared_data: Path, tmp_path: Path) -> None:
    derive(shared_data, tmp_path)
    assert (tmp_path / "items.csv").read_bytes() == (DATA / "items.csv").read_bytes()
    derived = gzip.decompress((tmp_path / "impressions.csv.gz").read_bytes())
    assert derived == gzip.decompress((DATA / "impressions.csv.gz").read_bytes())
