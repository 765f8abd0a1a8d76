"""What values of each feature a model has learned from: outside of them it extrapolates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.arrays import Doubles, Float32s
from training.data.dataset import WindowIndex


@dataclass(frozen=True)
class FeatureRanges:
    """Of the rows at which some windows end: quantiles [quantiles, features], NaN of a feature without a value, and the missing share [features]."""

    quantiles: Doubles
    missing: Doubles
    rows: int


def feature_ranges(values: Float32s, index: WindowIndex, shares: Sequence[float]) -> FeatureRanges:
    """Quantiles at `shares` of every feature of `values` [rows, features] over the last rows of the windows of `index`, gaps left out."""
    rows = np.asarray(values[np.unique(index.end)])
    quantiles = np.full((len(shares), rows.shape[1]), np.nan)
    known = ~np.isnan(rows)
    for feature in np.flatnonzero(known.any(axis=0)):  # a column at a time: no copy of them all
        quantiles[:, feature] = np.quantile(rows[known[:, feature], feature], shares)
    return FeatureRanges(quantiles, 1.0 - known.mean(axis=0), len(rows))
