"""Unseen fleets for an evaluation or a benchmark: simulated, taken through the real pipeline, and labelled, each in a home of its own."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from config.sections.evaluation import FleetsSection
from config.settings import Settings, ensure_home
from features.simulator.truth import read_truth
from monitoring.evaluation.alarms import lives_by_compressor
from monitoring.evaluation.unseen_fleet import UnseenFleet
from pipelines.lakehouse.ingest import ingest
from pipelines.lakehouse.labelled_history import labelled_fleet
from pipelines.lakehouse.medallion import build_lake
from pipelines.lakehouse.simulate import FleetRequest, run
from pipelines.runtime.console import StageReporter
from pipelines.runtime.spark import LazySpark
from training.data.history import open_history

if TYPE_CHECKING:
    import polars as pl


_FOLDER: Final = "fleet"  # of a home: what was simulated
_MADE_FROM: Final = "made_from"  # fingerprint of what shaped the simulation; a fleet of another one is thrown away


@dataclass(frozen=True)
class Change:
    """What is done to a simulated folder before it is ingested; `told` says all that shapes it."""

    told: str
    apply: Callable[[Path], None]


def prepare_fleet(settings: Settings, seed: int, spark: LazySpark, report: StageReporter) -> UnseenFleet:
    """The fleet of `seed` that evaluations use, see `label_unseen`."""
    return label_unseen(settings.below(f"evaluation/seed-{seed}"), settings.evaluation.fleets, seed, spark, report)


def label_unseen(own: Settings, size: FleetsSection, seed: int, spark: LazySpark, report: StageReporter) -> UnseenFleet:
    """Simulate the fleet of `seed` below `own.home`, build its lake and label its windows.

    What an earlier run has made of the same settings is used again. Raises HomeError, InputError, EnvironmentSetupError.
    """
    build_fleet(own, size, seed, spark, report)
    past = open_history([own.lake_uri])
    labelled = labelled_fleet(own, past, report)
    lives = lives_by_compressor(read_truth(own.home / _FOLDER), labelled.history.first_mark)
    return UnseenFleet(labelled, lives, past.models(), size.days)


def fleet_truth(settings: Settings, seed: int) -> pl.DataFrame:
    """The truth (features.simulator.truth) of a fleet that `prepare_fleet` has made. Raises InputError."""
    return read_truth(settings.below(f"evaluation/seed-{seed}").home / _FOLDER)


def build_fleet(
    own: Settings, size: FleetsSection, seed: int, spark: LazySpark, report: StageReporter, change: Change | None = None
) -> datetime:
    """Simulate the fleet of `seed` below `own.home`, `change` its files, and build its lake; returns the end of its time.

    What an earlier run has made of the same settings is used again. Raises HomeError, InputError, EnvironmentSetupError.
    """
    _simulate_once(own, size, seed, report, change)
    ingest(own, own.home / _FOLDER, spark, report)
    end = own.simulator.history.start + timedelta(days=size.days)
    build_lake(own, end, spark, report)
    return end


def _simulate_once(own: Settings, size: FleetsSection, seed: int, report: StageReporter, change: Change | None) -> None:
    """Simulate below `own.home` unless a complete fleet of the same settings, however described, is there; one of others goes, with its lake."""
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
            FleetRequest("history", size.compressors, size.days, size.interval_min, seed),
            advance,
        )
        if change:
            change.apply(own.home / _FOLDER)
    marker.write_text(fingerprint, encoding="utf-8")
