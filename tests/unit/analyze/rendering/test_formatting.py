"""Numbers as people read them."""

from datetime import date, datetime, timedelta, timezone

import pytest

from rendering.formatting import (
    day,
    interval,
    moment,
    number,
    optional,
    p_value,
    percent,
    plain,
    points,
    probability,
    sentence,
    signed_number,
)


@pytest.mark.parametrize(
    ("p", "written"), [(0, "< 0.0001"), (9e-5, "< 0.0001"), (0.00155425, "0.0016"), (0.0744097, "0.0744"), (1, "1.000")]
)
def test_p_value_is_never_zero(p: float, written: str) -> None:
    assert p_value(p) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [(0.190201, "19.02%"), (0.0038, "0.38%"), (0.00038, "0.038%"), (0, "0.00%"), (1, "100.00%"), (12.5, "1,250.00%")],
)
def test_percent(share: float, written: str) -> None:
    assert percent(share) == written


def test_points_carry_their_sign() -> None:
    assert (points(-0.0082013), points(0.021)) == ("-0.82 points", "+2.10 points")


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (52.456, "52.46"), (0.020158, "0.02016"), (1234.56, "1,235"), (2.3e6, "2,300,000"), (1e-7, "1.000e-07")],
)
def test_number_has_four_significant_digits(value: float, written: str) -> None:
    assert number(value) == written


def test_intervals_and_missing_values() -> None:
    assert interval((-1.0, 2.5), signed_number) == "-1.000 to +2.500"
    assert interval((-0.0133, -0.0031), points) == "-1.33 to -0.31 points"
    assert interval(None, percent) == optional(None, percent) == "–"  # noqa: RUF001 - the dash of the tables


def test_times_carry_their_zone() -> None:
    vienna = timezone(timedelta(hours=1))
    assert moment(datetime(2026, 1, 1, 0, 30, tzinfo=vienna)) == "31 Dec 2025, 23:30 UTC"
    assert day(date(2026, 3, 9)) == "9 Mar 2026"


@pytest.mark.parametrize(
    ("p", "written"), [(1, "> 99.99%"), (0.99991, "> 99.99%"), (0.9631, "96.31%"), (0.00009, "< 0.01%"), (0, "< 0.01%")]
)
def test_no_probability_is_certain(p: float, written: str) -> None:
    assert probability(p) == written


def test_plain_numbers_and_sentences() -> None:
    assert [plain(value) for value in (5, 0.25, 1_200, 0, 1e-7)] == ["5", "0.25", "1,200", "0", "1.000e-07"]
    assert sentence("primary metric") == "Primary metric"
