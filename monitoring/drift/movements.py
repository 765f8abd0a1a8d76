"""How far each compressor, and the fleet, has moved from its own recent level. Drift is measured on these movements.

Neighbouring rows of one compressor are nearly equal, and healthy compressors have very different levels. So neither rows nor levels
can be compared between fleets. A compressor is compared with itself: the median of its last days against that of the days before. Each
is measured from the fleet's median at the same time. Weather and season move all compressors alike, so they drop out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from config.sections.monitoring import WindowsSection
from features.arrays import Bools, Doubles
from monitoring.statistics.nan_median import median

_HOURS_PER_DAY: Final = 24
_SETTLING_STEPS: Final = 3  # each lets go of those whom the step before has shown to be outside


@dataclass(frozen=True)
class Windows:
    """Counts of snapshots: the last `current` are compared with the `baseline` before them."""

    current: int
    baseline: int
    least_current: int  # healthy snapshots a compressor must have
    least_baseline: int

    @property
    def total(self) -> int:
        """Snapshots of both together."""
        return self.current + self.baseline


@dataclass(frozen=True)
class Shifts:
    """Movements in the unit of each feature."""

    units: Doubles  # [compared compressors, features], against the fleet; NaN where one has too few healthy snapshots at a feature
    fleet: Doubles  # [features], of the fleet

    def from_rest(self, edges: Doubles) -> Shifts:
        """The movements measured from compressors at rest: the median of those between the outer `edges` [features, edges].

        A third of the fleet that moves pulls the fleet's median along. That would hide half of its movement in the others' opposite one.
        """
        rest = np.zeros_like(self.fleet)
        for _ in range(_SETTLING_STEPS):
            still = (self.units - rest > edges[:, 0]) & (self.units - rest <= edges[:, -1])
            rest = np.nan_to_num(median(np.where(still, self.units, np.nan), axis=0))
        return Shifts(self.units - rest, self.fleet + rest)


def fit_windows(config: WindowsSection, snapshots: int, stride_hours: int) -> Windows | None:
    """The configured windows, or both shrunk alike when there are only `snapshots`.

    None when less than `least_current_hours` is left to compare.
    """
    per_day = _HOURS_PER_DAY // stride_hours
    full = Windows(config.current_days * per_day, config.baseline_days * per_day, 0, 0)
    current = full.current
    if snapshots < full.total:
        current = round(snapshots * full.current / full.total / per_day) * per_day  # whole days: every time of day as often
        full = Windows(current, snapshots - current, 0, 0)
    if current * stride_hours < config.least_current_hours or full.baseline < current:
        return None
    least = (max(1, round(share * n)) for share, n in ((config.least_current_share, current), (config.least_baseline_share, full.baseline)))
    return Windows(full.current, full.baseline, *least)


def measure_shifts(values: npt.NDArray[np.floating[Any]], healthy: Bools, windows: Windows) -> Shifts:
    """Movements over the last `windows.total` snapshots of `values` [compressors, snapshots, features] where `healthy` [compressors, snapshots]."""
    seen = np.asarray(values[:, -windows.total :], np.float64).copy()
    seen[~healthy[:, -windows.total :]] = np.nan
    split = windows.baseline
    counts = (~np.isnan(seen)).astype(np.int32)
    enough = (counts[:, :split].sum(axis=1) >= windows.least_baseline) & (counts[:, split:].sum(axis=1) >= windows.least_current)
    seen = np.where(enough[:, None, :], seen, np.nan)[enough.any(axis=1)]  # who is not compared shall not speak for the fleet either
    seen -= median(seen[:, :split], axis=1)[:, None, :]
    fleet = median(seen, axis=0)  # [snapshots, features], NaN where nobody is seen
    return Shifts(_moved(seen - fleet, split), _moved(fleet[None], split)[0])


def _moved(seen: Doubles, split: int) -> Doubles:
    """Median of the snapshots from `split` on minus that of those before -> [rows, features]."""
    return median(seen[:, split:], axis=1) - median(seen[:, :split], axis=1)
