"""A tiny network, and a fleet to fit it on that is small enough to think through."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from config.sections.model import ModelConfig
from features.arrays import Float32s
from training.data.dataset import LabelLimits, WindowIndex, feature_statistics, rul_labels
from training.network.batches import WindowDataset
from training.network.fit import EpochLog, FitData, FitResult, fit_model
from training.network.model import build_model

STEPS, FEATURES = 6, 3
MAX_RUL, HORIZON = 30.0, 3.0
LABELS = LabelLimits(MAX_RUL, HORIZON)
TRAIN_UNITS = 8


@dataclass(frozen=True)
class Fitted:
    """A fitted network with what it was fitted on and what it was stopped by."""

    model: keras.Model
    result: FitResult
    values: Float32s
    train: WindowIndex
    validation: WindowIndex
    reported: list[tuple[int, int, EpochLog]]  # what on_epoch was called with


def small_fleet() -> tuple[Float32s, WindowIndex]:
    """12 units of 80 rows, a row every half day; the first feature rises over the last 20 days, the third is never there; every fourth is censored."""
    random = np.random.default_rng(7)
    time = np.arange(80) / 2.0
    values, parts = [], []
    for unit in range(12):
        rows = random.normal(0.0, 0.2, (80, FEATURES)).astype(np.float32)
        rows[:, 0] += np.maximum(0.0, 20.0 - (time[-1] - time))
        rows[:, 2] = np.nan
        censored = unit % 4 == 3
        if censored:
            rows[:, 0] = random.normal(0.0, 0.2, 80)
        labels = rul_labels(time, np.array([] if censored else [time[-1]]), time[-1], MAX_RUL)
        parts.append(WindowIndex.of_unit(unit, unit * 80, np.arange(unit * 80, unit * 80 + 80), labels))
        values.append(rows)
    return np.concatenate(values), WindowIndex.concatenate(parts)


def fit_small(config: ModelConfig, seed: int) -> Fitted:
    """Fit on the small fleet."""
    values, index = small_fleet()
    train, validation = index.of_units(range(TRAIN_UNITS)), index.of_units(range(TRAIN_UNITS, 12))
    model = build_model(config.network, feature_statistics(values, train), STEPS, LABELS, seed)
    reported: list[tuple[int, int, EpochLog]] = []
    result = fit_model(
        model,
        FitData(WindowDataset(values, train, STEPS, config.fit.batch_size, seed), WindowDataset(values, validation, STEPS, 256)),
        config.fit,
        LABELS,
        seed,
        on_epoch=lambda epoch, epochs, log: reported.append((epoch, epochs, log)),
    )
    return Fitted(model, result, values, train, validation, reported)
