"""Predictions of one method on a fleet, cut into lives and summed by compressor for metrics and comparisons."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from config.sections.evaluation import EvaluationConfig
from config.settings import Settings
from features.arrays import Floats
from monitoring.evaluation.alarms import FALSE, TRUE
from monitoring.evaluation.comparison import RMSE_OF_BAND, UnitSums, as_reported, compare, join_sums, not_won
from monitoring.evaluation.prognostics import BETA, LifeRun, measure_life, summarise_lives
from monitoring.evaluation.unseen_fleet import UnseenFleet
from monitoring.statistics.bootstrap import Resampling

if TYPE_CHECKING:
    from monitoring.evaluation.alarms import Watch


_HOURS_PER_DAY: Final = 24.0
BASELINE_NAMES: Final = {  # as in a report
    "baseline": "gradient boosting",
    "mlp": "the perceptron on the window",
    "linear_trend": "the linear trend to threshold",
    "critical": "critical thresholds",
    "warning": "warning thresholds",
}


@dataclass(frozen=True)
class MethodPredictions:
    """Predicted lives of all windows of a fleet's index, in days, [windows] each. Without an interval the bounds are None."""

    rul: Floats
    lower: Floats | None = None
    upper: Floats | None = None


@dataclass(frozen=True)
class Prognosis:
    """Results of one method on one fleet, by life and by compressor. No runs where it predicts no life."""

    runs: tuple[LifeRun, ...]
    sums: UnitSums


def prognosis(settings: Settings, fleet: UnseenFleet, watches: Sequence[Watch], predicted: MethodPredictions | None) -> Prognosis:
    """Cut and sum the predictions of a method. `watches` are those of the fleet's compressors, in their order."""
    events = _event_sums(watches, settings.evaluation)
    if predicted is None:
        return Prognosis((), events)
    errors = _error_sums(settings, fleet, predicted.rul)
    runs = life_runs(fleet, predicted, settings.model.labels.max_rul_days)
    lives = _life_sums(settings, runs, len(watches))
    return Prognosis(tuple(run for _, run in runs), errors | events | lives)


def life_runs(fleet: UnseenFleet, predicted: MethodPredictions, cap: float) -> list[tuple[int, LifeRun]]:
    """The predictions of every life that ended in failure, from `cap` days before it, with its compressor's number.

    A life without any is left out.
    """
    runs: list[tuple[int, LifeRun]] = []
    for unit, life, windows in fleet.windows_of_lives():
        if not life.failed:
            continue
        left = life.end - fleet.end_days[windows]
        within = (left > 0) & (left < cap)
        which = windows[within]
        if len(which):
            bounds = (None if bound is None else bound[which].astype(np.float64) for bound in (predicted.lower, predicted.upper))
            runs.append((unit, LifeRun(left[within], predicted.rul[which].astype(np.float64), *bounds)))
    return runs


def _error_sums(settings: Settings, fleet: UnseenFleet, rul: Floats) -> UnitSums:
    """Squared errors and windows by compressor, over windows with an observed failure; labels capped as in training.

    There are sums for all windows, for those near the failure, and by band of life.
    """
    index, units = fleet.labelled.index, len(fleet.labelled.history.compressor_ids)
    seen, band = ~index.censored, fleet.bands(settings)
    near = seen & (index.rul < settings.evaluation.protocol.false_alarm_rul_days.value)
    chosen = {
        "rul_rmse_days": seen,
        "rul_rmse_near_failure_days": near,
        **{f"{RMSE_OF_BAND}{name}": seen & (band == name) for name in np.unique(band[seen])},
    }
    parts = [UnitSums.of_errors(name, index.rul[which], rul[which], index.unit[which], units) for name, which in chosen.items()]
    return functools.reduce(operator.or_, parts)


def _life_sums(settings: Settings, runs: Sequence[tuple[int, LifeRun]], units: int) -> UnitSums:
    """Sums of the life metrics of the point, and the number of lives that have each, by compressor."""
    config, cap = settings.evaluation.prognostics, settings.model.labels.max_rul_days
    unit, lives = np.array([unit for unit, _ in runs], np.int64), [measure_life(run, config, cap) for _, run in runs]
    names = [name for name in (lives[0] if lives else ()) if BETA not in name]
    over: dict[str, Any] = {}
    under: dict[str, Any] = {}
    for name in names:
        values = np.array([life[name] for life in lives])
        known = ~np.isnan(values)
        over[name] = np.bincount(unit[known], values[known], units)
        under[name] = np.bincount(unit[known], minlength=units).astype(np.float64)
    return UnitSums(over, under)


def _event_sums(watches: Sequence[Watch], config: EvaluationConfig) -> UnitSums:
    """Sums of caught failures, true alarms, lead days and false alarms, with their denominators, by compressor."""
    hours = config.report.month_days * _HOURS_PER_DAY
    slow = [[one for one in watch.failures if one.degradation_days >= config.protocol.min_degradation_days.value] for watch in watches]
    leads = [[one.lead_days for one in watch.failures if not np.isnan(one.lead_days)] for watch in watches]
    over = {
        "recall_5d": [sum(one.caught for one in own) for own in slow],
        "recall": [sum(one.caught for one in watch.failures) for watch in watches],
        "precision": [sum(one.verdict == TRUE for one in watch.alarms) for watch in watches],
        "lead_days": [sum(own) for own in leads],
        "false_alarms_per_healthy_compressor_month": [sum(one.verdict == FALSE for one in watch.alarms) for watch in watches],
    }
    under = {
        "recall_5d": [len(own) for own in slow],
        "recall": [len(watch.failures) for watch in watches],
        "precision": [sum(one.verdict in (TRUE, FALSE) for one in watch.alarms) for watch in watches],
        "lead_days": [len(own) for own in leads],
        "false_alarms_per_healthy_compressor_month": [watch.healthy_hours / hours for watch in watches],
    }
    return UnitSums(*({name: np.array(n, np.float64) for name, n in sums.items()} for sums in (over, under)))


def prognostics(settings: Settings, parts: Sequence[Prognosis]) -> dict[str, Any]:
    """The metrics of monitoring.evaluation.prognostics over the lives of all `parts`."""
    runs = [run for part in parts for run in part.runs]
    return summarise_lives(runs, settings.evaluation.prognostics, settings.model.labels.max_rul_days)


def comparison(settings: Settings, champion: Sequence[Prognosis], others: Mapping[str, Sequence[Prognosis]]) -> dict[str, Any]:
    """`baselines`: differences of the champion from each, by metric. `not_won`: sentences on where it is not shown to be better."""
    bootstrap = settings.evaluation.bootstrap
    ours = join_sums([part.sums for part in champion])
    sums = {name: join_sums([part.sums for part in parts]) for name, parts in others.items()}
    resampling = Resampling(ours.units, bootstrap.resamples, bootstrap.seed)
    compared = compare(ours, sums, resampling, settings.evaluation.report.confidence)
    return {"baselines": as_reported(compared), "not_won": not_won(compared, BASELINE_NAMES)}
