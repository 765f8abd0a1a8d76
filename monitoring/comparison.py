"""Is the champion better than a baseline, or is it chance? Paired bootstrap over units. Pure; plain values, ready for JSON.

Windows of one compressor are nearly copies of each other, so compressors are what is drawn with replacement (Efron, Tibshirani, "An Introduction to
the Bootstrap", 1993, percentile interval); both methods are measured on the same draw. A metric is a ratio of two sums over units, so a draw
needs no window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from config.evaluation import BootstrapSection
from monitoring.calibration import Floats

_DIGITS: Final = 4

BETTER: Final = "better"
WORSE: Final = "worse"
UNDECIDED: Final = "undecided"  # the interval of the difference holds 0


@dataclass(frozen=True)
class Metric:
    """How a metric comes from its two sums, and how it is told."""

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
    "lasting_horizon_days": Metric("mean lasting horizon", "d", False, True),
    "convergence_days": Metric("mean convergence", "d", False, False),
    "rmse_clipped": Metric("RMSE", "cycles", True, False),
    "score_clipped": Metric("PHM08 score", "", False, False),
    "coverage_90": Metric("lives inside the interval", "", False, True),
}
ALPHA_LAMBDA: Final = "alpha_lambda_"  # and the lambda


def metric(name: str) -> Metric:
    """What the metric `name` is; alpha-lambda accuracies carry their lambda at the end of their names."""
    if name.startswith(ALPHA_LAMBDA):
        return Metric(f"alpha-lambda accuracy at {name.removeprefix(ALPHA_LAMBDA)}", "", False, True)
    return _METRICS[name]


@dataclass(frozen=True)
class UnitSums:
    """One method, unit by unit: `over[name] / under[name]` summed over units is the metric `name` (or its square), arrays [units].

    Of a method that was trained with several seeds the arrays are [units, seeds], and the metric is the mean over the seeds.
    """

    over: Mapping[str, Floats]
    under: Mapping[str, Floats]


def join_sums(parts: Sequence[UnitSums]) -> UnitSums:
    """The units of several fleets by one method as one."""
    names = list(parts[0].over)
    return UnitSums(
        {name: np.concatenate([part.over[name] for part in parts]) for name in names},
        {name: np.concatenate([part.under[name] for part in parts]) for name in names},
    )


def compare(champion: UnitSums, others: Mapping[str, UnitSums], config: BootstrapSection, confidence: float) -> dict[str, dict[str, Any]]:
    """By baseline and metric that both have: champion, baseline, difference (champion - baseline), interval [low, high], verdict.

    A metric without a case is left out; the verdict is the champion's, `better` or `worse` only where the interval leaves 0 out.
    The same seed gives the same draws.
    """
    draws = _draws(champion, config)
    return {
        name: {
            measured: _difference(champion, other, measured, draws, confidence)
            for measured in champion.over
            if all(measured in sums.over and sums.under[measured].sum() > 0 for sums in (champion, other))
        }
        for name, other in others.items()
    }


def intervals(sums: UnitSums, config: BootstrapSection, confidence: float) -> dict[str, list[float]]:
    """By metric [low, high]: where it would lie with other units; percentile interval."""
    draws = _draws(sums, config)
    return {name: _rounded(_interval(_value(sums, name, draws), confidence)) for name in sums.over}


def _draws(sums: UnitSums, config: BootstrapSection) -> Floats:
    """How often each unit is drawn -> [resamples, units]."""
    units = len(next(iter(sums.over.values())))
    return np.random.default_rng(config.seed).multinomial(units, np.full(units, 1 / units), size=config.resamples).astype(np.float64)


def _interval(drawn: Floats, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])  # a draw without a case has no value
    return float(low), float(high)


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, _DIGITS) for value in values]


def _difference(champion: UnitSums, other: UnitSums, name: str, draws: Floats, confidence: float) -> dict[str, Any]:
    once = np.ones((1, draws.shape[1]))
    ours, theirs = (float(_value(sums, name, once)[0]) for sums in (champion, other))
    low, high = _interval(_value(champion, name, draws) - _value(other, name, draws), confidence)
    return {
        "champion": round(ours, _DIGITS),
        "baseline": round(theirs, _DIGITS),
        "difference": round(ours - theirs, _DIGITS),
        "interval": _rounded((low, high)),
        "verdict": _verdict(low, high, metric(name).more_is_better),
    }


def _value(sums: UnitSums, name: str, draws: Floats) -> npt.NDArray[np.float64]:
    """The metric on each draw -> [resamples], NaN where a draw has no case."""
    over, under = draws @ sums.over[name], draws @ sums.under[name]
    ratio = np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)
    value: npt.NDArray[np.float64] = np.sqrt(ratio) if metric(name).root else ratio
    return value if value.ndim == 1 else value.mean(axis=1)


def _verdict(low: float, high: float, more_is_better: bool) -> str:
    if low <= 0 <= high:
        return UNDECIDED
    return BETTER if (low > 0) == more_is_better else WORSE


def not_won(compared: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> list[str]:
    """A sentence for every baseline and metric in which the champion is not shown to be better, the worse ones first."""
    said: dict[str, list[str]] = {WORSE: [], UNDECIDED: []}
    for baseline, metrics in compared.items():
        for name, found in metrics.items():
            if found["verdict"] == BETTER:
                continue
            told = metric(name)
            unit = f" {told.unit}" if told.unit else ""
            low, high = found["interval"]
            numbers = (
                f"{found['champion']:.3g} against {found['baseline']:.3g}{unit} (difference {found['difference']:+.2g}, "
                f"interval {low:+.2g} to {high:+.2g})"
            )
            claim = "worse than" if found["verdict"] == WORSE else "not shown to be better than"
            said[found["verdict"]].append(f"{told.words}: {claim} {names[baseline]}, {numbers}")
    return said[WORSE] + said[UNDECIDED]
