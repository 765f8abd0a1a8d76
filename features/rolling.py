"""Rolling statistics over time windows, for many compressors at once (numpy only).

This is the hot path of gold. Every window is summed on its own, from exactly its readings. Nothing is added
and subtracted along the series. So a value does not depend on where a computation started: an incremental run
gives the same bits as a full rebuild.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.arrays import Doubles, Ints
from features.contract import DISCHARGE_TEMP, ROLLING_FEATURES, TEMP_DELTA, TYPICAL_LEVEL

MICROSECONDS_PER_HOUR = 3_600_000_000
_FAR_US = np.int64(1_000 * MICROSECONDS_PER_HOUR)  # further apart than any window is long


def group_starts(group: NDArray[np.int64]) -> Ints:
    """First row of each run of equal values in `group` [n] -> [runs]."""
    if len(group) == 0:
        return np.empty(0, np.int64)
    return np.flatnonzero(np.r_[True, group[1:] != group[:-1]])


class TimeIndex:
    """Finds the rows of a time window inside each compressor.

    `group` [n] is the compressor's code, ascending. `time_us` [n] is in microseconds, ascending within a
    compressor.
    """

    def __init__(self, group: Ints, time_us: Ints) -> None:
        self.rows = len(group)
        apart = np.full(self.rows, _FAR_US)
        if self.rows:
            within = group[1:] == group[:-1]
            # One ascending key serves all compressors. Gaps longer than any window are cut short: otherwise one reading of the
            # year 1 would make the key overflow.
            apart[1:][within] = np.minimum(np.diff(time_us)[within], _FAR_US)
        self._key: Ints = np.cumsum(apart)

    def start(self, hours: float) -> Ints:
        """Row at which the window (t - hours, t] of each row begins -> [n]."""
        return np.searchsorted(self._key, self._key - np.int64(hours * MICROSECONDS_PER_HOUR), side="right").astype(np.int64)

    def nearest(self, hours: float, tolerance_s: float) -> Ints:
        """Row nearest to t - hours in the same compressor -> [n].

        -1 where none lies within the tolerance.
        """
        target = self._key - np.int64(hours * MICROSECONDS_PER_HOUR)
        after = np.searchsorted(self._key, target, side="left")
        candidates = np.stack([np.maximum(after - 1, 0), np.minimum(after, self.rows - 1)]) if self.rows else np.empty((2, 0), np.int64)
        distance = np.abs(self._key[candidates] - target)  # [2, n]
        best = np.argmin(distance, axis=0)
        row = np.take_along_axis(candidates, best[None], axis=0)[0]
        found = np.take_along_axis(distance, best[None], axis=0)[0] <= tolerance_s * 1_000_000
        return np.where(found, row, -1)


def window_sums(values: Doubles, start: Ints) -> Doubles:
    """Sum of values[start[i] : i + 1] for each i -> [n]. Every window is summed alone."""
    bounds = _bounds(start)
    return np.add.reduceat(np.append(values, 0.0), bounds)[::2] if len(values) else values


def window_maxima(values: Doubles, start: Ints) -> Doubles:
    """Maximum of values[start[i] : i + 1] for each i -> [n]."""
    bounds = _bounds(start)
    return np.maximum.reduceat(np.append(values, -np.inf), bounds)[::2] if len(values) else values


def _bounds(start: Ints) -> Ints:
    bounds = np.empty(2 * len(start), np.int64)
    bounds[::2] = start
    bounds[1::2] = np.arange(1, len(start) + 1)
    return bounds


def rolling_features(group: Ints, time_us: Ints, sensors: dict[str, Doubles], delta_tolerance_s: float) -> dict[str, Doubles]:
    """The rolling features of the contract and the temperature delta.

    `group`, `time_us` as for TimeIndex. `sensors`: reading column -> [n], NaN for missing values.

    Returns feature name -> [n]. NaN where the window holds too little. A mean or maximum needs one value, a
    (sample) standard deviation two. The delta needs a reading one hour before.
    """
    index = TimeIndex(group, time_us)
    starts = {hours: index.start(hours) for hours in {feature.hours for feature in ROLLING_FEATURES}}
    result: dict[str, Doubles] = {}
    for sensor in dict.fromkeys(feature.sensor for feature in ROLLING_FEATURES):
        result.update(_sensor_features(sensor, sensors[sensor], starts))
    temperature = sensors[DISCHARGE_TEMP]
    before = index.nearest(1.0, delta_tolerance_s)
    result[TEMP_DELTA] = np.where(before >= 0, temperature - temperature[before], np.nan) if len(temperature) else temperature
    return result


def _sensor_features(sensor: str, values: Doubles, starts: dict[int, Ints]) -> dict[str, Doubles]:
    valid = ~np.isnan(values)
    seen = np.concatenate([[0], np.cumsum(valid)])
    ends = np.arange(1, len(values) + 1)
    # centring keeps the sum of squares well conditioned; a constant per call would make values depend on the call
    centre = TYPICAL_LEVEL[sensor]
    centred = np.where(valid, values - centre, 0.0)
    squared = centred * centred
    result: dict[str, Doubles] = {}
    for hours, start in starts.items():
        wanted = {feature.statistic: feature.name for feature in ROLLING_FEATURES if feature.sensor == sensor and feature.hours == hours}
        if not wanted:
            continue
        count = (seen[ends] - seen[start]).astype(np.float64)
        total = window_sums(centred, start)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = total / count
            if "mean" in wanted:
                result[wanted["mean"]] = np.where(count > 0, mean + centre, np.nan)
            if "std" in wanted:
                variance = np.maximum(window_sums(squared, start) - total * mean, 0.0) / (count - 1)
                result[wanted["std"]] = np.where(count > 1, np.sqrt(variance), np.nan)
            if "max" in wanted:
                result[wanted["max"]] = np.where(count > 0, window_maxima(np.where(valid, values, -np.inf), start), np.nan)
    return result
