"""Unseen fleets for an evaluation or a benchmark: simulated, taken through the real pipeline, and labelled, each in a home of its own."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from config.evaluation import FleetsSection, ProtocolSection
from config.settings import Settings
from features.contract import FEATURES, STATUS_FEATURES, WINDOW_STEP_HOURS
from pipelines.console import StageReporter
from pipelines.session import LazySpark

if TYPE_CHECKING:
    import polars as pl

    from features.windows import Floats, Rows
    from monitoring.alarms import Bools, Days, Life, Watch
    from monitoring.calibration import Names
    from training.fleet import Fleet

_HOURS_PER_DAY: Final = 24.0
_FOLDER: Final = "fleet"  # of a home: what was simulated
_MADE_FROM: Final = "made_from"  # fingerprint of what shaped the simulation; a fleet of another one is thrown away


@dataclass(frozen=True)
class Change:
    """What is done to a simulated folder before it is ingested; `told` says all that shapes it."""

    told: str
    apply: Callable[[Path], None]


@dataclass(frozen=True)
class UnseenFleet:
    """A fleet with every window that has enough data, and the truth about its lives."""

    labelled: Fleet
    lives: dict[str, list[Life]]  # by compressor
    models: dict[str, str]  # by compressor: who made it, and which
    days: int

    @property
    def failures(self) -> int:
        """Failures that happened."""
        return sum(life.failed for lives in self.lives.values() for life in lives)

    def watches(self, asks: Bools, protocol: ProtocolSection) -> list[Watch]:
        """Watch every compressor -> [compressors]; `asks` [windows] says which windows of the fleet's index ask for an alarm."""
        from monitoring.alarms import watch_compressor

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

    def modes(self) -> Names:
        """How the life of each window of the fleet's index fails, or would have; empty where it had not begun to degrade at its end."""
        modes = np.full(len(self.labelled.index), "", np.dtype("U32"))
        for _, life, windows in self.windows_of_lives():
            modes[windows] = life.mode
        return modes

    @cached_property
    def end_days(self) -> Days:
        """When each window of the fleet's index ends -> [windows] days since history.first_mark."""
        return (self.labelled.index.end % self.labelled.history.hours).astype(np.float64) * WINDOW_STEP_HOURS / _HOURS_PER_DAY

    def windows_of_lives(self) -> Iterator[tuple[int, Life, Rows]]:
        """Every life with the number of its compressor and its windows' places in the fleet's index, in order of time."""
        for unit, compressor_id in enumerate(self.labelled.history.compressor_ids):
            own = np.flatnonzero(self.labelled.index.unit == unit)
            for life in self.lives[compressor_id]:
                yield unit, life, own[(self.end_days[own] > life.start) & (self.end_days[own] <= life.end)]

    def bands(self, settings: Settings) -> Names:
        """The band of remaining life of every window -> [windows]; the last one is the cap."""
        from monitoring.calibration import rul_bands

        return rul_bands(self.labelled.index.rul, settings.evaluation.report.rul_bands_days, settings.model.labels.max_rul_days)

    def worst_statuses(self) -> Floats:
        """The worst of the three statuses at every row of the history -> [rows]: 0 normal or not known, 1 warning, 2 critical."""
        columns = [FEATURES.index(name) for name in STATUS_FEATURES]
        worst: Floats = np.nan_to_num(np.asarray(self.labelled.history.values)[:, columns]).max(axis=1)
        return worst


def prepare_fleet(settings: Settings, seed: int, spark: LazySpark, report: StageReporter) -> UnseenFleet:
    """The fleet of `seed` that evaluations use, see `label_unseen`."""
    return label_unseen(settings.below(f"evaluation/seed-{seed}"), settings.evaluation.fleets, seed, spark, report)


def label_unseen(own: Settings, size: FleetsSection, seed: int, spark: LazySpark, report: StageReporter) -> UnseenFleet:
    """Simulate the fleet of `seed` below `own.home`, build its lake and label its windows.

    What an earlier run has made of the same settings is used again. Raises HomeError, InputError, EnvironmentSetupError.
    """
    from features.simulator.truth import read_truth
    from monitoring.alarms import lives_by_compressor
    from pipelines.past import labelled_fleet, open_past

    build_fleet(own, size, seed, spark, report)
    past = open_past([own.lake_uri])
    labelled = labelled_fleet(own, past, report)
    lives = lives_by_compressor(read_truth(own.home / _FOLDER), labelled.history.first_mark)
    return UnseenFleet(labelled, lives, past.models(), size.days)


def slices(settings: Settings, fleet: UnseenFleet) -> dict[str, Names]:
    """What each window whose failure was seen belongs to: failure mode, compressor model, band of remaining life."""
    index = fleet.labelled.index
    seen = ~index.censored
    models = np.array([fleet.models[compressor_id] for compressor_id in fleet.labelled.history.compressor_ids])
    return {
        "mode": fleet.modes()[seen],
        "model": models[index.unit[seen]],
        "rul_days": fleet.bands(settings)[seen],
    }


def fleet_truth(settings: Settings, seed: int) -> pl.DataFrame:
    """The truth (features.simulator.truth) of a fleet that `prepare_fleet` has made. Raises InputError."""
    from features.simulator.truth import read_truth

    return read_truth(settings.below(f"evaluation/seed-{seed}").home / _FOLDER)


def build_fleet(
    own: Settings, size: FleetsSection, seed: int, spark: LazySpark, report: StageReporter, change: Change | None = None
) -> datetime:
    """Simulate the fleet of `seed` below `own.home`, `change` its files, and build its lake; returns the end of its time.

    What an earlier run has made of the same settings is used again. Raises HomeError, InputError, EnvironmentSetupError.
    """
    from pipelines.features import build_lake
    from pipelines.ingest import ingest

    _simulate_once(own, size, seed, report, change)
    ingest(own, own.home / _FOLDER, spark, report)
    end = own.simulator.history.start + timedelta(days=size.days)
    build_lake(own, end, spark, report)
    return end


def _simulate_once(own: Settings, size: FleetsSection, seed: int, report: StageReporter, change: Change | None) -> None:
    """Simulate below `own.home` unless a complete fleet of the same settings, however described, is there; one of others goes, with its lake."""
    from config.settings import ensure_home
    from pipelines.simulate import run

    shaped_by = (own.simulator.digest(), own.fleet.digest(), size.digest("seeds"))
    told = "\n".join([*shaped_by, *([change.told] if change else [])])
    fingerprint = hashlib.sha256(told.encode()).hexdigest()
    marker: Path = own.home / _MADE_FROM
    if marker.is_file() and marker.read_text(encoding="utf-8") == fingerprint:
        return
    shutil.rmtree(own.home, ignore_errors=True)
    ensure_home(own.home)
    with report.stage(f"simulate, fleet {seed}") as advance:
        run(
            own.home / _FOLDER,
            own.simulator,
            own.fleet,
            profile="history",
            compressors=size.compressors,
            days=size.days,
            interval_min=size.interval_min,
            seed=seed,
            progress=advance,
        )
        if change:
            change.apply(own.home / _FOLDER)
    marker.write_text(fingerprint, encoding="utf-8")
