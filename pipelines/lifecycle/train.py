"""Trains a model on gold in a tracked run, registers it, and lets the gate decide: `altaviz train`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from config.logs import get_log
from config.settings import Settings
from monitoring.gate.champion import KnownChampion, find_champion, known_split
from pipelines.lakehouse.labelled_history import labelled_fleet
from pipelines.lifecycle.challenger import Challenger, log_trial, register_challenger
from pipelines.lifecycle.gate_inputs import prepare_unseen, require_own_measure
from pipelines.lifecycle.model_session import open_session
from pipelines.lifecycle.occasion import Occasion
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.mlflow_runs import log_epoch, tracked_run
from training.data.history import open_history
from training.trial import run_trial

if TYPE_CHECKING:
    from pipelines.lifecycle.model_session import ModelSession
    from pipelines.runtime.spark import LazySpark
    from serving.warehouse.decisions import ModelDecision
    from training.data.history import TrainingHistory


def train(settings: Settings, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """Train one model on the gold of the training lake and let the gate decide.

    The gate needs `spark` once, for its unseen fleet, if there is a champion to compare with.
    Returns version, promoted, reasons, metrics (days), run_id, gold_version, windows.
    Raises ConfigError, NoDataError, ModelError, ExportError, WarehouseError, EnvironmentSetupError.
    """
    quieten()
    history = open_history([settings.training_lake_uri])
    with open_session(settings) as session:
        result, decision = train_and_judge(session, history, Occasion("train"), spark, report)
    return {"version": decision.model_version, "promoted": decision.decision == "promoted", "reasons": decision.reasons, **result}


def train_and_judge(
    session: ModelSession, history: TrainingHistory, occasion: Occasion, spark: LazySpark, report: StageReporter
) -> tuple[dict[str, Any], ModelDecision]:
    """Fit on `history`, compare with the champion, register the model, and move the aliases.

    Returns what was measured, and the decision. Raises ConfigError (require_own_measure), NoDataError, ModelError, ExportError,
    WarehouseError, EnvironmentSetupError.
    """
    started = time.perf_counter()
    settings = session.settings
    require_own_measure(settings)

    with tracked_run(settings, occasion.trigger) as run:
        fleet = labelled_fleet(settings, history, report)
        champion = find_champion(session.registry)
        # a missing Spark shows here, before the hours of a fit
        unseen = prepare_unseen(settings, spark, report) if isinstance(champion, KnownChampion) else None
        with report.stage("fit") as advance:

            def on_epoch(epoch: int, epochs: int, log: Mapping[str, float]) -> None:
                log_epoch(epoch, log)
                advance(epoch, epochs, **{name: round(value, 3) for name, value in log.items() if name.startswith("validation")})

            trial = run_trial(fleet, settings.model, on_epoch, known_split(champion, fleet.history))
        with report.stage("register"):
            challenger = Challenger(history, fleet, trial, occasion, run.info.run_id)
            log_trial(settings.model, challenger)
            decision = register_challenger(session, challenger, champion, unseen)
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
        "gold_version": history.sources[0].version,
        "seconds": round(time.perf_counter() - started, 2),
    }, decision
