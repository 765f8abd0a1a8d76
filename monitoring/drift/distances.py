"""Compares a fleet's last days with a model's reference: each feature, and the predicted lives. Pure.

The compressor is the unit that counts. The reference shows what happens without drift: its weeks, drawn whole, show how far as many
compressors stray by chance. The distances are judged in monitoring.drift.decision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import stats

from config.sections.monitoring import DecisionSection, MonitoringConfig
from features.arrays import Doubles
from monitoring.drift.movements import Shifts, fit_windows, measure_shifts
from monitoring.drift.psi import bin_shares, chance_bounds, psi
from monitoring.drift.reference import Reference
from monitoring.drift.snapshots import COMPARED, FleetSnapshots

_SEED: Final = 20261124
_MEDIAN_ERROR: Final = np.sqrt(np.pi / 2)  # standard error of a median against that of a mean, for normal values


@dataclass(frozen=True)
class FeatureDistance:
    """One feature of the last days against the reference. Every number is None when there is too little to compare.

    Distances are between movements of compressors (monitoring.drift.movements). The `psi` is on the reference's quantile bins. KS has its
    p-values. The `effect` is the Wasserstein distance in standard deviations of the reference. Beyond the outer bins lies the share
    `outside` of compressors. The whole fleet moved by `fleet_shift`, in the feature's unit. The `fleet_effect` is its distance from the
    reference's mean, in those standard deviations. The probability of such a week in the reference is `fleet_p_adjusted`.
    """

    name: str
    psi: float | None = None
    psi_by_chance: float | None = None
    ks: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    effect: float | None = None
    outside: float | None = None
    fleet_shift: float | None = None
    fleet_effect: float | None = None
    fleet_p_adjusted: float | None = None


@dataclass(frozen=True)
class Distances:
    """All measurements; days are those that could be compared."""

    compressors: int  # with any prediction in the last days
    compared: int  # of them with enough healthy snapshots of their own
    current_days: float
    baseline_days: float  # 0: no compressor's history is long enough, features could not be compared
    reference_weeks: int  # stretches of the reference as long as the current days, each with its own days before it
    features: list[FeatureDistance]
    prediction_psi: float | None
    prediction_psi_by_chance: float | None


def measure_drift(reference: Reference, current: FleetSnapshots, config: MonitoringConfig, warning_days: float) -> Distances:
    """Compare the newest snapshots of `current` with the reference."""
    least, per_day = config.decision.least_compressors, 24 / current.stride_hours
    windows = fit_windows(config.windows, current.known, current.stride_hours)
    shifts, weeks = None, []
    if windows is not None:
        shifts = measure_shifts(current.values, current.healthy(warning_days), windows)
        weeks = reference.weeks(windows, warning_days, least)
    compared = 0 if shifts is None else len(shifts.units)
    snapshots = min(current.known, config.windows.current_days * round(per_day))
    psi, by_chance, compressors = _prediction_distance(reference, current, snapshots, config.decision)
    return Distances(
        compressors=compressors,
        compared=compared,
        current_days=(windows.current if windows else snapshots) / per_day,
        baseline_days=windows.baseline / per_day if windows else 0.0,
        reference_weeks=len(weeks),
        features=_feature_distances(weeks, shifts, config)
        if shifts is not None and len(weeks) >= config.decision.least_weeks and compared >= least
        else [FeatureDistance(name) for name in COMPARED],
        prediction_psi=psi,
        prediction_psi_by_chance=by_chance,
    )


def _feature_distances(weeks: list[Shifts], shifts: Shifts, config: MonitoringConfig) -> list[FeatureDistance]:
    past = np.concatenate([week.units for week in weeks])  # [compressors, features]
    known = (~np.isnan(past)).any(axis=0) & ((~np.isnan(shifts.units)).sum(axis=0) >= config.decision.least_compressors)
    edges = _edges(past, config)
    weeks, shifts = [week.from_rest(edges) for week in weeks], shifts.from_rest(edges)
    now, past = shifts.units, np.concatenate([week.units for week in weeks])
    edges = _edges(past, config)[known]
    expected = _binned(past[:, known], edges).mean(axis=0)
    indices = psi(expected, _binned(now[:, known], edges).sum(axis=0))
    binned = [_binned(week.units[:, known], edges) for week in weeks]
    level, resamples = config.decision.false_drift_share.value, config.decision.resamples
    bounds = chance_bounds(binned, expected, len(now), level, resamples, _SEED)
    found = [FeatureDistance(name) for name in COMPARED]
    for position, number in enumerate(np.flatnonzero(known)):
        own, others = _known(now[:, number]), _known(past[:, number])
        spread, test = float(others.std()), stats.ks_2samp(own, others)
        fleet_shift = float(shifts.fleet[number])
        fleet_effect, fleet_p = _fleet_distance(_known(np.array([week.fleet[number] for week in weeks])), fleet_shift, spread, len(own))
        found[number] = FeatureDistance(
            COMPARED[number],
            psi=float(indices[position]),
            psi_by_chance=float(bounds[position]),
            ks=float(test.statistic),
            p_value=float(test.pvalue),
            effect=float(stats.wasserstein_distance(own, others)) / spread if spread else 0.0,
            outside=float(((own <= edges[position, 0]) | (own > edges[position, -1])).mean()),
            fleet_shift=fleet_shift,
            fleet_effect=fleet_effect,
            fleet_p_adjusted=fleet_p,
        )
    return _adjusted(found)


def _edges(movements: Doubles, config: MonitoringConfig) -> Doubles:
    """Edges of the fixed bins -> [features, edges], NaN for a feature that nobody reports."""
    edges = np.full((movements.shape[1], len(config.reference.shift_quantiles)), np.nan)
    known = (~np.isnan(movements)).any(axis=0)
    edges[known] = np.nanquantile(movements[:, known], config.reference.shift_quantiles, axis=0).T
    return edges


def _binned(values: Doubles, edges: Doubles) -> Doubles:
    """The bin of each of `values` [compressors, features] by `edges` [features, edges] -> 0 or 1 [compressors, features, bins]."""
    return np.stack([bin_shares(values[:, [number]], own) for number, own in enumerate(edges)], axis=1)


def _prediction_distance(
    reference: Reference, current: FleetSnapshots, snapshots: int, config: DecisionSection
) -> tuple[float | None, float | None, int]:
    """PSI of the predicted lives over the last `snapshots`, the PSI by chance, and the compressors counted."""
    shares = reference.prediction_shares(current.rul[:, -snapshots:]) if snapshots else np.empty((0, 0))
    weeks = reference.prediction_weeks(snapshots, config.least_compressors) if snapshots else []
    if len(shares) < config.least_compressors or len(weeks) < config.least_weeks:
        return None, None, len(shares)
    expected = np.concatenate(weeks).mean(axis=0)[None]  # one measure
    (bound,) = chance_bounds(
        [week[:, None] for week in weeks], expected, len(shares), config.false_drift_share.value, config.resamples, _SEED
    )
    return float(psi(expected[0], shares.sum(axis=0))), float(bound), len(shares)


def _fleet_distance(history: Doubles, shift: float, spread: float, compressors: int) -> tuple[float | None, float | None]:
    """Distance of `shift` from the mean of the reference's weeks in `spread`s, and its two-sided p-value (t).

    The median of few compressors is noisy: its standard error is added to the spread of the weeks.
    """
    n = len(history)
    deviation = float(history.std(ddof=1)) if n > 1 else 0.0
    if not deviation or not spread:
        return None, None
    distance = abs(shift - float(history.mean()))
    error = np.hypot(deviation * np.sqrt(1 + 1 / n), _MEDIAN_ERROR * spread / np.sqrt(compressors))
    return distance / spread, float(2 * stats.t.sf(distance / error, n - 1))


def _adjusted(found: list[FeatureDistance]) -> list[FeatureDistance]:
    """The distances with p-values corrected for the number of features: KS by Benjamini and Hochberg (1995), the fleet's by Bonferroni."""
    tested = [distance for distance in found if distance.p_value is not None]
    corrected = dict(
        zip([item.name for item in tested], stats.false_discovery_control([item.p_value for item in tested]), strict=True) if tested else []
    )
    return [
        replace(
            distance,
            p_adjusted=float(corrected[distance.name]) if distance.name in corrected else None,
            fleet_p_adjusted=None if distance.fleet_p_adjusted is None else min(distance.fleet_p_adjusted * len(tested), 1.0),
        )
        for distance in found
    ]


def _known(values: Doubles) -> Doubles:
    return values[~np.isnan(values)]
