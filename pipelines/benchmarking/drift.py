"""Monitors weeks of unseen fleets, undisturbed and with sensors that read high: `altaviz benchmark drift`."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from config.sections.monitoring import BenchmarkSection
from config.settings import Settings
from features.contract import COMPRESSOR_ID, ROLLING_FEATURES, TIMESTAMP
from features.grid import read_history
from features.intake import list_reading_files
from features.lake import GOLD, Lake
from features.model_file.onnx_model import OnnxModel
from monitoring.drift.evidently_report import compare_by_preset, raw_frame
from monitoring.drift.snapshots import COMPARED, FleetSnapshots, take_snapshots
from pipelines.evaluation.simulated_fleets import Change, build_fleet
from pipelines.operations.monitor import Comparison, Watched, compare, watch_champion
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.spark import LazySpark

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from monitoring.drift.evidently_report import PresetVerdict

UNDISTURBED: Final = "undisturbed"
DISTURBED: Final = "disturbed"
TRAINING: Final = "against_training_fleet"
BEFORE: Final = "against_days_before"
_DIGITS: Final = 4


def drift(settings: Settings, seeds: list[int] | None, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """Monitor the last week of the fleet of each of `seeds` (None: those of monitoring.yaml), with and without the disturbance.

    Returns `weeks`, and `totals` by kind of week, both with the result of Evidently's default. Fleets that are there
    already are used again. Raises NoChampionError, ModelError (no reference), HomeError, EnvironmentSetupError.
    """
    started = time.perf_counter()
    quieten()
    watched, config = watch_champion(settings), settings.monitoring.benchmark
    weeks = []
    for seed in seeds or config.fleets.seeds:
        for kind in (UNDISTURBED, DISTURBED):
            own = settings.below(f"benchmark-drift/seed-{seed}-{kind}")
            change = _change(own, config, seed) if kind == DISTURBED else None
            end = build_fleet(own, config.fleets, seed, spark, report, change)
            with report.stage(f"compare, fleet {seed}, {kind}"):
                weeks.append({"seed": seed, "week": kind, **_judge(settings, watched, own, end)})
    return {
        "model_version": watched.champion.version,
        "disturbance": config.disturbance.model_dump(),
        "weeks": weeks,
        "totals": {kind: _totals([week for week in weeks if week["week"] == kind], config) for kind in (UNDISTURBED, DISTURBED)},
        "seconds": round(time.perf_counter() - started, 2),
    }


@dataclass(frozen=True)
class DisturbedSensor:
    """`sensor` of a `share` of the compressors, drawn by `seed`, reads by `factor` high from `since` on."""

    sensor: str
    factor: float
    share: float
    since: datetime
    seed: int


def disturb(folder: Path, sensor: DisturbedSensor) -> None:
    """Change the raw readings of a simulated folder in place."""
    named = pl.read_csv(folder / "compressor_metadata.csv")[COMPRESSOR_ID].sort().to_numpy()
    chosen = np.random.default_rng(sensor.seed).choice(named, round(len(named) * sensor.share), replace=False).tolist()
    hit = pl.col(COMPRESSOR_ID).is_in(chosen) & (pl.col(TIMESTAMP) >= sensor.since)
    value = pl.col(sensor.sensor)
    for file in list_reading_files(folder):
        readings = pl.read_parquet(file)
        readings.with_columns(pl.when(hit).then(value * sensor.factor).otherwise(value)).write_parquet(file)


def _change(own: Settings, config: BenchmarkSection, seed: int) -> Change:
    disturbance = config.disturbance
    since = own.simulator.history.start + timedelta(days=config.fleets.days - disturbance.days)
    sensor = DisturbedSensor(disturbance.sensor, disturbance.factor, disturbance.share, since, seed)
    return Change(disturbance.model_dump_json(), lambda folder: disturb(folder, sensor))


def _judge(settings: Settings, watched: Watched, own: Settings, end: datetime) -> dict[str, Any]:
    """What monitoring and Evidently's default make of the last week of the lake of `own`."""
    gold = Lake(own.lake_uri).delta(GOLD)
    compared = compare(settings, watched, gold, end)
    distances, decision = compared.distances, compared.decision
    return {
        "drift": decision.drift,
        "drifted_features": decision.drifted_features,
        "prediction_drifted": decision.prediction_drifted,
        "prediction_psi": _rounded(distances.prediction_psi),
        "prediction_psi_by_chance": _rounded(distances.prediction_psi_by_chance),
        "retrain": decision.retrain,
        "compared": distances.compared,
        "strongest": _strongest(compared),
        "evidently": {
            against: {"drifted_columns": len(found.drifted), **asdict(found)}
            for against, found in _by_preset(settings, watched, gold, end).items()
        },
    }


def _strongest(compared: Comparison) -> dict[str, Any]:
    """The feature with the largest PSI relative to the PSI that chance gives."""
    known = [item for item in compared.distances.features if item.psi is not None and item.psi_by_chance]
    if not known:
        return {}
    most = max(known, key=lambda item: (item.psi or 0.0) / (item.psi_by_chance or 1.0))
    return {"name": most.name, "psi": _rounded(most.psi), "psi_by_chance": _rounded(most.psi_by_chance)}


def _by_preset(settings: Settings, watched: Watched, gold: DeltaTable, end: datetime) -> dict[str, PresetVerdict]:
    """Evidently's default on hourly features and predictions of the week.

    It compares them with equally many rows of the training fleet, and of the days before.
    """
    scoring, config = settings.model.scoring, settings.monitoring
    model, days = OnnxModel(watched.champion.onnx, scoring.threads), config.windows.current_days + config.windows.baseline_days
    history = read_history(gold, end, days * 24 + model.steps)
    snapshots = take_snapshots(history, model, 1, settings.scoring.min_steps, scoring.batch_size).newest(days * 24)
    week = config.windows.current_days * 24
    now = raw_frame(snapshots.newest(week))
    sides = {
        TRAINING: watched.reference.snapshots,
        BEFORE: FleetSnapshots(snapshots.values[:, :-week], snapshots.rul[:, :-week], snapshots.stride_hours),
    }
    frames = {against: raw_frame(side) for against, side in sides.items()}
    return {
        against: compare_by_preset(now, earlier.sample(min(len(now), len(earlier)), random_state=config.reference.seed))
        for against, earlier in frames.items()
    }


def _totals(weeks: list[dict[str, Any]], config: BenchmarkSection) -> dict[str, Any]:
    prefix = next(feature.name for feature in ROLLING_FEATURES if feature.sensor == config.disturbance.sensor).partition("_")[0]
    own = {name for name in COMPARED if name.startswith(f"{prefix}_")}
    return {
        "weeks": len(weeks),
        "with_drift": sum(week["drift"] for week in weeks),
        "with_drifted_features": sum(bool(week["drifted_features"]) for week in weeks),
        "naming_the_sensor": sum(bool(own & set(week["drifted_features"])) for week in weeks),
        "naming_another": sum(bool(set(week["drifted_features"]) - own) for week in weeks),
        "with_prediction_drift": sum(week["prediction_drifted"] for week in weeks),
        "with_retraining": sum(week["retrain"] for week in weeks),
        "evidently": {
            against: {
                "with_dataset_drift": sum(week["evidently"][against]["dataset_drift"] for week in weeks),
                "with_a_drifted_column": sum(week["evidently"][against]["drifted_columns"] > 0 for week in weeks),
                "naming_another": sum(bool(set(week["evidently"][against]["drifted"]) - own) for week in weeks),
            }
            for against in (TRAINING, BEFORE)
        },
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
