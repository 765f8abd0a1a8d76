"""A planner's extrapolation: a robust line through a sensor's last points, and when it reaches a limit. Pure NumPy."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from config.sections.thresholds import Direction, EffectiveLimits
from config.settings import Settings
from features.arrays import Doubles
from features.contract import (
    DISCHARGE_PRESSURE,
    DISCHARGE_TEMP,
    FEATURES,
    MAX_LOOKBACK_HOURS,
    VIBRATION,
    WINDOW_STEP_HOURS,
)
from monitoring.evaluation.unseen_fleet import UnseenFleet
from monitoring.statistics.nan_median import median

_HOURS_PER_DAY: Final = 24.0
_TREND_FEATURES: Final = {VIBRATION: "vibration_24hr_mean", DISCHARGE_TEMP: "temp_24hr_mean", DISCHARGE_PRESSURE: "pressure_24hr_mean"}


def fit_lines(times: Doubles, values: Doubles, least_points: int) -> tuple[Doubles, Doubles]:
    """Theil-Sen lines -> level now and slope per unit of time, [n]. Both are NaN below `least_points`.

    `times` [points] are before now (<= 0); `values` [n, points] have NaN for missing. The slope is the median over all pairs of points, the
    level the median of the points with it. That is scipy.stats.theilslopes with method "joint", for many lines with gaps at once.
    Sen, J. Am. Statist. Assoc. 63 (1968); Theil, Proc. K. Ned. Akad. Wet. 53 (1950).
    """
    first, second = np.triu_indices(len(times), 1)
    slope = median((values[:, second] - values[:, first]) / (times[second] - times[first]), axis=1)
    level = median(values - slope[:, None] * times, axis=1)
    enough = (~np.isnan(values)).sum(axis=1) >= least_points
    return np.where(enough, level, np.nan), np.where(enough, slope, np.nan)


def time_to_limit(level: Doubles, slope: Doubles, limit: float, direction: Direction, most: float) -> Doubles:
    """When the line reaches `limit` -> [n]. 0 if it is there already.

    `most` if it takes longer, moves away, or is no line (NaN).
    """
    sign = 1.0 if direction == "high" else -1.0
    gap, rate = sign * (limit - level), sign * slope
    rising = rate > 0
    time = np.where(rising, gap / np.where(rising, rate, 1.0), most)
    return np.where(np.isnan(gap), most, np.where(gap <= 0, 0.0, np.minimum(time, most)))


def trend_rul(settings: Settings, fleet: UnseenFleet) -> npt.NDArray[np.float64]:
    """Life until the first sensor's line reaches its limit, by window -> [windows] days, capped as labels are.

    A point counts if its 24 h lie within the running life, so a repair starts the line anew.
    """
    config, thresholds, most = settings.evaluation.trend, settings.thresholds, settings.model.labels.max_rul_days
    history, index = fleet.labelled.history, fleet.labelled.index
    back = np.arange(config.points - 1, -1, -1, dtype=np.int64) * (config.step_hours // WINDOW_STEP_HOURS)  # [points] rows, oldest first
    times = np.asarray(-back * WINDOW_STEP_HOURS, np.float64) / _HOURS_PER_DAY
    first_day = life_starts(fleet) + MAX_LOOKBACK_HOURS / _HOURS_PER_DAY  # [windows]
    rul = np.full(len(index), most)
    for unit, compressor_id in enumerate(history.compressor_ids):
        own = np.flatnonzero(index.unit == unit)
        hours = (index.end[own] % history.hours)[:, None] - back  # [own, points]
        counts = (hours >= 0) & (hours * (WINDOW_STEP_HOURS / _HOURS_PER_DAY) >= first_day[own, None])
        rows = np.asarray(history.values[unit * history.hours : (unit + 1) * history.hours])
        for sensor, feature in _TREND_FEATURES.items():
            limits = thresholds.limits(sensor, fleet.models[compressor_id])
            points = np.where(counts, rows[np.maximum(hours, 0), FEATURES.index(feature)].astype(np.float64), np.nan)
            level, slope = fit_lines(times, points, config.least_points)
            rul[own] = np.minimum(rul[own], time_to_limit(level, slope, _limit(limits, config.limit), limits.direction, most))
    return rul


def _limit(limits: EffectiveLimits, level: str) -> float:
    return limits.warning if level == "warning" or limits.critical is None else limits.critical


def life_starts(fleet: UnseenFleet) -> npt.NDArray[np.float64]:
    """When the life of each window began -> [windows] days since history.first_mark. -inf before the first event."""
    starts = np.full(len(fleet.labelled.index), -np.inf)
    for _, life, windows in fleet.windows_of_lives():
        starts[windows] = life.start
    return starts
