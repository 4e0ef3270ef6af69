"""Group-sequential boundaries, against published ones, and their level and power by simulation."""

import numpy as np
import pytest
from scipy.stats import norm

from stats.difference import Undefined
from stats.group_sequential import LookResult, Looks, boundaries, look, spent


def test_published_boundaries() -> None:
    # gsDesign, sfLDOF, five equal looks, one-sided 0.025: 4.877, 3.357, 2.680, 2.290, 2.031.
    expected = (4.8769, 3.3570, 2.6803, 2.2898, 2.0310)
    assert boundaries(Looks.at(0.2, 0.4, 0.6, 0.8, 1.0)) == pytest.approx(expected, abs=1e-4)
    assert boundaries(Looks.at(0.2, 0.4, 0.6, 0.8, 1.0), alpha=0.025, sides=1) == pytest.approx(expected, abs=1e-4)
    # Two equal looks: 2.963 and 1.969.
    assert boundaries(Looks.at(0.5, 1.0)) == pytest.approx((2.9626, 1.9686), abs=1e-4)


def test_one_look_is_the_plain_test() -> None:
    assert boundaries(Looks.at(1.0)) == pytest.approx((norm.ppf(0.975),))
    result = look(0.2, 0.1, Looks.at(1.0))
    assert isinstance(result, LookResult)
    assert result.crossed
    assert (result.lower, result.upper) == pytest.approx((0.2 - 0.1959964, 0.2 + 0.1959964))
    assert result.p_value == pytest.approx(2 * norm.sf(2), rel=1e-3)


def test_all_is_spent_at_the_end_and_little_before() -> None:
    assert spent(0.025, 1.0) == pytest.approx(0.025)
    assert spent(0.025, 0.2) == pytest.approx(5.4e-7, rel=0.01)


def test_calendar_time_spends_by_the_clock() -> None:
    # Half of the time is over, but a quarter of the units are there: what may be spent is that of t = 0.5.
    by_clock = boundaries(Looks((0.25, 1.0), (0.5, 1.0)))
    assert by_clock[0] == pytest.approx(boundaries(Looks.at(0.5, 1.0))[0])
    assert by_clock[1] != pytest.approx(boundaries(Looks.at(0.5, 1.0))[1], abs=1e-4)


def test_p_value_is_the_level_at_which_the_boundary_is_reached() -> None:
    looks = Looks.at(0.25, 0.5, 0.75)
    boundary = boundaries(looks)[-1]
    at, above, below = (look(z, 1.0, looks) for z in (boundary, boundary + 0.3, boundary - 0.3))
    assert isinstance(at, LookResult)
    assert isinstance(above, LookResult)
    assert isinstance(below, LookResult)
    assert at.p_value == pytest.approx(0.05, rel=2e-3)
    assert above.p_value < 0.05 < below.p_value
    assert (at.crossed, above.crossed, below.crossed) == (True, True, False)
    assert at.lower == pytest.approx(0, abs=1e-9)


def test_one_sided() -> None:
    looks = Looks.at(0.5, 1.0)
    better, worse = look(0.2, 0.1, looks, sides=1), look(0.2, 0.1, looks, sides=1, sign=-1)
    assert isinstance(better, LookResult)
    assert isinstance(worse, LookResult)
    assert better.crossed
    assert not worse.crossed
    assert better.boundary == pytest.approx(1.6621, abs=1e-4)
    assert better.p_value < 0.05 < worse.p_value
    two_sided = look(0.2, 0.1, looks)
    assert isinstance(two_sided, LookResult)
    assert (better.lower, better.upper) == (two_sided.lower, two_sided.upper)


def test_undefined_says_why() -> None:
    assert look(0.1, 0.1, Looks((), ())) == Undefined("no planned look has come yet")
    assert look(0.1, 0.0, Looks.at(1.0)) == Undefined("no variance to bound the difference with")


def test_level_and_power_over_all_looks() -> None:
    rng = np.random.default_rng(20_260_116)
    runs, count = 40_000, 5
    fractions = np.arange(1, count + 1) / count
    bounds = np.array(boundaries(Looks.at(*fractions)))
    paths = rng.normal(0, np.sqrt(1 / count), (runs, count)).cumsum(axis=1) / np.sqrt(fractions)
    level = (np.abs(paths) >= bounds).any(axis=1).mean()
    assert level == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / runs) ** 0.5)
    drift = norm.ppf(0.975) + norm.ppf(0.8)
    found = (np.abs(paths + drift * np.sqrt(fractions)) >= bounds).any(axis=1).mean()
    # The plain test at the end has 0.80; five looks cost about one point of power.
    assert found == pytest.approx(0.79, abs=0.012)
