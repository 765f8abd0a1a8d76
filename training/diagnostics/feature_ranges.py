"""The range of each feature in training. Outside of it a model extrapolates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.arrays import Doubles, Float32s
from training.data.dataset import WindowIndex


@dataclass(frozen=True)
class FeatureRanges:
    """Quantiles [quantiles, features] and missing share [features] of the rows at which windows end. NaN: no value."""

    quantiles: Doubles
    missing: Doubles
    rows: int


def feature_ranges(values: Float32s, index: WindowIndex, shares: Sequence[float]) -> FeatureRanges:
    """Quantiles at `shares` of every feature over the last rows of the windows of `index`, without gaps."""
    rows = np.asarray(values[np.unique(index.end)])
    quantiles = np.full((len(shares), rows.shape[1]), np.nan)
    known = ~np.isnan(rows)
    for feature in np.flatnonzero(known.any(axis=0)):  # a column at a time: no copy of them all
        quantiles[:, feature] = np.quantile(rows[known[:, feature], feature], shares)
    return FeatureRanges(quantiles, 1.0 - known.mean(axis=0), len(rows))
