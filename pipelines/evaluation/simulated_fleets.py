"""Makes unseen fleets for evaluations and benchmarks: simulated, run through the real pipeline, and labelled. Each has its own home."""

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
_MADE_FROM: Final = "made_from"  # fingerprint of the simulation's settings; a fleet of other settings is removed


@dataclass(frozen=True)
class Change:
    """A change of simulated files before they are ingested; `description` names everything that shapes it."""

    description: str
    apply: Callable[[Path], None]


def prepare_fleet(settings: Settings, seed: int, spark: LazySpark, report: StageReporter) -> UnseenFleet:
    """The fleet of `seed` for evaluations; see `label_unseen`."""
    return label_unseen(settings.below(f"evaluation/seed-{seed}"), settings.evaluation.fleets, seed, spark, report)


def label_unseen(own: Settings, size: FleetsSection, seed: int, spark: LazySpark, report: StageReporter) -> UnseenFleet:
    """Simulate the fleet of `seed` below `own.home`, build its lake and label its windows.

    What an earlier run has made of the same settings is used again. Raises HomeError, InputError, EnvironmentSetupError.
    """
    build_fleet(own, size, seed, spark, report)
    history = open_history([own.lake_uri])
    labelled = labelled_fleet(own, history, report)
    lives = lives_by_compressor(read_truth(own.home / _FOLDER), labelled.history.first_mark)
    return UnseenFleet(labelled, lives, history.models(), size.days)


def fleet_truth(settings: Settings, seed: int) -> pl.DataFrame:
    """The truth (features.simulator.truth) of a fleet that `prepare_fleet` has made. Raises InputError."""
    return read_truth(settings.below(f"evaluation/seed-{seed}").home / _FOLDER)


def build_fleet(
    own: Settings, size: FleetsSection, seed: int, spark: LazySpark, report: StageReporter, change: Change | None = None
) -> datetime:
    """Simulate the fleet of `seed` below `own.home`, apply `change`, and build its lake. Returns the end of its time.

    What an earlier run has made of the same settings is used again. Raises HomeError, InputError, EnvironmentSetupError.
    """
    _simulate_once(own, size, seed, report, change)
    ingest(own, own.home / _FOLDER, spark, report)
    end = own.simulator.history.start + timedelta(days=size.days)
    build_lake(own, end, spark, report)
    return end


def _simulate_once(own: Settings, size: FleetsSection, seed: int, report: StageReporter, change: Change | None) -> None:
    """Simulate below `own.home`, unless a complete fleet of the same settings is there.

    A fleet of other settings is removed with its lake.
    """
    shaped_by = (own.simulator.digest(), own.fleet.digest(), size.digest("seeds"))
    described = "\n".join([*shaped_by, *([change.description] if change else [])])
    fingerprint = hashlib.sha256(described.encode()).hexdigest()
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
