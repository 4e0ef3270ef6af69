import math
import re
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from bakeoff_core.assignment.bucketing import Purpose, bucket
from tests.conftest import PROJECT_ROOT
from tests.support import unicode_text


@given(salt=unicode_text, unit=unicode_text)
def test_bucket_is_a_multiple_of_two_to_the_minus_53_below_one(salt: str, unit: str) -> None:
    point = bucket(salt, "group", unit)
    assert 0 <= point < 1
    assert math.ldexp(point, 53).is_integer()


def test_bucket_is_the_top_53_bits_of_blake2b_over_salt_purpose_and_unit() -> None:
    digest = blake2b("exp\x1fgroup\x1fJosé".encode(), digest_size=8).digest()
    assert bucket("exp", "group", "José") == (int.from_bytes(digest, "big") >> 11) / 2**53


def documented_points() -> list[tuple[str, Purpose, str, float]]:
    page = (PROJECT_ROOT / "docs" / "assignment.md").read_text()
    rows = re.findall(
        r"^\| `(.+?)` \| `(namespace|holdout|sampling|group)` \| `(.+?)` \| ([\d.]+) \|$", page, re.MULTILINE
    )
    return [(salt, purpose, unit, float(point)) for salt, purpose, unit, point in rows]


def test_the_documented_points_are_the_points() -> None:
    points = documented_points()
    assert len(points) >= 8
    for salt, purpose, unit, point in points:
        assert bucket(salt, purpose, unit) == point


def test_buckets_are_uniform() -> None:
    points = [bucket("exp", "group", f"user-{i}") for i in range(50_000)]
    assert stats.kstest(points, "uniform").pvalue > 0.001


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("exp", "sampling"), ("exp", "group")),
        (("exp", "group"), ("other", "group")),
        (("a", "namespace"), ("a", "group")),
        (("a", "namespace"), ("a", "holdout")),
        (("a", "holdout"), ("a", "sampling")),
        (("shop", "namespace"), ("cart", "namespace")),
    ],
)
def test_decisions_are_independent_of_one_another(first: tuple[str, Purpose], second: tuple[str, Purpose]) -> None:
    units = [f"user-{i}" for i in range(50_000)]
    xs = [bucket(*first, unit) for unit in units]
    ys = [bucket(*second, unit) for unit in units]
    table, _, _ = np.histogram2d(xs, ys, bins=10)
    assert stats.chi2_contingency(table).pvalue > 0.001


def test_a_lone_surrogate_has_no_bytes_to_hash() -> None:
    with pytest.raises(UnicodeEncodeError):
        bucket("exp", "group", "\ud800")
