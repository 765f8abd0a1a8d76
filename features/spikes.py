"""Finds isolated spikes: single readings far from the compressor's own recent level.

It is a causal Hampel filter (numpy only). Hampel identifier: F. R. Hampel, "The influence curve and its role
in robust estimation", JASA 69 (1974). Here the window ends before the judged reading. So later readings never
change a decision, and history replays exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from features.arrays import Doubles, Ints
from features.rolling import TimeIndex

if TYPE_CHECKING:  # the edge has no pydantic
    from config.sections.etl import OutlierConfig

MAD_TO_SIGMA = 1.4826  # of a normal distribution
_CANDIDATES_PER_CHUNK = 16_384  # bounds the [candidates, spread_readings] scratch matrix


def find_isolated_spikes(group: Ints, time_us: Ints, values: Doubles, config: OutlierConfig) -> NDArray[np.bool_]:
    """Mark single readings more than `robust_sigma` from their own recent level -> [n] bool.

    `group`, `time_us` as for features.rolling.TimeIndex. `values` [n] is NaN where nothing was measured. The
    level is the median of the last `level_readings` readings. Sigma is 1.4826 x MAD of the last
    `spread_hours`. Both end before the judged reading. Two deviating readings in a row on the same side are a
    lasting level: the second is kept.
    """
    measured = np.flatnonzero(~np.isnan(values))
    spikes = np.zeros(len(values), np.bool_)
    if len(measured) == 0:
        return spikes
    value = values[measured]
    first = TimeIndex(group[measured], time_us[measured]).start(
        config.spread_hours
    )  # first reading that still counts, itself at the latest
    side = _deviating_side(value, first, config)
    previous = np.r_[0, side[:-1]]
    has_previous = first < np.arange(len(value))
    lasting = has_previous & (side == previous)
    spikes[measured] = (side != 0) & ~lasting
    return spikes


def _deviating_side(value: Doubles, first: Ints, config: OutlierConfig) -> NDArray[np.int8]:
    """+1 / -1 where a reading lies too far above / below its recent level, else 0 -> [n]."""
    position = np.arange(len(value))
    level = _median_before(value, position, first, config.level_readings)
    deviation = value - level
    floor = config.min_sigma_fraction * np.abs(level)
    judged = (position - first) >= config.min_readings
    # sigma is never below the floor: only what exceeds the floor needs the costly spread
    rows = np.flatnonzero(judged & (np.abs(deviation) > config.robust_sigma * floor))
    side = np.zeros(len(value), np.int8)
    for offset in range(0, len(rows), _CANDIDATES_PER_CHUNK):
        chunk = rows[offset : offset + _CANDIDATES_PER_CHUNK]
        sigma = np.maximum(_robust_sigma_before(value, chunk, first[chunk], config.spread_readings), floor[chunk])
        side[chunk] = np.where(np.abs(deviation[chunk]) > config.robust_sigma * sigma, np.sign(deviation[chunk]), 0)
    return side


def _readings_before(value: Doubles, rows: Ints, first: Ints, length: int) -> tuple[Doubles, Ints]:
    """Up to `length` readings before each row -> [m, length], and their count [m].

    Missing ones are +inf.
    """
    positions = rows[:, None] - 1 - np.arange(length)[None, :]
    inside = positions >= first[:, None]
    return np.where(inside, value[np.maximum(positions, 0)], np.inf), inside.sum(axis=1)


def _median_of_sorted(ordered: Doubles, count: Ints) -> Doubles:
    """Median of the first `count` of each ascending row -> [m]; NaN where count is 0."""
    low = np.maximum((count - 1) // 2, 0)[:, None]
    high = np.minimum(count // 2, ordered.shape[1] - 1)[:, None]
    median = (np.take_along_axis(ordered, low, axis=1)[:, 0] + np.take_along_axis(ordered, high, axis=1)[:, 0]) / 2
    return np.where(count > 0, median, np.nan)


def _median_before(value: Doubles, rows: Ints, first: Ints, length: int) -> Doubles:
    window, count = _readings_before(value, rows, first, length)
    window.sort(axis=1)
    return _median_of_sorted(window, count)


def _robust_sigma_before(value: Doubles, rows: Ints, first: Ints, length: int) -> Doubles:
    window, count = _readings_before(value, rows, first, length)
    window.sort(axis=1)
    distance = np.abs(window - _median_of_sorted(window, count)[:, None])  # inf stays inf
    distance.sort(axis=1)
    return MAD_TO_SIGMA * _median_of_sorted(distance, count)
