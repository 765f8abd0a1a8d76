"""altaviz train: gold -> a tracked run -> ONNX -> a registered challenger -> the gate -> perhaps the champion."""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.logs import get_log
from config.settings import Settings
from pipelines.console import StageReporter

if TYPE_CHECKING:
    from training.fleet import Fleet
    from training.gate import Verdict
    from training.trial import Trial

# skops asks to name every type whose file could crash a reader; this one comes from our own fit
_TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


def train(settings: Settings, report: StageReporter) -> dict[str, Any]:
    """Train one model on the gold of the training lake and let the gate decide.

    Returns version, promoted, reasons, metrics (days), run_id, gold_version, windows. Raises NoDataError, ModelError, ExportError.
    """
    from features.grid import write_history
    from features.lake import EVENTS, GOLD, Lake
    from features.reference import read_reference
    from pipelines.tracking import tracked_run
    from training.runtime import load_tensorflow

    started = time.perf_counter()
    load_tensorflow()
    from training.fleet import label_fleet
    from training.trial import run_trial

    lake = Lake(settings.training_lake_uri)
    gold = lake.delta(GOLD)
    with tempfile.TemporaryDirectory(dir=_scratch(settings)) as scratch, tracked_run(settings, "train") as run:
        with report.stage("windows") as advance:
            history = write_history(gold, Path(scratch) / "history.npy")
            fleet = label_fleet(history, read_reference(lake, EVENTS), settings.model.labels, settings.scoring.min_steps)
            advance(1, 1, windows=len(fleet.index))
        with report.stage("fit") as advance:

            def on_epoch(epoch: int, epochs: int, log: Mapping[str, float]) -> None:
                _log_epoch(epoch, log)
                advance(epoch, epochs, **{name: round(value, 3) for name, value in log.items() if name.startswith("validation")})

            trial = run_trial(fleet, settings.model, on_epoch)
        with report.stage("register"):
            _log_trial(settings, lake, int(gold.version()), fleet, trial)
            version, verdict = _register(settings, int(gold.version()), fleet, trial, run.info.run_id)
    get_log().info("model judged", version=version, promoted=verdict.promoted, reasons=verdict.reasons)
    return {
        "version": version,
        "promoted": verdict.promoted,
        "reasons": verdict.reasons,
        "metrics": trial.metrics,
        "epochs": len(trial.fit.history),
        "onnx_max_abs_difference": trial.export.max_abs_difference,
        "windows": {"train": len(trial.parts.train), "validation": len(trial.parts.validation), "test": len(trial.parts.test)},
        "run_id": run.info.run_id,
        "gold_version": int(gold.version()),
        "seconds": round(time.perf_counter() - started, 2),
    }


def _scratch(settings: Settings) -> Path:
    folder = settings.home / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _log_epoch(epoch: int, log: Mapping[str, float]) -> None:
    import mlflow

    mlflow.log_metrics(dict(log), step=epoch)


def _log_trial(settings: Settings, lake: Any, gold_version: int, fleet: Fleet, trial: Trial) -> None:
    """Parameters, data, metrics and figures of the active run."""
    import mlflow
    from mlflow.data.delta_dataset_source import DeltaDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    from features.contract import FEATURE_SET_VERSION
    from features.lake import GOLD
    from pipelines.tracking import flat_parameters
    from training.plots import plot_learning_curves, plot_predicted_against_true

    source = DeltaDatasetSource(path=lake.uri(GOLD), delta_table_version=gold_version)
    mlflow.log_input(MetaDataset(source, name="gold", digest=f"v{gold_version}"), context="training")
    config = settings.model
    sections = ("labels", "windows", "network", "fit", "augmentation", "split", "export", "baseline")
    for section in sections:
        mlflow.log_params(flat_parameters(getattr(config, section), f"{section}."))
    mlflow.log_params(
        {"feature_set_version": FEATURE_SET_VERSION, "gold_version": gold_version, "compressors": len(fleet.history.compressor_ids)}
    )
    mlflow.log_metrics({f"test_{name}": value for name, value in trial.metrics.items()})
    mlflow.log_metrics(
        {"best_epoch": trial.fit.best_epoch, "fit_seconds": trial.fit.seconds, "onnx_max_abs_difference": trial.export.max_abs_difference}
    )
    named = fleet.history.compressor_ids
    units = trial.parts.units
    split = {part: [named[unit] for unit in getattr(units, part)] for part in ("train", "validation", "test")}
    mlflow.log_dict(split, "split.json")
    seen = ~trial.parts.test.censored
    mlflow.log_figure(plot_learning_curves(trial.fit.history, trial.fit.best_epoch), "plots/learning_curves.png")
    mlflow.log_figure(
        plot_predicted_against_true(trial.parts.test.rul[seen], trial.predictions.rul[seen], config.labels.max_rul_days),
        "plots/predicted_against_true.png",
    )
    _log_life(fleet, trial)


