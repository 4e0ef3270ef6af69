import math
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from bakeoff_core.assignment.bucketing import Purpose, bucket
from tests.support import unicode_text


@given(salt=unicode_text, unit=unicode_text)
def test_bucket_is_a_multiple_of_two_to_the_minus_53_below_one(salt: str, unit: str) -> None:
    point = bucket(salt, "group", unit)
    assert 0 <= point < 1
    assert math.ldexp(point, 53).is_integer()


def test_bucket_is_the_top_53_bits_of_blake2b_over_salt_purpose_and_unit() -> None:
    digest = blake2b("exp\x1fgroup\x1fJosé".encode(), digest_size=8).digest()
    assert bucket("exp", "group", "José") == (int.from_bytes(digest, "big") >> 11) / 2**53


@pytest.mark.parametrize(
    ("salt", "purpose", "unit", "expected"),
    [
        ("recommendation_model_v2", "group", "user-1", 0.44288037739519026),
        ("recommendation_model_v2", "sampling", "user-1", 0.25188583389672337),
        ("checkout", "namespace", "用户", 0.9648019375002594),
    ],
)
def test_bucket_never_changes(salt: str, purpose: Purpose, unit: str, expected: float) -> None:
    assert bucket(salt, purpose, unit) == expected


def test_buckets_are_uniform() -> None:
    points = [bucket("exp", "group", f"user-{i}") for i in range(50_000)]
    assert stats.kstest(points, "uniform").pvalue > 0.001


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("exp", "sampling"), ("exp", "group")),
        (("exp", "group"), ("other", "group")),
        (("a", "namespace"), ("a", "group")),
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
