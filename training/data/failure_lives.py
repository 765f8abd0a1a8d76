"""Lives that ended in an observed failure, and the windows of an index that lie in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.arrays import Ints
from features.contract import WINDOW_STEP_HOURS
from training.data.dataset import WindowIndex
from training.data.labelled_fleet import LabelledFleet

_HOURS_PER_DAY = 24.0


@dataclass(frozen=True)
class SeenLife:
    """One life with its windows, in order of time."""

    unit: int
    failure: int  # its number in Fleet.failures of the unit
    windows: Ints  # [n] places in the index
    left_days: npt.NDArray[np.float64]  # [n] to the failure, not capped


def seen_lives(fleet: LabelledFleet, index: WindowIndex) -> list[SeenLife]:
    """The lives with an observed failure in which `index` has windows. Each such window is in exactly one life."""
    days = (index.end % fleet.history.hours) * (WINDOW_STEP_HOURS / _HOURS_PER_DAY)  # [windows] since history.first_mark
    lives: list[SeenLife] = []
    for unit in np.unique(index.unit[~index.censored]):
        own = np.flatnonzero((index.unit == unit) & ~index.censored)
        own = own[np.argsort(index.end[own])]
        following = np.searchsorted(fleet.failures[unit], days[own], side="left")  # as training.data.dataset.rul_labels finds it
        for failure in np.unique(following):
            windows = own[following == failure]
            lives.append(SeenLife(int(unit), int(failure), windows, fleet.failures[unit][failure] - days[windows]))
    return lives