def _log_life(fleet: Fleet, trial: Trial) -> None:
    """The figure of one life: the test compressor with the most windows before a seen failure, over its last capped life."""
    import mlflow
    import numpy as np

    from training.plots import plot_life

    test, predictions = trial.parts.test, trial.predictions
    units, counts = np.unique(test.unit[~test.censored], return_counts=True)
    unit = int(units[np.argmax(counts)])
    failure = float(fleet.failures[unit][fleet.failures[unit] > 0][0])
    days = (test.end % fleet.history.hours) / 24.0
    rows = np.flatnonzero((test.unit == unit) & (days <= failure) & (days > failure - 30.0))
    figure = plot_life(
        (failure - days[rows]) * 24.0,
        predictions.rul[rows],
        predictions.rul_lower[rows],
        predictions.rul_upper[rows],
        fleet.history.compressor_ids[unit],
    )
    mlflow.log_figure(figure, "plots/one_life.png")


def _register(settings: Settings, gold_version: int, fleet: Fleet, trial: Trial, run_id: str) -> tuple[str, Verdict]:
    """Log the ONNX model with signature and example, register it and move the aliases as the gate decides."""
    import mlflow
    import mlflow.onnx
    import mlflow.sklearn
    import onnx

    from features.contract import CHALLENGER, CHAMPION, FEATURE_SET_VERSION, REGISTERED_MODEL
    from features.onnx_model import OnnxModel
    from serving.registry import ModelFacts, Registry
    from training.gate import judge
    from training.trial import measure_served, sample_windows

    config = settings.model
    example = sample_windows(fleet.history.values, trial.parts.test, 2, config.split.seed)
    answer = OnnxModel(trial.export.model, config.scoring.threads).predict(example)
    signature = mlflow.models.infer_signature(
        example, {name: getattr(answer, name) for name in ("rul", "rul_lower", "rul_upper", "failure_probability")}
    )
    logged = mlflow.onnx.log_model(
        onnx.load_from_string(trial.export.model),
        name="model",
        signature=signature,
        input_example=example,
        save_as_external_data=False,
        pip_requirements=["onnxruntime", "numpy"],
    )
    mlflow.sklearn.log_model(
        trial.baseline.regressor, name="baseline", pip_requirements=["scikit-learn", "numpy"], skops_trusted_types=_TRUSTED
    )
    registry = Registry(settings.tracking_uri)
    champion_version = registry.version_of(CHAMPION)
    champion = None if champion_version is None else registry.load(champion_version)
    champion_rmse = None if champion is None else measure_served(fleet.history.values, trial.parts.test, champion.onnx, config)
    with contextlib.redirect_stderr(io.StringIO()):  # MLflow says there what our own log says
        version = str(mlflow.register_model(logged.model_uri, REGISTERED_MODEL).version)
    metrics = trial.metrics
    facts = ModelFacts(
        FEATURE_SET_VERSION,
        config.labels.max_rul_days,
        config.labels.horizon_days,
        gold_version,
        round(metrics["rmse_days"], 4),
        round(metrics["baseline_rmse_days"], 4),
    )
    registry.set_facts(version, facts)
    verdict = judge(metrics["rmse_days"], metrics["baseline_rmse_days"], champion_rmse)
    registry.set_tags(
        version, {"gate": "promoted" if verdict.promoted else "refused", "gate_reasons": "; ".join(verdict.reasons), "run_id": run_id}
    )
    if verdict.promoted:
        registry.set_alias(CHAMPION, version)
        registry.drop_alias(CHALLENGER)
    else:
        registry.set_alias(CHALLENGER, version)
    mlflow.set_tags({"gate": "promoted" if verdict.promoted else "refused", "model_version": version})
    return version, verdict
