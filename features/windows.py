"""The one definition of a model window, for training, evaluation and serving. NumPy only.

Rows of all units lie one below the other in one array `values [rows, features]`. They are in order of time on
an even grid: hours for compressors, cycles for turbofans. A missing value is NaN. A window is named by its
last row and cut when needed. Only requested windows are copied.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import Bools, Float32s, Ints
from features.contract import FEATURES, HOUR_VALUES

_HOUR_COLUMNS: Final = [FEATURES.index(name) for name in HOUR_VALUES.values()]


def gather(values: Float32s, first_row_of_unit: Ints, ends: Ints, steps: int) -> Float32s:
    """Cut one window for every end row -> [n, steps, features] float32, oldest step first.

    - values: [rows, features] float32, array or memory map, NaN where missing
    - first_row_of_unit: [n] first row of the unit (or life); earlier rows are never used
    - ends: [n] last row of each window, inclusive

    A gap takes the last value before it. A gap at the start takes the first value after it, also where the
    window starts before its unit. A feature without any value in the window stays NaN.
    """
    rows = ends[:, None] + np.arange(1 - steps, 1, dtype=np.int64)  # [n, steps]
    before_unit = rows < first_row_of_unit[:, None]
    windows = np.asarray(values[np.maximum(rows, first_row_of_unit[:, None])], dtype=np.float32)  # [n, steps, features], a copy
    windows[before_unit] = np.nan
    return fill_gaps(windows)


def fill_gaps(windows: Float32s) -> Float32s:
    """Fill NaN along the steps of [n, steps, features]: forward, then backward at the start.

    All-NaN columns stay NaN.
    """
    missing = np.isnan(windows)
    gappy = np.flatnonzero(missing.any(axis=(1, 2)))  # most windows have no gap, and filling costs far more than cutting
    if not len(gappy):
        return windows
    some, missing = windows[gappy], missing[gappy]
    last = windows.shape[1] - 1
    for step in range(1, last + 1):
        np.copyto(some[:, step], some[:, step - 1], where=missing[:, step])
    if np.isnan(some[:, 0]).any():
        for step in range(last - 1, -1, -1):
            np.copyto(some[:, step], some[:, step + 1], where=np.isnan(some[:, step]))
    filled = windows.copy()
    filled[gappy] = some
    return filled


def has_data(rows: Float32s) -> Bools:
    """Whether every sensor has a value in the hour, before filling -> [...].

    rows: hourly rows [..., FEATURES]. A dead sensor leaves other features, such as the calendar and its own
    long averages. They are no basis for a prediction.
    """
    return np.asarray(~np.isnan(rows[..., _HOUR_COLUMNS]).any(axis=-1))


def observed_steps(values: Float32s, first_row_of_unit: Ints, ends: Ints, steps: int, chunk: int = 4096) -> Ints:
    """Steps with data (`has_data`) of every window over hourly rows [rows, FEATURES] -> [n], 0..steps.

    The count decides between a prediction and `insufficient_history`. Memory grows with `chunk`, not with the
    number of windows.
    """
    counts = np.zeros(len(ends), dtype=np.int64)
    for start in range(0, len(ends), chunk):
        part = slice(start, start + chunk)
        first = first_row_of_unit[part, None]
        rows = ends[part, None] + np.arange(1 - steps, 1, dtype=np.int64)
        counts[part] = (has_data(values[np.maximum(rows, first)]) & (rows >= first)).sum(axis=1)
    return counts
