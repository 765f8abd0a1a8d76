"""A plain multilayer perceptron on the flattened window: the same hours for a network without memory.

It sees the same augmented windows as the LSTM and stops by the same validation compressors. Censored windows below the cap are left
out, as for every baseline (training.baselines.tabular): its loss cannot use them. Its windows are therefore spaced evenly over time.
Denser windows before failures, without the censored ones, would bias it towards short lives.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.neural_network import MLPRegressor

from config.errors import ModelError
from config.sections.evaluation import MlpSection
from features.arrays import Float32s
from features.windows import gather
from training.data.dataset import FeatureStatistics, IndexedWindows, WindowIndex, feature_statistics
from training.metrics import rmse
from training.network.batches import LABEL_RUL, Augment, WindowDataset

_BATCHES_AT_ONCE: Final = 8  # handed to one call of partial_fit, whose checks cost as much as a small batch


@dataclass(frozen=True)
class Mlp:
    """A fitted perceptron; lives in the unit of the labels."""

    regressor: Any
    statistics: FeatureStatistics
    clip_sigma: float
    max_rul: float
    epochs: int  # after which it was best on validation

    def predict(self, windows: Float32s) -> Float32s:
        """Remaining useful life of windows [n, steps, features] -> [n], 0..max_rul."""
        predicted = self.regressor.predict(flatten(windows, self.statistics, self.clip_sigma)) * self.max_rul
        rul: Float32s = np.clip(predicted, 0.0, self.max_rul).astype(np.float32)
        return rul

    def predict_rows(self, values: Float32s, index: WindowIndex, steps: int, batch_size: int = 4096) -> Float32s:
        """`predict` for the windows of `index` over `values`, `batch_size` windows in memory at a time -> [windows]."""
        starts = range(0, max(len(index), 1), batch_size)
        batches = (slice(start, start + batch_size) for start in starts)
        return np.concatenate([self.predict(gather(values, index.first_row[part], index.end[part], steps)) for part in batches])


def flatten(windows: Float32s, statistics: FeatureStatistics, clip_sigma: float) -> Float32s:
    """Standardise [n, steps, features] and clip to +- `clip_sigma`, as the LSTM does -> [n, steps x features]. A missing value becomes 0."""
    scaled = np.clip((windows - statistics.mean) / statistics.std, -clip_sigma, clip_sigma)
    flat: Float32s = np.nan_to_num(scaled, nan=0.0).reshape(len(windows), -1)
    return flat


def fit_mlp(
    train: IndexedWindows,
    validation: WindowIndex,
    config: MlpSection,
    *,
    clip_sigma: float,
    max_rul: float,
    augment: Augment | None = None,
) -> Mlp:
    """Fit on `train` and keep the epoch with the smallest RMSE over `validation` windows with an observed failure.

    Raises ModelError when there are too few windows of either.
    """
    values, index, steps = train.values, train.index, train.steps
    exact = index.take(~index.censored | (index.rul >= max_rul))  # at the cap a censored label is exact
    judged = validation.take(~validation.censored)
    if len(exact) < config.batch_size or not len(judged):
        raise ModelError(
            f"{len(exact)} training and {len(judged)} validation windows with a known life: a perceptron needs {config.batch_size} and 1"
        )
    statistics = feature_statistics(values, exact)
    regressor = MLPRegressor(
        hidden_layer_sizes=config.hidden_units,
        alpha=config.l2,
        learning_rate_init=config.learning_rate,
        batch_size=config.batch_size,
        random_state=config.seed,
    )
    windows = WindowDataset(values, exact, steps, config.batch_size * _BATCHES_AT_ONCE, config.seed, augment)
    best, least = Mlp(regressor, statistics, clip_sigma, max_rul, 0), np.inf
    for epoch in range(1, config.epochs + 1):
        for number in range(windows.num_batches):
            cut, labels = windows[number]
            if len(cut) >= config.batch_size:  # less is the random rest of this epoch
                regressor.partial_fit(flatten(cut, statistics, clip_sigma), labels[:, LABEL_RUL] / max_rul)
        windows.on_epoch_end()
        now = Mlp(regressor, statistics, clip_sigma, max_rul, epoch)
        error = rmse(judged.rul, now.predict_rows(values, judged, steps))
        if error < least:
            best, least = copy.deepcopy(now), error
        elif epoch - best.epochs >= config.patience:
            break
    return best
