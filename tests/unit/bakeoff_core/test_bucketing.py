import math
import re
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bakeoff_core.assignment.bucketing import Purpose, bucket, bucketing, hashing, least_digest_at
from tests.conftest import PROJECT_ROOT
from tests.support import unicode_text


def bucket_of(digest: bytes) -> float:
    return (int.from_bytes(digest, "big") >> 11) / 2**53


@given(salt=unicode_text, unit=unicode_text)
def test_bucket_is_a_multiple_of_two_to_the_minus_53_below_one(salt: str, unit: str) -> None:
    point = bucket(salt, "group", unit)
    assert 0 <= point < 1
    assert math.ldexp(point, 53).is_integer()


def test_bucket_is_the_top_53_bits_of_blake2b_over_salt_purpose_and_unit() -> None:
    digest = blake2b("exp\x1fgroup\x1fJosé".encode(), digest_size=8).digest()
    assert bucket("exp", "group", "José") == bucket_of(digest)


_digests = st.binary(min_size=8, max_size=8)


@given(digest=_digests, point=st.one_of(st.floats(0, 1.5), _digests.map(bucket_of)))
def test_a_digest_is_at_or_above_the_least_one_at_a_point_when_its_bucket_is(digest: bytes, point: float) -> None:
    assert (digest >= least_digest_at(point)) == (bucket_of(digest) >= point)


@given(digest=_digests)
def test_a_digest_is_at_or_above_the_least_one_of_its_own_bucket(digest: bytes) -> None:
    assert digest >= least_digest_at(bucket_of(digest))


@pytest.mark.parametrize(
    ("point", "digest"),
    [(0.0, "0000000000000000"), (0.5, "8000000000000000"), (1 - 2**-53, "fffffffffffff800"), (0.1, "199999999999a000")],
)
def test_the_least_digest_at_a_point(point: float, digest: str) -> None:
    assert least_digest_at(point).hex() == digest


def test_no_digest_is_at_one() -> None:
    assert all(least_digest_at(point) > b"\xff" * 8 for point in (1.0, 1.0000000000000002))


@given(salt=unicode_text, unit=unicode_text)
def test_the_hash_is_what_the_bucket_is_made_of(salt: str, unit: str) -> None:
    assert bucket_of(hashing(salt, "group")(unit)) == bucketing(salt, "group")(unit)


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
