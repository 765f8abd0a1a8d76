"""Is one method better than another, or is it chance? Paired bootstrap over units (monitoring.statistics.bootstrap). Pure; plain values, ready for JSON.

Both methods are measured on the same draw. A metric is a ratio of two sums over units, so a draw needs no window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from features.arrays import Doubles, Floats, Integers
from monitoring.statistics.bootstrap import Resampling, interval

_DIGITS: Final = 4

BETTER: Final = "better"
WORSE: Final = "worse"
UNDECIDED: Final = "undecided"  # the interval of the difference holds 0


@dataclass(frozen=True)
class Metric:
    """How a metric follows from its two sums, and its name in sentences."""

    words: str
    unit: str
    root: bool  # of the ratio
    more_is_better: bool


_METRICS: Final[dict[str, Metric]] = {
    "rul_rmse_days": Metric("RMSE", "d", True, False),
    "rul_rmse_near_failure_days": Metric("RMSE near the failure", "d", True, False),
    "recall_5d": Metric("recall of slow failures", "", False, True),
    "recall": Metric("recall of all failures", "", False, True),
    "false_alarms_per_healthy_compressor_month": Metric("false alarms per healthy compressor-month", "", False, False),
    "precision": Metric("precision of alarms", "", False, True),
    "lead_days": Metric("mean lead of alarms before a failure", "d", False, True),
    "prognostic_horizon_days": Metric("mean prognostic horizon", "d", False, True),
    "lasting_horizon_days": Metric("mean lasting horizon", "d", False, True),
    "convergence_days": Metric("mean convergence", "d", False, False),
    "phm08_score": Metric("PHM08 score of a mean prediction", "", False, False),
    "rmse_clipped": Metric("RMSE", "cycles", True, False),
    "score_clipped": Metric("PHM08 score", "", False, False),
    "coverage_90": Metric("lives inside the interval", "", False, True),
}
RMSE_OF_BAND: Final = "rmse_days_"  # and the band of remaining life
_FAMILIES: Final = {  # by how their names begin
    "alpha_lambda_": Metric("alpha-lambda accuracy at", "", False, True),
    "relative_accuracy_": Metric("mean relative accuracy at", "", False, True),
    "cumulative_relative_accuracy_": Metric("mean cumulative relative accuracy at", "", False, True),
    RMSE_OF_BAND: Metric("RMSE with days left of", "d", True, False),
}


def metric(name: str) -> Metric:
    """The metric called `name`. Some names end with a lambda or a band."""
    for beginning, kind in _FAMILIES.items():
        if name.startswith(beginning):
            return replace(kind, words=f"{kind.words} {name.removeprefix(beginning)}")
    return _METRICS[name]


@dataclass(frozen=True)
class UnitSums:
    """Sums of one method by unit, arrays [units]. Summed over units, `over[name] / under[name]` is the metric `name` or its square.

    For several training seeds the arrays are [units, seeds], and the metric is the mean over the seeds.
    """

    over: Mapping[str, Floats]
    under: Mapping[str, Floats]

    @classmethod
    def of_errors(cls, name: str, true: Floats, predicted: Floats, unit: Integers, units: int) -> UnitSums:
        """Squared errors over windows, for a root mean. `true`, `predicted` and `unit` are [n], 0 <= `unit` < `units`."""
        squares = np.square(predicted.astype(np.float64) - true)
        over, under = (np.bincount(unit, weights, units).astype(np.float64) for weights in (squares, None))
        return cls({name: over}, {name: under})

    def __or__(self, other: UnitSums) -> UnitSums:
        """Other metrics of the same method and units beside these."""
        return UnitSums({**self.over, **other.over}, {**self.under, **other.under})

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(next(iter(self.over.values())))


def join_sums(parts: Sequence[UnitSums]) -> UnitSums:
    """The units of several fleets by one method as one. A fleet without a metric has no case of it."""
    names = dict.fromkeys(name for part in parts for name in part.over)

    def joined(sums: str) -> dict[str, Floats]:
        return {name: np.concatenate([getattr(part, sums).get(name, np.zeros(part.units)) for part in parts]) for name in names}

    return UnitSums(joined("over"), joined("under"))


def compare(ours: UnitSums, others: Mapping[str, UnitSums], resampling: Resampling, confidence: float) -> dict[str, dict[str, Any]]:
    """`compare_metric` by the names of `others` and by metric. A metric without a case is left out."""
    return {
        name: {
            measured: found
            for measured in ours.over
            if (found := compare_metric(measured, ours, theirs, resampling, confidence)) is not None
        }
        for name, theirs in others.items()
    }


def compare_metric(name: str, ours: UnitSums, theirs: UnitSums, resampling: Resampling, confidence: float) -> dict[str, Any] | None:
    """ours, theirs, difference (ours - theirs), interval [low, high] and verdict. None where either has no case of the metric.

    The verdict on ours is `better` or `worse` only where the interval leaves 0 out. `resampling` has as many units as both.
    """
    if not all(name in sums.over and sums.under[name].sum() > 0 for sums in (ours, theirs)):
        return None
    once = np.ones((1, resampling.units))
    own, other = (float(_value(sums, name, once)[0]) for sums in (ours, theirs))
    low, high = interval(_value(ours, name, resampling.draws) - _value(theirs, name, resampling.draws), confidence)
    return {
        "ours": round(own, _DIGITS),
        "theirs": round(other, _DIGITS),
        "difference": round(own - other, _DIGITS),
        "interval": _rounded((low, high)),
        "verdict": _verdict(low, high, metric(name).more_is_better),
    }


def as_reported(compared: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, dict[str, Any]]]:
    """The result of `compare` with `champion` and `baseline` in place of `ours` and `theirs`."""
    sides = {"ours": "champion", "theirs": "baseline"}
    return {
        name: {measured: {sides.get(key, key): value for key, value in found.items()} for measured, found in metrics.items()}
        for name, metrics in compared.items()
    }


def intervals(sums: UnitSums, resampling: Resampling, confidence: float) -> dict[str, list[float]]:
    """By metric [low, high]: where it would lie with other units."""
    return {name: _rounded(interval(_value(sums, name, resampling.draws), confidence)) for name in sums.over}


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, _DIGITS) for value in values]


def _value(sums: UnitSums, name: str, draws: Doubles) -> Doubles:
    """The metric on each draw -> [resamples], NaN where a draw has no case."""
    over, under = draws @ sums.over[name], draws @ sums.under[name]
    ratio = np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)
    value: Doubles = np.sqrt(ratio) if metric(name).root else ratio
    return value if value.ndim == 1 else value.mean(axis=1)


def _verdict(low: float, high: float, more_is_better: bool) -> str:
    if low <= 0 <= high:
        return UNDECIDED
    return BETTER if (low > 0) == more_is_better else WORSE


def not_won(compared: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> list[str]:
    """A sentence for each other method and metric in which ours is not shown to be better; worse ones first.

    `names` are the methods in words.
    """
    sentences: dict[str, list[str]] = {WORSE: [], UNDECIDED: []}
    for other, metrics in compared.items():
        for name, found in metrics.items():
            if found["verdict"] == BETTER:
                continue
            kind = metric(name)
            unit = f" {kind.unit}" if kind.unit else ""
            low, high = found["interval"]
            numbers = (
                f"{found['ours']:.3g} against {found['theirs']:.3g}{unit} (difference {found['difference']:+.2g}, "
                f"interval {low:+.2g} to {high:+.2g})"
            )
            claim = "worse than" if found["verdict"] == WORSE else "not shown to be better than"
            sentences[found["verdict"]].append(f"{kind.words}: {claim} {names[other]}, {numbers}")
    return sentences[WORSE] + sentences[UNDECIDED]
