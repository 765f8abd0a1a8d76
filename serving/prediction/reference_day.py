"""A compressor's own healthy day: of its last week, the day with the longest predicted life.

Every day ends at the same hour of the clock as the explained window.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from config.sections.scoring import ScoringConfig
from features.arrays import Float32s, Ints
from features.contract import FEATURES, WINDOW_STEP_HOURS, WINDOW_STEPS
from features.grid import History
from features.model_file.onnx_model import OnnxModel
from features.windows import fill_gaps, has_data

DAYS: Final = 7
_HOUR_VIBRATION: Final = FEATURES.index("vibration_1hr_mean")
_STEPS_PER_DAY: Final = 24 // WINDOW_STEP_HOURS
PAST_HOURS: Final = (DAYS * _STEPS_PER_DAY + WINDOW_STEPS) * WINDOW_STEP_HOURS  # what the oldest of these days reaches back


@dataclass(frozen=True)
class BestDays:
    """One window per compressor [n, steps, features], gaps filled, and how many days ago it ended [n]. Zero days means none was found."""

    windows: Float32s
    days_before: Ints


def past_days(history: History, units: Ints, hours: Ints) -> Float32s:
    """The windows that end 1 to DAYS days before `hours` [n] of the compressors `units` [n] -> [n, DAYS, steps, features].

    Positions in `history.compressor_ids` are given as `units`, -1 for an unknown compressor. Hours of the grid may lie beyond its ends. Missing
    rows are NaN.
    """
    back = np.arange(1, DAYS + 1)[:, None] * _STEPS_PER_DAY + np.arange(WINDOW_STEPS - 1, -1, -1)  # [days, steps] steps before the hour
    wanted = hours[:, None, None] - back  # [n, days, steps]
    there = (wanted >= 0) & (wanted < history.hours) & (units >= 0)[:, None, None]
    days = np.full((*wanted.shape, history.values.shape[1]), np.nan, np.float32)
    days[there] = history.values[(units[:, None, None] * history.hours + wanted)[there]]
    return days


def past_days_of(history: History, compressor_ids: list[str], as_of: datetime) -> Float32s:
    """`past_days` of some compressors before the last full hour at `as_of`."""
    position = {compressor_id: unit for unit, compressor_id in enumerate(history.compressor_ids)}
    units = np.array([position.get(compressor_id, -1) for compressor_id in compressor_ids], np.int64)
    hour = (as_of - history.first_mark) // (history.mark(1) - history.first_mark)
    return past_days(history, units, np.full(len(units), hour, np.int64))


def best_days(model: OnnxModel, days: Float32s, scoring: ScoringConfig) -> BestDays:
    """The best of the days [n, DAYS, steps, features] with data in at least `min_steps` steps. Days without a stop come first.

    Costs DAYS runs of the model each.
    """
    enough = has_data(days).sum(axis=2) >= scoring.min_steps  # [n, DAYS]
    filled = fill_gaps(days.reshape(-1, *days.shape[2:]))
    rul = model.predict(filled).rul.reshape(enough.shape)
    vibration = filled[:, :, _HOUR_VIBRATION]  # [n x DAYS, steps]
    stopped = (
        (vibration < scoring.reasons.stopped_share.value * np.median(vibration, axis=1, keepdims=True)).any(axis=1).reshape(enough.shape)
    )
    order = np.lexsort((-rul, stopped, ~enough), axis=1)  # best first; of equal ones the newest
    windows = filled.reshape(days.shape)[np.arange(len(days)), order[:, 0]]
    return BestDays(windows, np.where(enough.any(axis=1), order[:, 0] + 1, 0))
