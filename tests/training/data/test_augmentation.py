"""The augmentation moves levels and nothing else."""

from __future__ import annotations

import numpy as np

from config.sections.model import AugmentationSection
from features.contract import FEATURES
from training.data.augmentation import LevelAugmentation


def column(windows: np.ndarray[tuple[int, int, int], np.dtype[np.float32]], name: str) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return windows[:, :, FEATURES.index(name)]


def moved(seed: int = 3) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    before = np.random.default_rng(0).uniform(1, 5, (4, 24, len(FEATURES))).astype(np.float32)
    config = AugmentationSection(vibration_log_std=0.3, temp_std_f=10, pressure_std_psi=50)
    return before, LevelAugmentation(config)(before.copy(), np.random.default_rng(seed))


def test_vibration_is_scaled_by_one_factor_per_window() -> None:
    before, after = moved()
    factors = column(after, "vibration_1hr_mean") / column(before, "vibration_1hr_mean")
    assert np.allclose(factors, factors[:, :1], rtol=1e-5)
    assert len(np.unique(np.round(factors[:, 0], 4))) == 4
    assert np.allclose(column(after, "vibration_24hr_std") / column(before, "vibration_24hr_std"), factors, rtol=1e-5)


def test_temperature_and_pressure_are_shifted_by_one_amount_per_window() -> None:
    before, after = moved()
    for names in (("temp_1hr_mean", "temp_24hr_mean"), ("pressure_4hr_mean", "pressure_differential")):
        shifts = [column(after, name) - column(before, name) for name in names]
        assert np.allclose(shifts[0], shifts[0][:, :1], atol=1e-3)
        assert np.allclose(shifts[0], shifts[1], atol=1e-3)


def test_what_is_no_level_stays() -> None:
    before, after = moved()
    for name in ("temp_1hr_std", "temp_1hr_delta", "vibration_status", "hour_of_day", "is_weekend"):
        assert np.array_equal(column(after, name), column(before, name))


def test_the_same_draws_move_the_same_way() -> None:
    assert np.array_equal(moved(7)[1], moved(7)[1])
    assert not np.array_equal(moved(7)[1], moved(8)[1])
