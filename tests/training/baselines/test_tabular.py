"""Baselines see the last row only and ignore what censoring hides."""

from __future__ import annotations

import numpy as np
import pytest

from config.errors import ModelError
from config.sections.model import ModelConfig
from features.arrays import Float32s
from features.windows import gather
from tests.training.small_network import LABELS, MAX_RUL, STEPS, small_fleet
from training.baselines.tabular import CONSTANT, GRADIENT_BOOSTING, LINEAR, Baseline, fit_baseline
from training.data.dataset import IndexedWindows, Labels, WindowIndex


def fit(name: str, config: ModelConfig, values: Float32s, index: WindowIndex) -> Baseline:
    return fit_baseline(name, IndexedWindows(values, index, STEPS), config.baseline, LABELS, seed=1)


@pytest.mark.parametrize("name", [GRADIENT_BOOSTING, LINEAR])
def test_a_baseline_follows_the_wear_and_stays_within_the_cap(name: str, config: ModelConfig) -> None:
    values, index = small_fleet()
    baseline = fit(name, config, values, index)
    windows = np.zeros((3, STEPS, 3), np.float32)
    windows[:, -1, 0] = [1.0, 10.0, 19.5]
    windows[..., 2] = np.nan
    rul, probability = baseline.predict(windows), baseline.predict_failure(windows)
    assert MAX_RUL >= rul[0] > rul[1] > rul[2] >= 0.0
    assert probability[0] < 0.1 < 0.5 < probability[2]


def test_only_the_last_step_counts(config: ModelConfig) -> None:
    values, index = small_fleet()
    windows = gather(values, index.first_row, index.end, STEPS)
    changed = windows.copy()
    changed[:, :-1] = 99.0
    baseline = fit(GRADIENT_BOOSTING, config, values, index)
    assert np.array_equal(baseline.predict(windows), baseline.predict(changed))


def test_the_constant_is_the_mean_of_the_labels_that_are_exact(config: ModelConfig) -> None:
    values = np.zeros((5, 3), np.float32)
    labels = Labels(np.array([2, 10, 30, 30, 5], np.float32), np.array([False, False, False, True, True]))
    baseline = fit(CONSTANT, config, values, WindowIndex.of_unit(0, 0, np.arange(5), labels))
    window = np.zeros((1, STEPS, 3), np.float32)
    assert baseline.predict(window)[0] == pytest.approx((2 + 10 + 30 + 30) / 4)  # censored at the cap is exact, censored at 5 is not
    assert baseline.predict_failure(window)[0] == pytest.approx(1 / 5)  # censored at 5 did see the 3 days through


def test_labels_without_a_failure_within_the_horizon_are_refused(config: ModelConfig) -> None:
    index = WindowIndex.of_unit(0, 0, np.arange(4), Labels(np.full(4, 9, np.float32), np.zeros(4, bool)))
    with pytest.raises(ModelError, match="gradient_boosting needs windows both within 3 of a failure and before"):
        fit(GRADIENT_BOOSTING, config, np.zeros((4, 3), np.float32), index)


def test_an_unknown_baseline_is_refused_by_name(config: ModelConfig) -> None:
    values, index = small_fleet()
    with pytest.raises(ModelError, match="no baseline 'forest'; choose one of gradient_boosting, linear, constant"):
        fit("forest", config, values, index)
