"""Registers a trained challenger: logs it, lets the gate judge it, and moves the aliases."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import mlflow.onnx
import mlflow.sklearn
import onnx
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.data.meta_dataset import MetaDataset

from config.sections.model import LabelSection, ModelConfig
from config.settings import Settings
from features.contract import FEATURE_SET_VERSION
from features.lake import GOLD
from features.model_file.onnx_model import OnnxModel
from features.model_file.onnx_session import OUTPUTS
from monitoring.drift.reference import REFERENCE_FILE, make_reference
from monitoring.drift.snapshots import take_snapshots
from monitoring.evaluation.methods import BASELINE_KEY
from monitoring.gate.candidate import Candidate, EvaluationData, judge_model, measure_cost
from monitoring.gate.champion import SPLIT_FILE, KnownChampion, LostChampion
from pipelines.evaluation.baseline_models import TRUSTED_TYPES
from pipelines.lifecycle.gate_inputs import GATE_FILE
from pipelines.lifecycle.occasion import Occasion, fingerprint
from pipelines.model_card.card import make_card
from pipelines.runtime.mlflow_runs import flat_parameters
from serving.registry.model_version import ModelFacts
from serving.registry.transitions import DECISION_TAG, FINGERPRINT_TAG, conclude, readable_tags, to_tag
from serving.warehouse.decisions import ModelDecision
from training.data.dataset import sample_windows
from training.diagnostics.plots import plot_learning_curves, plot_predicted_against_true

if TYPE_CHECKING:
    from monitoring.evaluation.unseen_fleet import UnseenFleet
    from monitoring.gate.verdict import Verdict
    from pipelines.lifecycle.model_session import ModelSession
    from training.data.history import TrainingHistory
    from training.data.labelled_fleet import LabelledFleet
    from training.trial import Trial


@dataclass(frozen=True)
class Challenger:
    """A trained model that is not registered yet, and what it was trained on."""

    history: TrainingHistory
    fleet: LabelledFleet
    trial: Trial
    occasion: Occasion
    run_id: str


def log_trial(config: ModelConfig, challenger: Challenger) -> None:
    """Log parameters, data, metrics and figures to the active run."""
    history, fleet, trial = challenger.history, challenger.fleet, challenger.trial
    for source in history.sources:
        dataset = DeltaDatasetSource(path=source.lake.uri(GOLD), delta_table_version=source.version)
        mlflow.log_input(MetaDataset(dataset, name="gold", digest=f"v{source.version}"), context="training")
    mlflow.log_params(
        {
            **flat_parameters(config, without=("cmapss",)),
            "feature_set_version": FEATURE_SET_VERSION,
            "gold_version": history.sources[0].version,
            "compressors": len(fleet.history.compressor_ids),
            "trained_until": fleet.history.last_mark.isoformat(),
        }
    )
    mlflow.log_metrics({f"test_{name}": value for name, value in trial.metrics.items()})
    mlflow.log_metrics(
        {
            "validation_rmse_days": trial.fit.validation_rmse,
            "ensemble_error_ratio": trial.fit.error_ratio,
            "fit_seconds": trial.fit.seconds,
            "onnx_max_abs_difference": trial.export.max_abs_difference,
            **({"ageing_shape": trial.ageing.shape, "ageing_scale_days": trial.ageing.scale_days} if trial.ageing else {}),
        }
    )
    mlflow.log_dict(_parts(fleet, trial), SPLIT_FILE)
    observed = ~trial.parts.test.censored
    mlflow.log_figure(
        plot_learning_curves([(member.history, member.best_epoch) for member in trial.fit.members]), "plots/learning_curves.png"
    )
    mlflow.log_figure(
        plot_predicted_against_true(trial.parts.test.rul[observed], trial.predictions.rul[observed], config.labels.max_rul_days),
        "plots/predicted_against_true.png",
    )


def _parts(fleet: LabelledFleet, trial: Trial) -> dict[str, list[str]]:
    names, units = fleet.history.compressor_ids, trial.parts.units
    return {part: [names[unit] for unit in getattr(units, part)] for part in ("train", "validation", "test")}


def register_challenger(
    session: ModelSession, challenger: Challenger, champion: KnownChampion | LostChampion | None, unseen: UnseenFleet | None
) -> ModelDecision:
    """Log the model to the active run and let the gate judge it. Register it with the verdict, and move the aliases.

    unseen: the gate's fleet, where there is a champion to compare with. Raises WarehouseError when the training lock was lost:
    nothing is registered then. Returns the decision that took effect.
    """
    settings, registry = session.settings, session.registry
    history, fleet, trial = challenger.history, challenger.fleet, challenger.trial
    model_uri = _log_models(settings.model, fleet, trial)
    _log_reference(settings, fleet, trial)
    cost = measure_cost(settings, fleet.history.values, trial.parts.test, trial.export.model)
    candidate = Candidate(
        trial.export.model,
        _parts(fleet, trial),
        trial.export.max_abs_difference,
        trial.metrics["baseline_rmse_days"],
        cost.window_ms_p50,
    )
    verdict = judge_model(settings, EvaluationData(history, fleet, trial.parts.test), candidate, champion, unseen)
    mlflow.log_metrics({f"gate_{name}": value for name, value in verdict.metrics.items()})
    mlflow.log_dict({"passed": verdict.passed, "checks": verdict.record, "caveats": list(verdict.caveats)}, GATE_FILE)
    champion_version = None if champion is None else champion.version
    decided = _decide(challenger, verdict, champion_version)
    mlflow.set_tags(readable_tags(decided))
    card = make_card(settings, history, fleet, trial, cost, decided)
    card.log()
    tags = {
        **readable_tags(decided),
        "run_id": challenger.run_id,
        **card.tags,
        DECISION_TAG: to_tag(decided),
        FINGERPRINT_TAG: fingerprint(settings, history, champion_version),
    }
    session.lock.require_held()
    decision = replace(decided, model_version=registry.register(model_uri, _facts(settings.model.labels, challenger), tags))
    mlflow.set_tag("model_version", decision.model_version)
    card.name_version(registry, decision.model_version)
    with session.warehouse.connection() as connection:
        concluded = conclude(registry, connection, decision)
    if concluded != decision:
        mlflow.set_tags(readable_tags(concluded))
    return concluded


def _decide(challenger: Challenger, verdict: Verdict, champion_version: str | None) -> ModelDecision:
    """The decision that follows from the verdict; the registry has given no version yet."""
    return ModelDecision(
        model_version="",
        decided_at=datetime.now(UTC),
        decision="promoted" if verdict.passed else "refused",
        trigger=challenger.occasion.trigger,
        drift_timestamp=challenger.occasion.drift_timestamp,
        previous_version=champion_version,
        run_id=challenger.run_id,
        reasons=verdict.reasons,
        metrics=verdict.metrics,
        checks=verdict.record,
    )


def _facts(labels: LabelSection, challenger: Challenger) -> ModelFacts:
    """What the registry keeps with the version: scoring and later trainings read it."""
    metrics = challenger.trial.metrics
    return ModelFacts(
        FEATURE_SET_VERSION,
        labels.max_rul_days,
        labels.horizon_days,
        challenger.history.sources[0].version,
        round(metrics["rmse_days"], 4),
        round(metrics["baseline_rmse_days"], 4),
        challenger.fleet.history.last_mark.isoformat(),
    )


def _log_models(config: ModelConfig, fleet: LabelledFleet, trial: Trial) -> str:
    """Log the ONNX model with signature and example, and the baseline beside it. Returns the model's URI."""
    example = sample_windows(fleet.history.values, trial.parts.test, 2, config.split.seed)
    predictions = OnnxModel(trial.export.model, config.scoring.threads).predict(example)
    logged = mlflow.onnx.log_model(
        onnx.load_from_string(trial.export.model),
        name="model",
        signature=mlflow.models.infer_signature(example, {name: getattr(predictions, name) for name in OUTPUTS}),
        input_example=example,
        save_as_external_data=False,
        pip_requirements=["onnxruntime", "numpy"],
    )
    mlflow.sklearn.log_model(
        trial.baseline.regressor,
        name=BASELINE_KEY,
        pip_requirements=["scikit-learn", "numpy"],
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED_TYPES),
    )
    return str(logged.model_uri)


def _log_reference(settings: Settings, fleet: LabelledFleet, trial: Trial) -> None:
    """Log the reference that `altaviz monitor` compares later fleets with."""
    scoring, config = settings.model.scoring, settings.monitoring
    model = OnnxModel(trial.export.model, scoring.threads)
    snapshots = take_snapshots(fleet.history, model, config.windows.stride_hours, settings.scoring.min_steps, scoring.batch_size)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / Path(REFERENCE_FILE).name
        file.write_bytes(make_reference(snapshots, config.reference).to_bytes())
        mlflow.log_artifact(str(file), str(Path(REFERENCE_FILE).parent))
