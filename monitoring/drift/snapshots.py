"""Snapshots of a fleet for monitoring: features and predicted lives every few hours, by compressor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Bools, Float32s
from features.contract import DAY_OF_WEEK, FEATURES, HOUR_OF_DAY, IS_WEEKEND, STATUS_FEATURES
from features.grid import History
from features.model_file.onnx_model import OnnxModel
from features.windows import observed_steps

# Calendar features are no measurement; a status is a step of the sensor whose means are compared anyway.
COMPARED: Final = tuple(name for name in FEATURES if name not in (*STATUS_FEATURES, HOUR_OF_DAY, DAY_OF_WEEK, IS_WEEKEND))
_COLUMNS: Final = [FEATURES.index(name) for name in COMPARED]


@dataclass(frozen=True)
class FleetSnapshots:
    """Features and predictions. NaN where a compressor had no reading, or too few for a prediction."""

    values: Float32s  # [compressors, snapshots, COMPARED]
    rul: Float32s  # [compressors, snapshots], predicted days
    stride_hours: int

    def healthy(self, warning_days: float) -> Bools:
        """Where a compressor has a predicted life above `warning_days` -> [compressors, snapshots]."""
        return np.asarray(self.rul > warning_days)  # false for NaN

    @property
    def known(self) -> int:
        """Snapshots from the first prediction on."""
        seen = np.flatnonzero(~np.isnan(self.rul).all(axis=0))
        return self.rul.shape[1] - int(seen[0]) if len(seen) else 0

    def newest(self, snapshots: int) -> FleetSnapshots:
        """The last `snapshots` of them."""
        return FleetSnapshots(self.values[:, -snapshots:], self.rul[:, -snapshots:], self.stride_hours)


def take_snapshots(
    history: History, model: OnnxModel, stride_hours: int, min_steps: int, batch_size: int, left_out: Bools | None = None
) -> FleetSnapshots:
    """Take snapshots of every compressor every `stride_hours`, counted back from its last hour, without the rows `left_out`.

    A prediction needs a row at the hour itself and data in `min_steps` of the window's steps, as in training.
    """
    hours = np.arange((history.hours - 1) % stride_hours, history.hours, stride_hours, dtype=np.int64)
    ends = (history.first_rows()[:, None] + hours).ravel()
    first_rows = np.repeat(history.first_rows(), len(hours))
    rows = np.asarray(history.values[ends]).copy()  # [compressors x snapshots, FEATURES]
    usable = ~np.isnan(rows).all(axis=1) & (observed_steps(history.values, first_rows, ends, model.steps) >= min_steps)
    if left_out is not None:
        rows[left_out[ends]] = np.nan
        usable &= ~left_out[ends]
    rul = np.full(len(ends), np.nan, np.float32)
    rul[usable] = model.predict_rows(history.values, first_rows[usable], ends[usable], batch_size).rul
    shape = (len(history.compressor_ids), len(hours))
    return FleetSnapshots(rows[:, _COLUMNS].reshape(*shape, len(COMPARED)), rul.reshape(shape), stride_hours)
