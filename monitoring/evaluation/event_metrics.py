"""The report of an evaluation: recall, precision, lead times and errors from watched compressors. Pure; plain values, ready for JSON.

A share without cases is None. Intervals are Wilson's score intervals (Wilson, J. Am. Statist. Assoc. 22, 1927): they stay within 0..1 for few
cases and for shares near 1. They take failures as independent, which those of one compressor are only nearly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import binomtest

from config.sections.evaluation import EvaluationConfig, EvaluationReportSection
from features.arrays import Floats, Texts
from monitoring.evaluation.alarms import FALSE, TRUE, UNDECIDED, Alarm, Failure, Watch
from monitoring.evaluation.calibration import coverage_by_group
from training.metrics import coverage, mean_width, rmse

_HOURS_PER_DAY = 24.0
_DIGITS = 4


@dataclass(frozen=True)
class WindowPredictions:
    """Predictions for n windows with an observed failure; days, labels capped as in training. Without an interval the bounds are None.

    groups: the group of each window by grouping, [n] each.
    """

    true: Floats
    rul: Floats
    lower: Floats | None = None
    upper: Floats | None = None
    groups: Mapping[str, Texts] = field(default_factory=dict)


def summarise(watch: Watch, config: EvaluationConfig) -> dict[str, Any]:
    """failures_5d, failures, by_mode, alarms, first_alarms, lead_times_days, false_alarms_per_healthy_compressor_month, healthy_compressor_months.

    failures_5d are those with `min_degradation_days` of degradation. first_alarms counts the first alarm of each life, as a planner acts on
    it. Repeated alarms of one failure cannot raise its precision.
    """
    report = config.report
    slow = [failure for failure in watch.failures if failure.degradation_days >= config.protocol.min_degradation_days.value]
    modes = sorted({failure.mode for failure in watch.failures})
    months = watch.healthy_hours / _HOURS_PER_DAY / report.month_days
    false = sum(alarm.verdict == FALSE for alarm in watch.alarms)
    return {
        "failures_5d": recall(slow, report),
        "failures": recall(watch.failures, report),
        "by_mode": {
            mode: {
                "failures": recall([failure for failure in watch.failures if failure.mode == mode], report),
                "failures_5d": recall([failure for failure in slow if failure.mode == mode], report),
            }
            for mode in modes
        },
        "alarms": precision(watch.alarms, report),
        "first_alarms": precision([alarm for alarm in watch.alarms if alarm.first_of_life], report),
        "lead_times_days": lead_times([failure.lead_days for failure in watch.failures], report),
        "false_alarms_per_healthy_compressor_month": round(false / months, _DIGITS) if months else None,
        "healthy_compressor_months": round(months, 2),
    }


def recall(failures: Sequence[Failure], report: EvaluationReportSection) -> dict[str, Any]:
    """n, caught, recall and its interval [low, high]."""
    caught = sum(failure.caught for failure in failures)
    share, interval = _share(caught, len(failures), report)
    return {"n": len(failures), "caught": caught, "recall": share, "interval": interval}


def precision(alarms: Sequence[Alarm], report: EvaluationReportSection) -> dict[str, Any]:
    """n, true, false, undecided, precision (true of those that are decided) and its interval [low, high]."""
    counts = {verdict: sum(alarm.verdict == verdict for alarm in alarms) for verdict in (TRUE, FALSE, UNDECIDED)}
    share, interval = _share(counts[TRUE], counts[TRUE] + counts[FALSE], report)
    return {"n": len(alarms), **counts, "precision": share, "interval": interval}


def lead_times(lead_days: Sequence[float], report: EvaluationReportSection) -> dict[str, Any]:
    """n failures that had an alarm before them, and quantiles of the days between (`q10`, `q50`...)."""
    known = np.array([days for days in lead_days if not np.isnan(days)])
    quantiles = np.quantile(known, report.lead_quantiles) if len(known) else [None] * len(report.lead_quantiles)
    named = {f"q{quantile * 100:g}": days for quantile, days in zip(report.lead_quantiles, quantiles, strict=True)}
    return {"n": len(known), **{name: None if days is None else round(float(days), 2) for name, days in named.items()}}


def join_predictions(parts: Sequence[WindowPredictions]) -> WindowPredictions:
    """Predictions of several fleets by one method as one."""

    def joined(arrays: Sequence[Floats | None]) -> Floats | None:
        known = [array for array in arrays if array is not None]
        return np.concatenate(known) if known else None

    groups = {name: np.concatenate([part.groups[name] for part in parts]) for name in parts[0].groups}
    return WindowPredictions(
        np.concatenate([part.true for part in parts]),
        np.concatenate([part.rul for part in parts]),
        joined([part.lower for part in parts]),
        joined([part.upper for part in parts]),
        groups,
    )


def errors(predictions: WindowPredictions, below_days: float) -> dict[str, Any]:
    """rul_rmse_days over all windows, and over those with less than `below_days` left.

    With an interval also coverage_90, mean_width_90_days and coverage by group for each grouping.
    """
    near = predictions.true < below_days
    return {
        "windows": len(predictions.true),
        "rul_rmse_days": round(rmse(predictions.true, predictions.rul), _DIGITS) if len(predictions.true) else None,
        "rul_rmse_near_failure_days": round(rmse(predictions.true[near], predictions.rul[near]), _DIGITS) if near.any() else None,
        **_interval(predictions),
    }


def _interval(predictions: WindowPredictions) -> dict[str, Any]:
    true, lower, upper = predictions.true, predictions.lower, predictions.upper
    if lower is None or upper is None or not len(true):
        return {"coverage_90": None, "mean_width_90_days": None, "coverage": {}}
    return {
        "coverage_90": round(coverage(true, lower, upper), _DIGITS),
        "mean_width_90_days": round(mean_width(lower, upper), _DIGITS),
        "coverage": {name: coverage_by_group(true, lower, upper, groups) for name, groups in predictions.groups.items()},
    }


def _share(hits: int, cases: int, report: EvaluationReportSection) -> tuple[float | None, list[float] | None]:
    if not cases:
        return None, None
    interval = binomtest(hits, cases).proportion_ci(report.confidence, method="wilson")
    return round(hits / cases, _DIGITS), [round(float(interval.low), _DIGITS), round(float(interval.high), _DIGITS)]
