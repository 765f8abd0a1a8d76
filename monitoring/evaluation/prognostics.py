"""Metrics of prognostics by life, and errors by remaining life. Pure; plain values, ready for JSON; times in days.

Source: Saxena, Celaya, Saha, Saha, Goebel, "Metrics for Offline Evaluation of Prognostic Performance", Int. J. Prognostics and Health
Management 1 (2010). The convergence sums are those of `convergence.m` in NASA's PrognosticsMetricsLibrary.

In their notation r* is the true and r the predicted life. The first prediction is at t_P; EoL is the end of life. A life here is the
part below the label cap. So t_P is where it begins, whether or not degradation has begun. The cap stands for EoL where a band is a
share of it. So lives of any length have the same band.

A method with an interval also has a distribution. Half of the interval's mass lies evenly between lower bound and point, half between
point and upper bound. Lives outside the interval count as missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from config.sections.evaluation import PrognosticsSection
from features.arrays import Bools, Floats
from features.model_file.quantile_levels import INTERVAL_MASS
from monitoring.evaluation.calibration import rul_bands
from training.metrics import inside, phm08_score, rmse

_NEAREST_DAYS: Final = 1.0 / 24.0  # a prediction that is to be made at some time may be this far from it: one step of the grid
_DIGITS: Final = 4
BETA: Final = "_beta"  # in the names of what asks the distribution, not the point
_QUARTILES: Final = {"q25": 0.25, "median": 0.5, "q75": 0.75}


@dataclass(frozen=True)
class LifeRun:
    """Predictions over one life that ended in failure, in order of time; days, [n >= 1]. `true` falls and stays above 0."""

    true: Floats
    rul: Floats
    lower: Floats | None = None
    upper: Floats | None = None


def point_within(run: LifeRun, half_width: Floats | float) -> Bools:
    """Whether the point lies within r* +- `half_width`, ends included -> [n]."""
    return np.abs(run.rul - run.true) <= half_width


def mass_within(run: LifeRun, half_width: Floats | float) -> Floats:
    """pi[r]: how much of the predicted distribution lies within r* +- `half_width` -> [n], 0..INTERVAL_MASS. Needs an interval."""
    lower, upper = run.lower, run.upper
    if lower is None or upper is None:
        raise ValueError("a run without an interval has no distribution")
    low, high = run.true - half_width, run.true + half_width
    halves = [_even_mass(lower, run.rul, low, high), _even_mass(run.rul, upper, low, high)]
    return INTERVAL_MASS / 2 * (halves[0] + halves[1])


def _even_mass(start: Floats, end: Floats, low: Floats, high: Floats) -> Floats:
    """Share of the interval [start, end] that lies within [low, high]. A point is in or out."""
    width = end - start
    common = np.clip(np.minimum(end, high) - np.maximum(start, low), 0.0, None)
    return np.where(width > 0, common / np.where(width > 0, width, 1.0), inside(start, low, high))


def prognostic_horizon(run: LifeRun, met: Bools) -> float:
    """PH = EoL - t_i for the first i at which the criterion is `met` [n]. 0 if it never is."""
    return float(run.true[np.argmax(met)]) if met.any() else 0.0


def lasting_horizon(run: LifeRun, met: Bools) -> float:
    """PH from the first i after which the criterion is always met. Chance alone cannot give that."""
    missed = np.flatnonzero(~met)
    first = missed[-1] + 1 if len(missed) else 0
    return float(run.true[first]) if first < len(met) else 0.0


def at_lambda(run: LifeRun, share: float) -> int | None:
    """Position of the prediction at t_P + lambda (EoL - t_P). None where the data has a gap."""
    distance = np.abs(run.true - (1.0 - share) * run.true[0])
    nearest = int(np.argmin(distance))
    return nearest if distance[nearest] <= _NEAREST_DAYS else None


def relative_accuracy(run: LifeRun) -> Floats:
    """RA = 1 - |r* - r| / r* of each prediction -> [n]. 1 is perfect; there is no lower bound."""
    accuracy: Floats = 1.0 - np.abs(run.true - run.rul) / run.true
    return accuracy


def cumulative_relative_accuracy(run: LifeRun, share: float) -> float:
    """CRA: the mean of RA over all predictions up to t_lambda, equally weighted."""
    return float(np.mean(relative_accuracy(run)[run.true >= (1.0 - share) * run.true[0]]))


def convergence(run: LifeRun) -> float:
    """Distance from (t_P, 0) to the centre of mass of the area under |error| over time, in days. NaN for one prediction.

    A smaller value is an error that falls earlier. A prediction counts until the next one. An error of 0 throughout gives 0.
    """
    if len(run.true) < 2:
        return float("nan")
    since = run.true[0] - run.true  # [n] days since t_P
    error, steps = np.abs(run.rul - run.true)[:-1], np.diff(since)
    area = float(np.sum(steps * error))
    if area == 0:
        return 0.0
    x = float(np.sum(np.diff(since**2) * error)) / 2 / area
    y = float(np.sum(steps * error**2)) / 2 / area
    return float(np.hypot(x, y))


def measure_life(run: LifeRun, config: PrognosticsSection, cap: float) -> dict[str, float]:
    """Every metric of one life by name; NaN where it has none. Alpha-lambda accuracies are 0 or 1, horizons days.

    Names with `_beta` require `beta` of the distribution within the band, where the run has an interval. All others use the point.
    """
    band, cone = config.horizon_alpha.value * cap, config.accuracy_alpha.value * run.true
    criteria = {"": (point_within(run, band), point_within(run, cone))}
    if run.lower is not None:
        beta = config.beta.value
        criteria[BETA] = (mass_within(run, band) >= beta, mass_within(run, cone) >= beta)
    accuracy, found = relative_accuracy(run), {share: at_lambda(run, share) for share in config.lambdas}
    measured: dict[str, float] = {}
    for suffix, (in_band, in_cone) in criteria.items():
        measured[f"prognostic_horizon{suffix}_days"] = prognostic_horizon(run, in_band)
        measured[f"lasting_horizon{suffix}_days"] = lasting_horizon(run, in_band)
        for share, where in found.items():
            measured[f"alpha_lambda{suffix}_{share:g}"] = float("nan") if where is None else float(in_cone[where])
    for share, where in found.items():
        measured[f"relative_accuracy_{share:g}"] = float("nan") if where is None else float(accuracy[where])
        measured[f"cumulative_relative_accuracy_{share:g}"] = cumulative_relative_accuracy(run, share)
    measured["convergence_days"] = convergence(run)
    measured["phm08_score"] = phm08_score(run.true, run.rul) / len(run.true)  # of a mean prediction, a day for a cycle
    return measured


def summarise_lives(runs: Sequence[LifeRun], config: PrognosticsSection, cap: float) -> dict[str, Any]:
    """lives, and for each metric of `measure_life` n, q25, median and q75 over the lives that have it.

    An alpha-lambda accuracy has n and share.
    """
    lives = [measure_life(run, config, cap) for run in runs]
    names = list(lives[0]) if lives else []
    return {"lives": len(lives), **{name: _summary(name, np.array([life[name] for life in lives])) for name in names}}


def _summary(name: str, values: Floats) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    if name.startswith("alpha_lambda"):
        return {"n": len(known), "share": round(float(known.mean()), _DIGITS) if len(known) else None}
    return {
        "n": len(known),
        **{q: round(float(np.quantile(known, share)), _DIGITS) if len(known) else None for q, share in _QUARTILES.items()},
    }


def across_errors(runs: Sequence[LifeRun], number: int) -> list[int]:
    """Positions of at most `number` of `runs`, at even ranks of their RMSE, ascending, from best to worst.

    So a selection shows the whole spread of a method, whoever selects.
    """
    order = np.argsort([rmse(run.true, run.rul) for run in runs], kind="stable")
    ranks = np.unique(np.linspace(0, len(runs) - 1, min(number, len(runs))).round().astype(np.int64))
    return [int(order[rank]) for rank in ranks]


def errors_by_band(true: Floats, rul: Floats, edges: Sequence[float], cap: float) -> dict[str, dict[str, Any]]:
    """windows, rmse_days and bias_days by band of true life; the last is the cap and beyond.

    bias_days is predicted - true: above 0 is too late.
    """
    bands = rul_bands(true, edges, cap)
    return {
        str(name): {
            "windows": int(own.sum()),
            "rmse_days": round(rmse(true[own], rul[own]), _DIGITS),
            "bias_days": round(float(np.mean(rul[own].astype(np.float64) - true[own])), _DIGITS),
        }
        for name in np.unique(bands)
        for own in [bands == name]
    }
