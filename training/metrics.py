"""Errors of the point, the interval and the probability. All inputs are [n], or broadcast to each other; NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from features.arrays import Floats

# Asymmetry of the PHM08 score, cycles: Saxena, Goebel, Simon, Eklund, "Damage propagation modeling for aircraft engine
# run-to-failure simulation", PHM 2008, equation 11.
PHM08_EARLY: Final = 13.0
PHM08_LATE: Final = 10.0


def rmse(true: Floats, predicted: Floats) -> float:
    """Root mean squared error, in the unit of the labels."""
    return float(np.sqrt(np.mean(np.square(np.asarray(predicted, np.float64) - true))))


def clipped_rmse(true: Floats, predicted: Floats, cap: float) -> float:
    """RMSE against labels clipped at `cap`, for a model that never predicts more than `cap`."""
    return rmse(np.minimum(true, cap), predicted)


def phm08_losses(true: Floats, predicted: Floats) -> npt.NDArray[np.float64]:
    """exp(-d/13) - 1 for early (d < 0) and exp(d/10) - 1 for late predictions; d = predicted - true, in cycles.

    Late predictions cost more than early ones. Saxena et al., PHM 2008.
    """
    late = np.asarray(predicted, np.float64) - true
    losses: npt.NDArray[np.float64] = np.expm1(np.where(late < 0, -late / PHM08_EARLY, late / PHM08_LATE))
    return losses


def phm08_score(true: Floats, predicted: Floats) -> float:
    """The sum of `phm08_losses` over units; lower is better."""
    return float(np.sum(phm08_losses(true, predicted)))


def clipped_phm08_score(true: Floats, predicted: Floats, cap: float) -> float:
    """The PHM08 score against labels clipped at `cap`."""
    return phm08_score(np.minimum(true, cap), predicted)


def life_bands(life: Floats, starts: Sequence[float], cap: float) -> tuple[list[float], npt.NDArray[np.intp]]:
    """The starts of bands of true life, from 0 to the label cap, and the band of each of `life` [n] -> [n], lowest 0.

    `starts` outside 0 to the cap are ignored. The cap is compared in the precision of labels, which may round it down.
    """
    begins = [0.0, *(start for start in starts if 0 < start < cap), cap]
    return begins, np.searchsorted(np.asarray(begins[1:], life.dtype), life, side="right")


def inside(true: Floats, lower: Floats, upper: Floats) -> npt.NDArray[np.bool_]:
    """Whether each label lies in its interval, both ends included."""
    held: npt.NDArray[np.bool_] = (lower <= true) & (true <= upper)
    return held


def coverage(true: Floats, lower: Floats, upper: Floats) -> float:
    """Share of labels `inside` their interval: 0..1."""
    return float(np.mean(inside(true, lower, upper)))


def mean_width(lower: Floats, upper: Floats) -> float:
    """Mean width of the intervals, in the unit of the labels."""
    return float(np.mean(np.asarray(upper, np.float64) - lower))


def brier(failed: npt.NDArray[np.bool_], probability: Floats) -> float:
    """Mean squared error of a probability against what happened: 0 is perfect. Brier, Monthly Weather Review 78 (1950)."""
    return float(np.mean(np.square(np.asarray(probability, np.float64) - failed)))
