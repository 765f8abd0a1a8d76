"""The methods of an evaluation, and the evaluation of each on one fleet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from config.errors import ModelError
from config.settings import Settings
from features.arrays import Bools
from features.contract import FEATURES, STATUS_LEVELS, WINDOW_STEPS
from features.model_file.onnx_model import OnnxModel
from monitoring.evaluation.alarms import join
from monitoring.evaluation.calibration import FailureOutcomes, join_outcomes, reliability
from monitoring.evaluation.event_metrics import WindowPredictions, errors, join_predictions, summarise
from monitoring.evaluation.method_outcomes import MethodPredictions, Prognosis, prognosis, prognostics
from monitoring.evaluation.prognostics import errors_by_band
from monitoring.evaluation.trend_baseline import trend_rul
from monitoring.evaluation.unseen_fleet import UnseenFleet, slices
from training.data.dataset import known_outcomes

if TYPE_CHECKING:
    import numpy.typing as npt

    from monitoring.evaluation.alarms import Watch
    from serving.registry.model_version import RegisteredModel
    from training.baselines.mlp import Mlp
    from training.baselines.tabular import Baseline

BASELINE_KEY: Final = "baseline"  # name of the model that is logged, and of its numbers in a report
CHAMPION_KEY: Final = "champion"
MLP_KEY: Final = "mlp"
TREND_KEY: Final = "linear_trend"
STATUS_LEVELS_WATCHED: Final = ("critical", "warning")


@dataclass(frozen=True)
class MethodResult:
    """Results of one method on one fleet. `predictions` is None without predicted lives, `outcomes` without a probability."""

    watch: Watch
    prognosis: Prognosis
    predictions: WindowPredictions | None
    outcomes: FailureOutcomes | None = None


def _judge_all(
    settings: Settings, fleet: UnseenFleet, champion: RegisteredModel, baseline: Baseline, mlp: Mlp | None
) -> dict[str, MethodResult]:
    """Every method on one fleet, over the same hours."""
    model, index, values = settings.model, fleet.labelled.index, fleet.labelled.history.values
    network = OnnxModel(champion.onnx, model.scoring.threads)
    if (network.steps, network.features) != (WINDOW_STEPS, len(FEATURES)):
        raise ModelError(f"version {champion.version} takes windows [{network.steps}, {network.features}]: train and register it again")
    others: dict[str, npt.NDArray[np.floating[Any]]] = {
        BASELINE_KEY: baseline.predict_rows(values, index, WINDOW_STEPS, model.scoring.batch_size),
        **({} if mlp is None else {MLP_KEY: mlp.predict_rows(values, index, WINDOW_STEPS, model.scoring.batch_size)}),
        TREND_KEY: trend_rul(settings, fleet),
    }
    judged = {CHAMPION_KEY: judge_network(settings, fleet, network)}
    judged |= {name: _judge(settings, fleet, MethodPredictions(rul)) for name, rul in others.items()}
    statuses = fleet.worst_statuses()[index.end]
    for level in STATUS_LEVELS_WATCHED:
        judged[level] = _judge_alarms(settings, fleet, statuses >= STATUS_LEVELS.index(level))
    return judged


def judge_network(settings: Settings, fleet: UnseenFleet, network: OnnxModel) -> MethodResult:
    """Evaluate an exported network with its interval and probability on one fleet."""
    index = fleet.labelled.index
    known, failed = known_outcomes(index.rul, index.censored, settings.model.labels.horizon_days)
    predicted = network.predict_rows(fleet.labelled.history.values, index.first_row, index.end, settings.model.scoring.batch_size)
    outcomes = FailureOutcomes(predicted.failure_probability[known], failed)
    return _judge(settings, fleet, MethodPredictions(predicted.rul, predicted.rul_lower, predicted.rul_upper), outcomes)


def _judge(settings: Settings, fleet: UnseenFleet, predicted: MethodPredictions, outcomes: FailureOutcomes | None = None) -> MethodResult:
    """Evaluate a method that predicts lives. Errors are by group where it has an interval."""
    seen = ~fleet.labelled.index.censored
    lower, upper = (None if bound is None else bound[seen] for bound in (predicted.lower, predicted.upper))
    predictions = WindowPredictions(
        fleet.labelled.index.rul[seen], predicted.rul[seen], lower, upper, {} if lower is None else slices(settings, fleet)
    )
    asks = predicted.rul < settings.evaluation.protocol.alarm_rul_days.value
    return replace(_judge_alarms(settings, fleet, asks, predicted), predictions=predictions, outcomes=outcomes)


def _judge_alarms(settings: Settings, fleet: UnseenFleet, asks: Bools, predicted: MethodPredictions | None = None) -> MethodResult:
    watches = fleet.watches(asks, settings.evaluation.protocol)
    return MethodResult(join(watches), prognosis(settings, fleet, watches, predicted), None)


def numbers_of(settings: Settings, fleets: list[MethodResult]) -> dict[str, Any]:
    """The numbers of one method over all its fleets."""
    summary = summarise(join([judged.watch for judged in fleets]), settings.evaluation)
    predictions = [judged.predictions for judged in fleets if judged.predictions is not None]
    if predictions:
        joined = join_predictions(predictions)
        summary |= errors(joined, settings.evaluation.protocol.false_alarm_rul_days.value)
        edges, cap = settings.evaluation.report.rul_bands_days, settings.model.labels.max_rul_days
        summary["rul_bands"] = errors_by_band(joined.true, joined.rul, edges, cap)
        summary["prognostics"] = prognostics(settings, [judged.prognosis for judged in fleets])
    outcomes = [judged.outcomes for judged in fleets if judged.outcomes is not None]
    if outcomes:
        summary["failure_probability"] = reliability(join_outcomes(outcomes), settings.evaluation.report.reliability_bins)
    return summary
