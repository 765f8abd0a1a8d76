"""altaviz models promote: a registered version before the gate once more, beside the champion of today and on today's history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.errors import ModelError
from config.settings import Settings
from monitoring.gate.candidate import Candidate, judge_model, learned_from, measure_cost
from monitoring.gate.champion import KnownChampion, find_champion, known_parts, taught_as
from pipelines.lifecycle.gate_inputs import prepare_unseen
from pipelines.runtime.console import StageReporter
from pipelines.runtime.spark import LazySpark

if TYPE_CHECKING:
    from monitoring.gate.verdict import Verdict
    from serving.registry.client import RegisteredModel, Registry
    from training.data.dataset import WindowIndex
    from training.data.labelled_fleet import LabelledFleet


def judge_version(settings: Settings, registry: Registry, version: str, spark: LazySpark, report: StageReporter) -> Verdict:
    """Judge `version` as a challenger is judged after its training, by compressors that neither it nor the champion has learned from,
    and by the event and the cap that it was taught.

    How far its ONNX model is from Keras is what was measured when it was exported. Raises ModelError (it cannot be loaded, or no
    compressor is left to judge by), NoDataError, EnvironmentSetupError.
    """
    from pipelines.lakehouse.labelled_history import labelled_fleet
    from training.data.history import open_history
    from training.network.runtime import load_tensorflow

    load_tensorflow()
    model, champion = registry.load(version), find_champion(registry)
    settings = taught_as(settings, model.facts)
    parts = known_parts(registry, model.run_id)
    unseen = prepare_unseen(settings, spark, report) if isinstance(champion, KnownChampion) else None
    past = open_history([settings.training_lake_uri, settings.lake_uri])
    fleet = labelled_fleet(settings, past, report)
    with report.stage("gate") as advance:
        learned = (learned_from(parts), None if champion is None else learned_from(champion.parts))
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
        verdict = judge_model(settings, past, fleet, held_out, candidate, champion, unseen)
        advance(1, 1, windows=len(held_out))
    return verdict


def _baseline_rmse(settings: Settings, fleet: LabelledFleet, held_out: WindowIndex, model: RegisteredModel) -> float | None:
    """RMSE in days of the baseline that was logged beside `model`; None when there is none."""
    from pipelines.evaluation.baseline_models import load_baseline
    from training.trial import measure_baseline

    try:
        return measure_baseline(fleet.history.values, held_out, load_baseline(settings, model))["rmse_days"]
    except ModelError:
        return None
