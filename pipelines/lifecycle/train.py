"""altaviz train: gold -> a tracked run -> ONNX -> a registered challenger -> the gate -> perhaps the champion."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from config.logs import get_log
from config.settings import Settings
from monitoring.gate.champion import KnownChampion, find_champion, known_split
from pipelines.lakehouse.labelled_history import labelled_fleet
from pipelines.lifecycle.challenger import log_trial, register_challenger
from pipelines.lifecycle.gate_inputs import prepare_unseen, require_own_measure
from pipelines.lifecycle.occasion import Occasion
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.mlflow_runs import log_epoch, tracked_run
from serving.registry.client import Registry
from serving.registry.model_record import ModelRecord
from serving.registry.transitions import settle
from serving.warehouse.decisions import training_lock
from serving.warehouse.migrations import migrated_warehouse
from training.data.history import open_history
from training.trial import run_trial

if TYPE_CHECKING:
    from pipelines.runtime.spark import LazySpark
    from serving.warehouse.connection import Warehouse
    from serving.warehouse.decisions import ModelDecision, TrainingLock
    from training.data.history import TrainingHistory


def train(settings: Settings, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """Train one model on the gold of the training lake and let the gate decide.

    `spark` is only needed for the gate's unseen fleet, which is made when there is a champion to compare with, and made once.
    Returns version, promoted, reasons, metrics (days), run_id, gold_version, windows.
    Raises ConfigError, NoDataError, ModelError, ExportError, WarehouseError, EnvironmentSetupError.
    """
    quieten()
    past = open_history([settings.training_lake_uri])
    wait = timedelta(seconds=settings.retraining.trigger.lock_wait_s)
    with migrated_warehouse(settings.database, settings.home) as warehouse, training_lock(warehouse, wait) as lock:
        registry = Registry(settings.tracking_uri, ModelRecord(warehouse))
        with warehouse.connection() as connection:
            settle(registry, connection)
        result, decision = train_and_judge(settings, registry, warehouse, lock, past, Occasion("train"), spark, report)
    return {"version": decision.model_version, "promoted": decision.decision == "promoted", "reasons": decision.reasons, **result}


def train_and_judge(
    settings: Settings,
    registry: Registry,
    warehouse: Warehouse,
    lock: TrainingLock,
    past: TrainingHistory,
    occasion: Occasion,
    spark: LazySpark,
    report: StageReporter,
) -> tuple[dict[str, Any], ModelDecision]:
    """Fit on `past`, judge beside the champion, register, and move the aliases; the caller holds the training `lock`.

    Returns what was measured and the verdict. Raises ConfigError (require_own_measure), NoDataError, ModelError, ExportError, WarehouseError, EnvironmentSetupError.
    """
    started = time.perf_counter()
    require_own_measure(settings)

    with tracked_run(settings, occasion.trigger) as run:
        fleet = labelled_fleet(settings, past, report)
        champion = find_champion(registry)
        # where Spark is missing, before the hours of a fit
        unseen = prepare_unseen(settings, spark, report) if isinstance(champion, KnownChampion) else None
        with report.stage("fit") as advance:

            def on_epoch(epoch: int, epochs: int, log: Mapping[str, float]) -> None:
                log_epoch(epoch, log)
                advance(epoch, epochs, **{name: round(value, 3) for name, value in log.items() if name.startswith("validation")})

            trial = run_trial(fleet, settings.model, on_epoch, known_split(champion, fleet.history))
        with report.stage("register"):
            log_trial(settings, past, fleet, trial)
            decision = register_challenger(
                settings, registry, warehouse, lock, past, occasion, champion, unseen, fleet, trial, run.info.run_id
            )
    get_log().info("model judged", version=decision.model_version, decision=decision.decision, reasons=decision.reasons)
    return {
        "metrics": {**trial.metrics, **decision.metrics},
        "epochs": trial.fit.epochs,
        "onnx_max_abs_difference": trial.export.max_abs_difference,
        "windows": {
            "train": len(trial.parts.train),
            "validation": len(trial.parts.validation),
            "test": len(trial.parts.test),
        },
        "trained_until": fleet.history.last_mark,
        "run_id": run.info.run_id,
        "gold_version": past.sources[0].version,
        "seconds": round(time.perf_counter() - started, 2),
    }, decision
