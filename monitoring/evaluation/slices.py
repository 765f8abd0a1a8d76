"""A model beside its baseline, by slice. Pure; plain values, ready for JSON.

An error that is small on average may be large where it matters.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from config.sections.evaluation import EvaluationConfig
from features.arrays import Bools, Floats, Integers
from monitoring.evaluation.comparison import BETTER, UnitSums, compare_metric
from monitoring.evaluation.event_metrics import WindowPredictions
from monitoring.statistics.bootstrap import Resampling
from training.metrics import coverage, mean_width, rmse

_DIGITS: Final = 4
_METRIC: Final = "rul_rmse_days"


def measure_slices(
    predictions: WindowPredictions, baseline: Floats, unit: Integers, config: EvaluationConfig
) -> dict[str, dict[str, dict[str, Any]]]:
    """`measure` for each group of each grouping of `predictions`. Every window is in one group of each grouping.

    predictions: with an interval. baseline: its predictions for the same windows [n] days. unit: their compressors [n].
    """
    return {
        grouping: {str(name): measure(predictions, baseline, unit, names == name, config) for name in np.unique(names)}
        for grouping, names in predictions.groups.items()
    }


def measure(predictions: WindowPredictions, baseline: Floats, unit: Integers, which: Bools, config: EvaluationConfig) -> dict[str, Any]:
    """windows, compressors, rmse_days, baseline_rmse_days, bias_days (above 0: too late), coverage_90, mean_width_90_days.

    Also difference_days (model - baseline) with interval_days [low, high] and verdict (monitoring.evaluation.comparison). They are None
    with fewer than `card.least_compressors` compressors.
    """
    if predictions.lower is None or predictions.upper is None:
        raise ValueError("slices are measured of a model with an interval")
    true, rul, lower, upper = (part[which] for part in (predictions.true, predictions.rul, predictions.lower, predictions.upper))
    other = baseline[which]
    compressors, position = np.unique(unit[which], return_inverse=True)
    ours, theirs = rmse(true, rul), rmse(true, other)
    measured = {
        "windows": len(true),
        "compressors": len(compressors),
        "rmse_days": round(ours, _DIGITS),
        "baseline_rmse_days": round(theirs, _DIGITS),
        "bias_days": round(float(np.mean(rul.astype(np.float64) - true)), _DIGITS),
        "coverage_90": round(coverage(true, lower, upper), _DIGITS),
        "mean_width_90_days": round(mean_width(lower, upper), _DIGITS),
        "difference_days": round(ours - theirs, _DIGITS),
        "interval_days": None,
        "verdict": None,
    }
    if len(compressors) < config.card.least_compressors:
        return measured
    sums, baseline_sums = (UnitSums.of_errors(_METRIC, true, predicted, position, len(compressors)) for predicted in (rul, other))
    resampling = Resampling(len(compressors), config.bootstrap.resamples, config.bootstrap.seed)
    found = compare_metric(_METRIC, sums, baseline_sums, resampling, config.report.confidence)
    return measured if found is None else {**measured, "interval_days": found["interval"], "verdict": found["verdict"]}


def not_better(slices: dict[str, dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Groups with an error no smaller than the baseline's, and groups whose gain may be chance."""
    worse = [name for name, one in slices.items() if one["rmse_days"] >= one["baseline_rmse_days"]]
    unproven = [name for name, one in slices.items() if name not in worse and one["verdict"] != BETTER]
    return worse, unproven


def thinly_covered(slices: dict[str, dict[str, Any]], least: float) -> list[str]:
    """Groups with coverage below the share `least`."""
    return [name for name, one in slices.items() if one["coverage_90"] < least]
