"""Uncertainty of a number under other compressors: a bootstrap over whole units. Pure.

Windows of one unit are nearly copies of each other, so units are drawn, with replacement. Intervals are percentiles (Efron, Tibshirani,
"An Introduction to the Bootstrap", 1993). Numbers that are compared use the same draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.arrays import Doubles


@dataclass(frozen=True)
class Resampling:
    """`resamples` fleets of `units` units each; the same seed draws the same fleets."""

    units: int
    resamples: int
    seed: int

    @cached_property
    def draws(self) -> Doubles:
        """How often each unit is in each fleet -> [resamples, units]. Drawn once for all metrics."""
        random = np.random.default_rng(self.seed)
        return random.multinomial(self.units, np.full(self.units, 1 / self.units), size=self.resamples).astype(np.float64)


def interval(drawn: Doubles, confidence: float) -> tuple[float, float]:
    """The ends (low, high) of the central share `confidence` of `drawn` [resamples].

    A draw without a case is NaN and left out. Without any value both ends are NaN.
    """
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)
