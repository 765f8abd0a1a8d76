"""Judges a registered version again, on today's history and beside today's champion: `altaviz models promote`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from config.errors import ModelError
from config.settings import Settings
from features.contract import CHAMPION
from monitoring.gate.candidate import Candidate, EvaluationData, judge_model, measure_cost, training_compressors
from monitoring.gate.champion import KnownChampion, find_champion, known_parts, with_labels_of
from pipelines.evaluation.baseline_models import load_baseline
from pipelines.lakehouse.labelled_history import labelled_fleet
from pipelines.lifecycle.gate_inputs import prepare_unseen
from pipelines.lifecycle.model_session import open_session
from pipelines.lifecycle.versions import OPERATOR_PATIENCE, find_version
from pipelines.runtime.console import StageReporter
from pipelines.runtime.spark import LazySpark
from serving.registry.transitions import move_champion, record_refusal
from serving.warehouse.decisions import ModelDecision
from training.data.history import open_history
from training.measurement import measure_baseline

if TYPE_CHECKING:
    from monitoring.gate.verdict import Verdict
    from serving.registry.client import Registry
    from serving.registry.model_version import RegisteredModel
    from training.data.dataset import WindowIndex
    from training.data.labelled_fleet import LabelledFleet


def judge_version(settings: Settings, registry: Registry, version: str, spark: LazySpark, report: StageReporter) -> Verdict:
    """Judge `version` as the gate judges a challenger after its training.

    It uses compressors that neither it nor the champion was trained on. Label cap and horizon are those of its training. The difference
    between ONNX and Keras is the one measured at its export. Raises ModelError (it cannot be loaded, or no compressor is left to judge by),
    NoDataError, EnvironmentSetupError.
    """
    model, champion = registry.load(version), find_champion(registry)
    settings = with_labels_of(settings, model.facts)
    parts = known_parts(registry, model.run_id)
    unseen = prepare_unseen(settings, spark, report) if isinstance(champion, KnownChampion) else None
    history = open_history([settings.training_lake_uri, settings.lake_uri])
    fleet = labelled_fleet(settings, history, report)
    with report.stage("gate") as advance:
        training_parts = (training_compressors(parts), None if champion is None else training_compressors(champion.parts))
        trained_on = set().union(*(names for names in training_parts if names is not None))
        held_out = fleet.every(fleet.index, settings.model.windows.judge_stride_hours).of_units(
            fleet.history.units_of(set(fleet.history.compressor_ids) - trained_on)
        )
        if held_out.censored.all():
            raise ModelError(
                f"every compressor with a recorded failure was used to train version {version} or the champion, so none is left to judge by: "
                "ingest more history"
            )
        difference = registry.run_metric(model.run_id, "onnx_max_abs_difference")
        cost = measure_cost(settings, fleet.history.values, held_out, model.onnx)
        candidate = Candidate(model.onnx, parts, difference, _baseline_rmse(settings, fleet, held_out, model), cost.window_ms_p50)
        verdict = judge_model(settings, EvaluationData(history, fleet, held_out), candidate, champion, unseen)
        advance(1, 1, windows=len(held_out))
    return verdict


def _baseline_rmse(settings: Settings, fleet: LabelledFleet, held_out: WindowIndex, model: RegisteredModel) -> float | None:
    """RMSE in days of the baseline that was logged beside `model`; None when there is none."""
    try:
        return measure_baseline(fleet.history.values, held_out, load_baseline(settings, model))["rmse_days"]
    except ModelError:
        return None


def promote(
    settings: Settings, version: str, reason: str | None, spark: LazySpark, report: StageReporter, *, force: bool
) -> dict[str, Any]:
    """Judge `version` again, and make it champion when the gate passes it or with `force`.

    The decision is stored with every check in both cases. Returns champion, previous_version, forced, reasons, checks. Raises ModelError
    (unknown, champion already, refused, or a training runs), WarehouseError, and what judge_version raises.
    """
    with open_session(settings, OPERATOR_PATIENCE) as session:
        registry = session.registry
        found, present = find_version(registry, version), registry.version_of(CHAMPION)
        if version == present:
            raise ModelError(f"version {version} is champion already")
        verdict = judge_version(settings, registry, version, spark, report)
        decision = ModelDecision(
            model_version=version,
            decided_at=datetime.now(UTC),
            decision="promoted" if verdict.passed or force else "refused",
            trigger="operator",
            previous_version=present,
            run_id=found.run_id,
            reasons=[*([reason] if reason else []), *verdict.reasons],
            metrics=verdict.metrics,
            checks=verdict.record,
        )
        session.lock.require_held()
        with session.warehouse.connection() as connection:
            (record_refusal if decision.decision == "refused" else move_champion)(registry, connection, decision)
    if decision.decision == "refused":
        failed = "; ".join(check.sentence for check in verdict.failed)
        raise ModelError(f"the gate refuses version {version}: {failed}. To promote it anyway, add --force --reason TEXT")
    return {
        "champion": version,
        "previous_version": present,
        "forced": not verdict.passed,
        "reasons": decision.reasons,
        "checks": decision.checks,
    }
