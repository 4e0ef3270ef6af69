"""From what each period changed in the sums of the primary metric to the sums as they stood at its end."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from bakeoff_core.experiments.model import Experiment
from engine.relations import moment_of
from stats.inverse_propensity import PropensityMoments
from stats.paired import PairedMoments

Rows: TypeAlias = Sequence[tuple[Any, ...]]
_Moments = TypeVar("_Moments")
_NAMES = 3  # a group, a period and its end come before the sums of a row


def timelines(experiment: Experiment, rows: Rows, idle: float) -> dict[str, dict[datetime, PairedMoments]]:
    """Add up the changes of every group.

    Args:
        experiment: Its configuration.
        rows: The answer to the query on them; the shifts of y and x come last.
        idle: The value of a unit that contributed nothing: 0, or a cap below it.
    """
    shifts: tuple[float, float] = rows[0][-2:] if rows else (0.0, 0.0)
    return _cumulated(experiment, [row[:-2] for row in rows], lambda sums: _paired(sums, shifts, idle))


def weighted_timelines(experiment: Experiment, rows: Rows, idle: float) -> dict[str, dict[datetime, PropensityMoments]]:
    """Add up the changes of every group of a bandit; arguments as in `timelines`, with a shift of y alone."""
    shift: float = rows[0][-1] if rows else 0.0
    return _cumulated(experiment, [row[:-1] for row in rows], lambda sums: _weighted(sums, shift, idle))


def _cumulated(
    experiment: Experiment, rows: Rows, read: Callable[[Sequence[Any]], _Moments]
) -> dict[str, dict[datetime, _Moments]]:
    """Read the sums of every group at the end of every period in which any group changed."""
    ends = {period: moment_of(end) for _, period, end, *_ in sorted(rows, key=lambda row: row[1])}
    found: dict[str, dict[datetime, _Moments]] = {}
    for group in experiment.groups:
        changes = {period: sums for name, period, _, *sums in rows if name == group.name}
        totals = [0] * (len(rows[0]) - _NAMES) if rows else []
        series = found[group.name] = {}
        for period, end in ends.items():
            for index, change in enumerate(changes.get(period, ())):
                totals[index] += change
            series[end] = read(totals)
    return found


def _paired(sums: Sequence[Any], shifts: tuple[float, float], idle: float) -> PairedMoments:
    units, active, total_y, square_y, total_x, square_x, product = sums
    inactive = PairedMoments(units - active, (units - active) * idle, 0.0, 0.0, 0.0, 0.0)
    if active == 0:
        return inactive
    # Squares about the shift, to squares about the mean.
    off_y, off_x = total_y / active - shifts[0], total_x / active - shifts[1]
    return PairedMoments(
        n=active,
        total_y=total_y,
        m2_y=max(0.0, square_y - active * off_y**2),
        total_x=total_x,
        m2_x=max(0.0, square_x - active * off_x**2),
        comoment=product - active * off_y * off_x,
    ).merge(inactive)


def _weighted(sums: Sequence[Any], shift: float, idle: float) -> PropensityMoments:
    units, inverse, inverse_squares, active, active_squares, total, total_squares, squares, shifted = sums
    if units == 0:
        return PropensityMoments.of(())
    idle_squares = inverse_squares - active_squares
    total += idle * (inverse - active)
    off = total / inverse - shift
    # Σ ((y - m)/p)² over the units that contributed, from the squares about the shift, and over those that did not.
    about_mean = shifted - 2 * off * (total_squares - shift * active_squares) + off**2 * active_squares
    return PropensityMoments(
        n=units,
        inverse=inverse,
        total=total,
        squares=squares + idle**2 * idle_squares,
        residual=max(0.0, about_mean) + (idle - total / inverse) ** 2 * max(0.0, idle_squares),
    )
