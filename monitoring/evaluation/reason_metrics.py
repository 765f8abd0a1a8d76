"""Whether the reasons of predictions are the right ones. Pure; plain values, ready for JSON.

A case is a caught failure, at the hour its alarm was raised. Its first reason is a hit if it names a sensor that the failure mode moves
(`effects` in simulator.yaml). It is a leading hit if that sensor is among those moved most.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest, rankdata

from config.sections.evaluation import EvaluationConfig
from features.arrays import Doubles, Float32s
from features.contract import FEATURES, HOUR_MEANS, MODEL_SENSORS

_DIGITS = 4
_AGREEMENT = ("rank_correlation", "rank_correlation_of_sizes", "same_first")

Sensors = list[str]  # one name per case; empty where none is named


@dataclass(frozen=True)
class Truth:
    """The effect of a failure mode on the sensors that the model sees."""

    moved: frozenset[str]
    leading: frozenset[str]  # of them, those that it moves most


def mode_truth(changes: Mapping[str, float], leading_share: float) -> Truth:
    """From the relative change of each sensor at the failure. Leading sensors reach `leading_share` of the largest change."""
    sizes = {sensor: abs(change) for sensor, change in changes.items() if sensor in MODEL_SENSORS}
    most = max(sizes.values(), default=0.0)
    return Truth(frozenset(sizes), frozenset(sensor for sensor, size in sizes.items() if size >= leading_share * most))


def first_named(attributions: Doubles, least_days: float) -> Sensors:
    """The sensor that shortens the predicted life most, from days added [n, sensors]. None below `least_days`."""
    most = np.argmin(attributions, axis=1)
    return [MODEL_SENSORS[sensor] if -row[sensor] >= least_days else "" for row, sensor in zip(attributions, most, strict=True)]


def largest_change(windows: Float32s) -> Sensors:
    """A naive method for [n, steps, features]: the sensor whose 1 h mean changed most within the window, relatively."""
    means = windows[:, :, [FEATURES.index(HOUR_MEANS[sensor]) for sensor in MODEL_SENSORS]].astype(np.float64)
    change = np.nan_to_num(np.abs(means[:, -1] - means[:, 0]) / means[:, 0])
    return [MODEL_SENSORS[sensor] for sensor in np.argmax(change, axis=1)]


def hits(
    modes: Sequence[str], named_by_method: Mapping[str, Sensors], restored: Doubles, truths: Mapping[str, Truth], config: EvaluationConfig
) -> dict[str, Any]:
    """cases, methods and by_mode. Each method has hits, share, interval, leading, restored_days and named.

    restored: [n, sensors] days of predicted life without each sensor's change (serving.prediction.attribution.restored_days).
    The share `leading` has cases whose first reason is a leading sensor. The mean over cases for the named sensor is `restored_days`. How often
    each sensor is named first is in `named`.
    """
    present = sorted(set(modes))
    rows = {mode: [number for number, own in enumerate(modes) if own == mode] for mode in present}
    of_named = {
        method: [restored[case, MODEL_SENSORS.index(sensor)] if sensor else 0.0 for case, sensor in enumerate(named)]
        for method, named in named_by_method.items()
    }

    def judged(cases: Sequence[int]) -> dict[str, Any]:
        return {
            method: _judged([(truths[modes[case]], named[case]) for case in cases], [of_named[method][case] for case in cases], config)
            for method, named in named_by_method.items()
        }

    return {
        "cases": len(modes),
        "methods": judged(range(len(modes))),
        "by_mode": {mode: {"cases": len(rows[mode]), "methods": judged(rows[mode])} for mode in present},
    }


def _judged(cases: Sequence[tuple[Truth, str]], restored: Sequence[float], config: EvaluationConfig) -> dict[str, Any]:
    if not cases:
        return {"hits": 0, "share": None, "interval": None, "leading": None, "restored_days": None, "named": {}}
    hit = sum(sensor in truth.moved for truth, sensor in cases)
    interval = binomtest(hit, len(cases)).proportion_ci(config.report.confidence, method="wilson")
    named = [sensor or "none" for _, sensor in cases]
    return {
        "hits": hit,
        "share": round(hit / len(cases), _DIGITS),
        "interval": [round(float(end), _DIGITS) for end in (interval.low, interval.high)],
        "leading": round(sum(sensor in truth.leading for truth, sensor in cases) / len(cases), _DIGITS),
        "restored_days": round(float(np.mean(restored)), 2),
        "named": {sensor: named.count(sensor) for sensor in sorted(set(named))},
    }


def agreement(one: Doubles, other: Doubles) -> dict[str, float | None]:
    """How alike two attributions of the same windows are, [n, cells] each. Windows with equal cells are left out.

    rank_correlation: Spearman's over the cells of a window, mean over windows. rank_correlation_of_sizes: that of absolute values. Adebayo
    et al. report both. same_first: share of windows whose most life-shortening cell is the same.
    """
    varied = (np.ptp(one, axis=1) > 0) & (np.ptp(other, axis=1) > 0)
    if not varied.any():
        return dict.fromkeys(_AGREEMENT)
    one, other = one[varied], other[varied]
    found = (
        _spearman(one, other).mean(),
        np.nanmean(_spearman(np.abs(one), np.abs(other))),
        np.mean(np.argmin(one, axis=1) == np.argmin(other, axis=1)),
    )
    return {name: round(float(value), _DIGITS) for name, value in zip(_AGREEMENT, found, strict=True)}


def sanity(champion: Doubles, randomised: Sequence[Doubles]) -> dict[str, Any]:
    """The sanity check of Adebayo et al. (NeurIPS 2018): attributions [n, cells] against those of random models.

    It has the mean `agreement` with each of them, and its rank_correlation_range. The mean agreement between random models is
    `among_randomised`: the effect of the input alone.
    """
    with_champion = [agreement(champion, own) for own in randomised]
    ranks = [found for one in with_champion if (found := one["rank_correlation"]) is not None]
    return {
        "models": len(randomised),
        **_mean(with_champion),
        "rank_correlation_range": [min(ranks), max(ranks)] if ranks else None,
        "among_randomised": _mean([agreement(one, other) for one, other in itertools.combinations(randomised, 2)]),
    }


def _mean(found: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """The mean of several agreements, name by name, over those that have a number."""
    known = {name: [value for one in found if (value := one[name]) is not None] for name in _AGREEMENT}
    return {name: round(float(np.mean(values)), _DIGITS) if values else None for name, values in known.items()}


def _spearman(one: Doubles, other: Doubles) -> Doubles:
    """Rank correlation of each row of [n, cells] -> [n]; ties share their rank."""
    ranks = [rankdata(values, axis=1) - (values.shape[1] + 1) / 2 for values in (one, other)]
    norms = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
    correlations: Doubles = np.divide((ranks[0] * ranks[1]).sum(axis=1), norms, out=np.full(len(norms), np.nan), where=norms > 0)
    return correlations
