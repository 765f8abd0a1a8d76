"""A compressor against itself and against its fleet, on literal series of one feature."""

from __future__ import annotations

import numpy as np
import pytest

from config.sections.monitoring import WindowsSection
from config.settings import Settings
from features.arrays import Bools, Doubles
from monitoring.drift.movements import Shifts, Windows, fit_windows, measure_shifts
from monitoring.statistics.nan_median import median

FOUR_BEFORE_TWO_NOW = Windows(current=2, baseline=4, least_current=1, least_baseline=2)
NOTHING = np.nan


@pytest.fixture(scope="module")
def config(settings: Settings) -> WindowsSection:
    return settings.monitoring.windows


def fleet(*compressors: list[float]) -> Doubles:
    """Series of one feature, a compressor each -> [compressors, snapshots, 1]."""
    return np.array(compressors, np.float64)[:, :, None]


def everywhere(values: Doubles) -> Bools:
    return np.ones(values.shape[:2], np.bool_)


def shifts(values: Doubles, healthy: Bools | None = None) -> tuple[list[float], float]:
    """Movements by compressor, and of the fleet."""
    found = measure_shifts(values, everywhere(values) if healthy is None else healthy, FOUR_BEFORE_TWO_NOW)
    return found.units[:, 0].tolist(), float(found.fleet[0])


def test_a_compressor_is_held_against_its_own_days_before() -> None:
    values = fleet([200, 200, 200, 200, 216, 216], [180, 180, 180, 180, 180, 180], [210, 210, 210, 210, 210, 210])
    assert shifts(values) == ([16, 0, 0], 0)


def test_what_moves_all_alike_is_the_fleets_movement_and_no_compressors() -> None:
    values = fleet([1, 2, 1, 2, 6, 7], [11, 12, 11, 12, 16, 17], [21, 22, 21, 22, 26, 27])
    assert shifts(values) == ([0, 0, 0], 5)


def test_a_third_that_moved_does_not_pull_the_others_along() -> None:
    pulled = np.array([-4, -3, -2, -1, 0, 1, 14, 14, 14], np.float64)[:, None]  # their median is 0, that of the first six -1.5
    found = Shifts(pulled, np.array([7.0])).from_rest(np.array([[-5.0, 0.5, 5.0]]))
    assert found.units[:, 0].tolist() == [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 15.5, 15.5, 15.5]
    assert found.fleet.tolist() == [5.5]


def test_who_is_let_go_in_one_step_lets_the_next_one_see_further() -> None:
    pulled = np.array([-6, -6, -6, -6, 0, 1, 4, 6, 6], np.float64)[:, None]
    found = Shifts(pulled, np.zeros(1)).from_rest(np.array([[-7.0, 4.5]]))
    assert found.fleet.tolist() == [-6]  # the median of seven is -6, and from there only the four are within reach


def test_a_feature_without_edges_is_left_as_it_is() -> None:
    found = Shifts(np.array([[1.0, NOTHING], [2.0, NOTHING]]), np.array([3.0, NOTHING])).from_rest(np.full((2, 2), NOTHING))
    assert found.units[:, 0].tolist() == [1, 2]
    assert found.fleet[0] == 3


def test_one_odd_look_moves_nothing() -> None:
    values = fleet([5, 5, 900, 5, 5, 5], [5, 5, 5, 5, 5, 5], [5, 5, 5, 5, 5, 5])
    assert shifts(values) == ([0, 0, 0], 0)


def test_looks_at_a_failing_machine_do_not_count() -> None:
    values = fleet([5, 5, 5, 5, 5, 90], [5, 5, 5, 5, 5, 5])
    healthy = everywhere(values)
    healthy[0, 5] = False
    assert shifts(values, healthy) == ([0, 0], 0)


def test_who_has_too_few_healthy_looks_is_not_compared_and_does_not_speak_for_the_fleet() -> None:
    new = [NOTHING, NOTHING, NOTHING, 5, 50, 50]
    gone = [5, 5, 5, 5, NOTHING, NOTHING]
    values = fleet(new, gone, [5, 5, 5, 5, 5, 5], [5, 5, 5, 5, 6, 6])
    assert shifts(values) == ([-0.5, 0.5], 0.5)


def test_a_feature_that_nobody_reports_has_no_movement() -> None:
    values = np.concatenate([fleet([5] * 6, [5] * 6), fleet([NOTHING] * 6, [NOTHING] * 6)], axis=2)
    found = measure_shifts(values, everywhere(values), FOUR_BEFORE_TWO_NOW)
    assert np.isnan(found.units).tolist() == [[False, True], [False, True]]
    assert np.isnan(found.fleet).tolist() == [False, True]


def test_a_fleet_of_nobody_has_no_movement() -> None:
    values = fleet([NOTHING] * 6)
    assert shifts(values)[0] == []


def test_only_the_newest_looks_are_compared() -> None:
    values = fleet([900, 900, 5, 5, 5, 5, 5, 5], [0, 0, 5, 5, 5, 5, 5, 5])
    assert shifts(values) == ([0, 0], 0)


def test_windows_are_those_configured_once_the_history_is_long_enough(config: WindowsSection) -> None:
    assert fit_windows(config, 28 * 6, 4) == Windows(current=42, baseline=126, least_current=6, least_baseline=42)
    assert fit_windows(config, 300 * 6, 4) == fit_windows(config, 28 * 6, 4)


def test_windows_of_a_young_fleet_shrink_alike_to_whole_days(config: WindowsSection) -> None:
    windows = fit_windows(config, 37, 4)  # the demo: 7 days, predictions from the 18th hour on
    assert windows == Windows(current=12, baseline=25, least_current=2, least_baseline=8)


def test_a_history_of_less_than_a_day_to_compare_gives_no_windows(config: WindowsSection) -> None:
    assert [fit_windows(config, snapshots, 4) for snapshots in (0, 6, 11)] == [None] * 3
    assert fit_windows(config, 13, 4) == Windows(current=6, baseline=7, least_current=1, least_baseline=2)


def test_the_stride_is_that_of_the_looks(config: WindowsSection) -> None:
    windows = fit_windows(config, 28 * 24, 1)
    assert (windows.current, windows.baseline) == (7 * 24, 21 * 24) if windows else False


def test_the_median_is_that_of_what_is_there() -> None:
    values = np.array([[3, NOTHING, 1, 2], [NOTHING, 4, NOTHING, 1], [NOTHING] * 4])
    assert median(values, axis=1)[:2].tolist() == [2, 2.5]
    assert np.isnan(median(values, axis=1)[2])
    assert median(values, axis=0).tolist() == [3, 4, 1, 1.5]
