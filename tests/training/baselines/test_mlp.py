"""The perceptron fits what the window shows, ignores what censoring hides, and repeats itself."""

from __future__ import annotations

import numpy as np
import pytest

from config.errors import ModelError
from config.sections.evaluation import MlpSection
from features.arrays import Float32s
from tests.training.small_network import FEATURES, MAX_RUL, STEPS, TRAIN_UNITS, small_fleet
from training.baselines.mlp import Mlp, fit_mlp, flatten
from training.data.dataset import FeatureStatistics, IndexedWindows, Labels, WindowIndex
from training.network.batches import Augment

CONFIG = MlpSection(hidden_units=[16], epochs=30, patience=5, batch_size=32, learning_rate=0.01, l2=0.0, seed=1)


def fit(values: Float32s, index: WindowIndex, config: MlpSection = CONFIG, augment: Augment | None = None) -> Mlp:
    return fit_mlp(
        IndexedWindows(values, index.of_units(range(TRAIN_UNITS)), STEPS),
        index.of_units(range(TRAIN_UNITS, 12)),
        config,
        clip_sigma=8.0,
        max_rul=MAX_RUL,
        augment=augment,
    )


def test_it_follows_the_wear_within_the_cap_and_repeats_itself() -> None:
    values, index = small_fleet()
    mlp = fit(values, index)
    windows = np.zeros((3, STEPS, FEATURES), np.float32)
    windows[..., 0] = np.array([0.0, 10.0, 19.5])[:, None]
    windows[..., 2] = np.nan
    rul = mlp.predict(windows)
    assert MAX_RUL >= rul[0] > rul[1] > rul[2] >= 0.0
    assert rul[1] == pytest.approx(10.0, abs=3.0)
    assert np.array_equal(fit(values, index).predict(windows), rul)


def test_the_epoch_that_was_best_is_kept_and_not_the_last_one() -> None:
    values, index = small_fleet()
    longer = fit(values, index, CONFIG.model_copy(update={"learning_rate": 0.1}))
    until_then = fit(values, index, CONFIG.model_copy(update={"learning_rate": 0.1, "epochs": longer.epochs}))
    assert longer.epochs < CONFIG.epochs
    assert np.array_equal(longer.predict_rows(values, index, STEPS), until_then.predict_rows(values, index, STEPS))


def test_it_is_trained_on_augmented_windows() -> None:
    values, index = small_fleet()
    once = CONFIG.model_copy(update={"epochs": 1})
    shown = []

    def without_wear(windows: Float32s, random: np.random.Generator) -> Float32s:
        shown.append(len(windows))
        return windows * np.float32(0.0)

    blind, seeing = fit(values, index, once, without_wear), fit(values, index, once)
    assert sum(shown) == 520  # 6 lives of 80 windows and twice the 20 that a censored one has at the cap
    assert not np.array_equal(blind.predict_rows(values, index, STEPS), seeing.predict_rows(values, index, STEPS))


def test_the_whole_window_counts() -> None:
    values, index = small_fleet()
    mlp = fit(values, index)
    windows = np.zeros((2, STEPS, FEATURES), np.float32)
    windows[:, :, 0] = 10.0
    windows[1, :-1, 0] = 0.0
    first, second = mlp.predict(windows)
    assert first != second


def test_rows_are_predicted_alike_whatever_the_batches() -> None:
    values, index = small_fleet()
    mlp = fit(values, index)
    assert mlp.predict_rows(values, index, STEPS, 7) == pytest.approx(mlp.predict_rows(values, index, STEPS, 4096), abs=1e-4)


def test_a_censored_life_below_the_cap_is_left_out() -> None:
    values, index = small_fleet()
    hidden = index.censored & (index.rul < MAX_RUL)
    assert hidden.any()
    guessed = WindowIndex(index.unit, index.first_row, index.end, np.where(hidden, 1.0, index.rul).astype(np.float32), index.censored)
    assert np.array_equal(fit(values, guessed).predict_rows(values, index, STEPS), fit(values, index).predict_rows(values, index, STEPS))


def test_values_are_standardised_held_and_a_missing_feature_is_at_its_mean() -> None:
    statistics = FeatureStatistics(np.array([1.0, 5.0], np.float32), np.array([2.0, 1.0], np.float32))
    windows = np.array([[[5.0, np.nan], [101.0, 4.0]]], np.float32)
    assert flatten(windows, statistics, 8.0).tolist() == [[2.0, 0.0, 8.0, -1.0]]


def test_fewer_windows_than_a_batch_are_refused() -> None:
    index = WindowIndex.of_unit(0, 0, np.arange(4), Labels(np.full(4, 9, np.float32), np.zeros(4, bool)))
    with pytest.raises(ModelError, match="4 training and 0 validation windows"):
        fit(np.zeros((4, 3), np.float32), index)
