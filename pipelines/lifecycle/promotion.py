"""altaviz models promote: a registered version before the gate once more, beside the champion of today and on today's history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from config.errors import ModelError
from config.settings import Settings
from features.contract import CHAMPION
from pipelines.lifecycle.versions import OPERATOR_PATIENCE, find_version, open_registry
from pipelines.runtime.console import StageReporter
from pipelines.runtime.spark import LazySpark
from serving.registry.client import Registry
from serving.registry.transitions import move_champion, record_refusal, settle
from serving.warehouse.decisions import ModelDecision, training_lock
from serving.warehouse.migrations import migrated_warehouse

if TYPE_CHECKING:
    pass

from typing import TYPE_CHECKING

from monitoring.gate.candidate import Candidate, EvaluationData, judge_model, measure_cost, training_compressors
from monitoring.gate.champion import KnownChampion, find_champion, known_parts, with_labels_of
from pipelines.evaluation.baseline_models import load_baseline
from pipelines.lakehouse.labelled_history import labelled_fleet
from pipelines.lifecycle.gate_inputs import prepare_unseen
from training.data.history import open_history
from training.measurement import measure_baseline

if TYPE_CHECKING:
    from monitoring.gate.verdict import Verdict
    from serving.registry.client import Registry
    from serving.registry.model_version import RegisteredModel
    from training.data.dataset import WindowIndex
    from training.data.labelled_fleet import LabelledFleet


def judge_version(settings: Settings, registry: Registry, version: str, spark: LazySpark, report: StageReporter) -> Verdict:
    """Judge `version` as a challenger is judged after its training, by compressors that neither it nor the champion has learned from,
    and by the event and the cap that it was taught.

    How far its ONNX model is from Keras is what was measured when it was exported. Raises ModelError (it cannot be loaded, or no
    compressor is left to judge by), NoDataError, EnvironmentSetupError.
    """
    model, champion = registry.load(version), find_champion(registry)
    settings = with_labels_of(settings, model.facts)
    parts = known_parts(registry, model.run_id)
    unseen = prepare_unseen(settings, spark, report) if isinstance(champion, KnownChampion) else None
    past = open_history([settings.training_lake_uri, settings.lake_uri])
    fleet = labelled_fleet(settings, past, report)
    with report.stage("gate") as advance:
        learned = (training_compressors(parts), None if champion is None else training_compressors(champion.parts))
        taught = set().union(*(names for names in learned if names is not None))
        held_out = fleet.every(fleet.index, settings.model.windows.judge_stride_hours).of_units(
            fleet.history.units_of(set(fleet.history.compressor_ids) - taught)
        )
        if held_out.censored.all():
            raise ModelError(
                f"no compressor that neither version {version} nor the champion has learned from has a recorded failure: ingest more history"
            )
        difference = registry.run_metric(model.run_id, "onnx_max_abs_difference")
        cost = measure_cost(settings, fleet.history.values, held_out, model.onnx)
        candidate = Candidate(model.onnx, parts, difference, _baseline_rmse(settings, fleet, held_out, model), cost.window_ms_p50)
        verdict = judge_model(settings, EvaluationData(past, fleet, held_out), candidate, champion, unseen)
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
    """Judge `version` beside the champion once more and, when the gate passes it or with `force`, make it champion.

    Either way the decision is stored with every check. Returns champion, previous_version, forced, reasons, checks. Raises ModelError (no such
    version, champion already, refused, a training runs), WarehouseError, and what pipelines.lifecycle.promotion.judge_version raises.
    """
    with migrated_warehouse(settings.database, settings.home) as warehouse, training_lock(warehouse, OPERATOR_PATIENCE) as lock:
        registry = open_registry(settings, warehouse)
        with warehouse.connection() as connection:
            settle(registry, connection)
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
        lock.require_held()
        with warehouse.connection() as connection:
            (record_refusal if decision.decision == "refused" else move_champion)(registry, connection, decision)
    if decision.decision == "refused":
        failed = "; ".join(check.sentence for check in verdict.failed)
        raise ModelError(f"the gate refuses version {version}: {failed}. To promote it all the same: --force --reason TEXT")
    return {
        "champion": version,
        "previous_version": present,
        "forced": not verdict.passed,
        "reasons": decision.reasons,
        "checks": decision.checks,
    }
