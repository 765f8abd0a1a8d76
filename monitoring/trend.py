"""How a planner extrapolates: a robust line through the last points of a sensor, and when it reaches a limit. Pure NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from config.thresholds import Direction
from monitoring.shifts import median

Doubles = npt.NDArray[np.float64]


def fit_lines(times: Doubles, values: Doubles, least_points: int) -> tuple[Doubles, Doubles]:
    """Theil-Sen lines: `times` [points] before now (<= 0), `values` [n, points] with NaN for missing -> level now and slope per unit of time, [n].

    The slope is the median of those of all pairs of points, the level the median of what the points say with it: scipy.stats.theilslopes with
    method "joint", for many lines with gaps at once. Both are NaN below `least_points`.
    Sen, J. Am. Statist. Assoc. 63 (1968); Theil, Proc. K. Ned. Akad. Wet. 53 (1950).
    """
    first, second = np.triu_indices(len(times), 1)
    slope = median((values[:, second] - values[:, first]) / (times[second] - times[first]), axis=1)
    level = median(values - slope[:, None] * times, axis=1)
    enough = (~np.isnan(values)).sum(axis=1) >= least_points
    return np.where(enough, level, np.nan), np.where(enough, slope, np.nan)


def time_to_limit(level: Doubles, slope: Doubles, limit: float, direction: Direction, most: float) -> Doubles:
    """When the line reaches `limit` -> [n]: 0 if it is there, `most` if it is later than that, moves away, or is none (NaN)."""
    sign = 1.0 if direction == "high" else -1.0
    gap, rate = sign * (limit - level), sign * slope
    rising = rate > 0
    time = np.where(rising, gap / np.where(rising, rate, 1.0), most)
    return np.where(np.isnan(gap), most, np.where(gap <= 0, 0.0, np.minimum(time, most)))
