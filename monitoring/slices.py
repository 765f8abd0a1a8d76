"""A model beside its baseline, slice by slice: an error that is small on average may be large exactly where it matters. Pure; plain values, ready for JSON."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from config.evaluation import EvaluationConfig
from monitoring.calibration import Bools, Floats
from monitoring.comparison import BETTER, UnitSums, compare
from monitoring.performance import Answers
from training.metrics import coverage, mean_width, rmse

_DIGITS: Final = 4
_METRIC: Final = "rul_rmse_days"
_BASELINE: Final = "baseline"

Units = npt.NDArray[np.integer[Any]]


def measure_slices(answers: Answers, baseline: Floats, unit: Units, config: EvaluationConfig) -> dict[str, dict[str, dict[str, Any]]]:
    """For each grouping of `answers` and each of its groups by name: `measure` of its windows. Every window is in one group of each grouping.

    answers: with an interval. baseline: what it predicts for the same windows [n] days. unit: their compressors [n].
    """
    return {
        grouping: {str(name): measure(answers, baseline, unit, names == name, config) for name in np.unique(names)}
        for grouping, names in answers.groups.items()
    }


def measure(answers: Answers, baseline: Floats, unit: Units, which: Bools, config: EvaluationConfig) -> dict[str, Any]:
    """windows, compressors, rmse_days, baseline_rmse_days, bias_days (above 0: predicted too late), coverage_90, mean_width_90_days.

    Also difference_days (model - baseline) with interval_days [low, high] and verdict (monitoring.comparison); without an interval where there are
    fewer compressors than `card.least_compressors`: so few say nothing about a fleet.
    """
    if answers.lower is None or answers.upper is None:
        raise ValueError("slices are measured of a model with an interval")
    true, rul, lower, upper = (part[which] for part in (answers.true, answers.rul, answers.lower, answers.upper))
    other, units = baseline[which], unit[which]
    compressors = len(np.unique(units))
    ours, theirs = rmse(true, rul), rmse(true, other)
    measured = {
        "windows": len(true),
        "compressors": compressors,
        "rmse_days": round(ours, _DIGITS),
        "baseline_rmse_days": round(theirs, _DIGITS),
        "bias_days": round(float(np.mean(rul.astype(np.float64) - true)), _DIGITS),
        "coverage_90": round(coverage(true, lower, upper), _DIGITS),
        "mean_width_90_days": round(mean_width(lower, upper), _DIGITS),
        "difference_days": round(ours - theirs, _DIGITS),
        "interval_days": None,
        "verdict": None,
    }
    if compressors < config.card.least_compressors:
        return measured
    sums = (_squares(true, said, units) for said in (rul, other))
    found = compare(next(sums), {_BASELINE: next(sums)}, config.bootstrap, config.report.confidence)[_BASELINE][_METRIC]
    return {**measured, "interval_days": found["interval"], "verdict": found["verdict"]}


def _squares(true: Floats, said: Floats, unit: Units) -> UnitSums:
    units, position = np.unique(unit, return_inverse=True)
    squares: Floats = np.bincount(position, np.square(said.astype(np.float64) - true), len(units)).astype(np.float64)
    return UnitSums({_METRIC: squares}, {_METRIC: np.bincount(position, minlength=len(units)).astype(np.float64)})


def not_better(slices: dict[str, dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Groups in which the model errs no less than its baseline, and those in which it errs less but chance may have done it."""
    worse = [name for name, one in slices.items() if one["rmse_days"] >= one["baseline_rmse_days"]]
    unproven = [name for name, one in slices.items() if name not in worse and one["verdict"] != BETTER]
    return worse, unproven


def thinly_covered(slices: dict[str, dict[str, Any]], least: float) -> list[str]:
    """Groups of whose lives fewer than the share `least` lie inside their 90 % interval."""
    return [name for name, one in slices.items() if one["coverage_90"] < least]
