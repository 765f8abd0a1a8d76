"""Calibration of intervals and probabilities. Pure; plain values, ready for JSON.

Coverage is counted by group: an interval that covers enough on average may fail where it matters. The expected calibration error is the
mean of |observed - predicted| over equally wide bins, weighted by windows (Naeini, Cooper, Hauskrecht, AAAI 2015).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.arrays import Bools, Doubles, Floats, Integers, Texts
from training.metrics import brier, coverage, life_bands, mean_width

_DIGITS = 4


@dataclass(frozen=True)
class FailureOutcomes:
    """Failure probabilities of n windows, and whether the failure came within the horizon. Only windows with a known outcome."""

    probability: Floats
    failed: Bools


def join_outcomes(parts: Sequence[FailureOutcomes]) -> FailureOutcomes:
    """The outcomes of several fleets as one."""
    return FailureOutcomes(np.concatenate([part.probability for part in parts]), np.concatenate([part.failed for part in parts]))


def reliability(outcomes: FailureOutcomes, bins: int) -> dict[str, Any]:
    """windows, brier, expected_calibration_error and, for every bin with a window, windows, predicted and observed share."""
    if not len(outcomes.failed):
        return {"windows": 0, "brier": None, "expected_calibration_error": None, "bins": []}
    bin_of = _bins(outcomes, bins)
    counts = np.bincount(bin_of, minlength=bins)
    filled = np.flatnonzero(counts)
    predicted = np.bincount(bin_of, outcomes.probability, bins)[filled] / counts[filled]
    observed = np.bincount(bin_of, outcomes.failed, bins)[filled] / counts[filled]
    gaps = bin_gaps(outcomes, bins, np.zeros(len(outcomes.failed), np.int64), 1)[0]
    return {
        "windows": len(outcomes.failed),
        "brier": round(brier(outcomes.failed, outcomes.probability), _DIGITS),
        "expected_calibration_error": round(float(calibration_error(gaps, len(outcomes.failed))), _DIGITS),
        "bins": [
            {"windows": int(counts[number]), "predicted": round(float(mean), _DIGITS), "observed": round(float(share), _DIGITS)}
            for number, mean, share in zip(filled, predicted, observed, strict=True)
        ],
    }


def bin_gaps(outcomes: FailureOutcomes, bins: int, unit: Integers, units: int) -> Doubles:
    """Observed minus predicted failures, by unit (0 <= `unit` [n] < `units`) and bin of the probability -> [units, bins]."""
    gaps: Doubles = outcomes.failed - outcomes.probability.astype(np.float64)
    return np.bincount(unit * bins + _bins(outcomes, bins), gaps, units * bins).astype(np.float64).reshape(units, bins)


def calibration_error(gaps: Doubles, windows: Doubles | int) -> Doubles:
    """The expected calibration error from `bin_gaps` [..., bins] over all their windows [...] -> [...]."""
    error: Doubles = np.abs(gaps).sum(axis=-1) / windows
    return error


def _bins(outcomes: FailureOutcomes, bins: int) -> npt.NDArray[np.intp]:
    """The equally wide bin of each probability [n], lowest 0. One on an edge is in the lower bin."""
    return np.digitize(outcomes.probability, np.linspace(0, 1, bins + 1)[1:-1], right=True)


def coverage_by_group(true: Floats, lower: Floats, upper: Floats, groups: Texts) -> dict[str, dict[str, Any]]:
    """windows, coverage and mean_width_days of each group that occurs, by name."""
    return {
        str(name): {
            "windows": int(own.sum()),
            "coverage": round(coverage(true[own], lower[own], upper[own]), _DIGITS),
            "mean_width_days": round(mean_width(lower[own], upper[own]), _DIGITS),
        }
        for name in np.unique(groups)
        for own in [groups == name]
    }


def thin_groups(coverage: Mapping[str, Mapping[str, Mapping[str, Any]]], least: float, windows: int) -> list[dict[str, Any]]:
    """grouping, group, windows and coverage of groups with at least `windows` windows and coverage below `least`, by name."""
    return [
        {"grouping": grouping, "group": name, "windows": one["windows"], "coverage": one["coverage"]}
        for grouping, groups in coverage.items()
        for name, one in groups.items()
        if one["windows"] >= windows and one["coverage"] < least
    ]


def rul_bands(rul: Floats, edges: Sequence[float], cap: float) -> Texts:
    """The band of each life [n] as text that sorts: `00-03`, `03-07`... Lives at the label cap have their own: `30+`.

    The bands are those of training.metrics.life_bands.
    """
    begins, band = life_bands(rul, edges, cap)
    named = [f"{low:02g}-{high:02g}" for low, high in itertools.pairwise(begins)] + [f"{cap:02g}+"]
    return np.array(named)[band]
