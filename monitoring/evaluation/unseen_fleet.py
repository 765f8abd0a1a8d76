"""A simulated fleet that no model has seen: labelled windows, and the true lives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from config.sections.evaluation import ProtocolSection
from config.settings import Settings
from features.arrays import Bools, Doubles, Float32s, Ints, Texts
from features.contract import FEATURES, STATUS_FEATURES, WINDOW_STEP_HOURS
from monitoring.evaluation.alarms import watch_compressor
from monitoring.evaluation.calibration import rul_bands

if TYPE_CHECKING:
    from monitoring.evaluation.alarms import Watch, WatchedLife
    from training.data.labelled_fleet import LabelledFleet


_HOURS_PER_DAY: Final = 24.0


@dataclass(frozen=True)
class UnseenFleet:
    """A fleet with every window that has enough data, and the truth about its lives."""

    labelled: LabelledFleet
    lives: dict[str, list[WatchedLife]]  # by compressor
    models: dict[str, str]  # by compressor: who made it, and which
    days: int

    @property
    def failures(self) -> int:
        """Failures that happened."""
        return sum(life.failed for lives in self.lives.values() for life in lives)

    def watches(self, asks: Bools, protocol: ProtocolSection) -> list[Watch]:
        """Watch every compressor -> [compressors]. `asks` [windows]: which windows ask for an alarm."""
        history, index = self.labelled.history, self.labelled.index
        days = np.arange(history.hours, dtype=np.float64) * WINDOW_STEP_HOURS / _HOURS_PER_DAY  # [hours] since history.first_mark
        predicted, asked = (np.zeros((len(history.compressor_ids), history.hours), np.bool_) for _ in range(2))
        hour = index.end % history.hours
        predicted[index.unit, hour] = True
        asked[index.unit, hour] = asks
        return [
            watch_compressor(days, predicted[unit], asked[unit], self.lives[compressor_id], protocol)
            for unit, compressor_id in enumerate(history.compressor_ids)
        ]

    def modes(self) -> Texts:
        """The failure mode of each window's life -> [windows]. Empty where degradation had not begun at its end."""
        modes = np.full(len(self.labelled.index), "", np.dtype("U32"))
        for _, life, windows in self.windows_of_lives():
            modes[windows] = life.mode
        return modes

    @cached_property
    def end_days(self) -> Doubles:
        """When each window of the fleet's index ends -> [windows] days since history.first_mark."""
        return (self.labelled.index.end % self.labelled.history.hours).astype(np.float64) * WINDOW_STEP_HOURS / _HOURS_PER_DAY

    def windows_of_lives(self) -> Iterator[tuple[int, WatchedLife, Ints]]:
        """Every life with its compressor's number and the places of its windows in the index, in order of time."""
        for unit, compressor_id in enumerate(self.labelled.history.compressor_ids):
            own = np.flatnonzero(self.labelled.index.unit == unit)
            for life in self.lives[compressor_id]:
                yield unit, life, own[(self.end_days[own] > life.start) & (self.end_days[own] <= life.end)]

    def bands(self, settings: Settings) -> Texts:
        """The band of remaining life of every window -> [windows]; the last one is the cap."""
        return rul_bands(self.labelled.index.rul, settings.evaluation.report.rul_bands_days, settings.model.labels.max_rul_days)

    def worst_statuses(self) -> Float32s:
        """The worst of the three statuses at every row -> [rows]: 0 normal or unknown, 1 warning, 2 critical."""
        columns = [FEATURES.index(name) for name in STATUS_FEATURES]
        worst: Float32s = np.nan_to_num(np.asarray(self.labelled.history.values)[:, columns]).max(axis=1)
        return worst


def slices(settings: Settings, fleet: UnseenFleet) -> dict[str, Texts]:
    """Failure mode, compressor model and band of remaining life of each window with an observed failure."""
    index = fleet.labelled.index
    seen = ~index.censored
    models = np.array([fleet.models[compressor_id] for compressor_id in fleet.labelled.history.compressor_ids])
    return {
        "mode": fleet.modes()[seen],
        "model": models[index.unit[seen]],
        "rul_days": fleet.bands(settings)[seen],
    }
