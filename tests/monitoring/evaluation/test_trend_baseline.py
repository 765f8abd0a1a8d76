"""Robust lines against scipy's, and the day on which they reach a limit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import theilslopes

from monitoring.evaluation.trend_baseline import fit_lines, time_to_limit

TIMES = np.array([-4.0, -3.0, -2.0, -1.0, 0.0])


def test_many_lines_with_gaps_are_those_of_scipy_one_by_one() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(40, 5))
    values[random.random(values.shape) < 0.2] = np.nan
    level, slope = fit_lines(TIMES, values, 2)
    for row, own_level, own_slope in zip(values, level, slope, strict=True):
        known = ~np.isnan(row)
        expected = theilslopes(row[known], TIMES[known], method="joint")
        assert (own_level, own_slope) == pytest.approx((expected.intercept, expected.slope))


def test_one_odd_point_moves_neither_level_nor_slope() -> None:
    level, slope = fit_lines(TIMES, np.array([[3.0, 90.0, 4.0, 4.5, 5.0]]), 4)
    assert (level[0], slope[0]) == pytest.approx((5.0, 0.5))


def test_too_few_points_are_no_line() -> None:
    level, slope = fit_lines(TIMES, np.array([[np.nan, np.nan, 4.0, 4.5, 5.0], [np.nan] * 5]), 4)
    assert np.isnan(level).all()
    assert np.isnan(slope).all()


def test_a_line_reaches_the_limit_in_time_now_or_not_within_the_cap() -> None:
    level = np.array([5.0, 9.0, 5.0, 5.0, 5.0, np.nan])
    slope = np.array([0.5, -1.0, -0.5, 0.0, 0.01, np.nan])
    assert time_to_limit(level, slope, 8.0, "high", 30.0).tolist() == [6.0, 0.0, 30.0, 30.0, 30.0, 30.0]


def test_a_low_limit_is_reached_from_above() -> None:
    assert time_to_limit(np.array([50.0, 50.0, 19.0]), np.array([-3.0, 3.0, 0.0]), 20.0, "low", 30.0).tolist() == [10.0, 30.0, 0.0]
