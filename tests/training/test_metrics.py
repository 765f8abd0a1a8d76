"""Metrics against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training import metrics

TRUE = np.array([10.0, 20.0, 130.0])
PREDICTED = np.array([13.0, 16.0, 125.0])


def test_rmse_is_the_root_of_the_mean_square() -> None:
    assert metrics.rmse(TRUE, PREDICTED) == pytest.approx(math.sqrt((9 + 16 + 25) / 3))


def test_clipped_rmse_holds_a_capped_model_to_the_capped_label() -> None:
    assert metrics.clipped_rmse(TRUE, PREDICTED, cap=125.0) == pytest.approx(math.sqrt((9 + 16 + 0) / 3))


def test_score_charges_late_more_than_early() -> None:
    assert metrics.phm08_score(np.array([50.0]), np.array([60.0])) == pytest.approx(math.e - 1)
    assert metrics.phm08_score(np.array([50.0]), np.array([37.0])) == pytest.approx(math.e - 1)
    assert metrics.phm08_score(np.array([50.0]), np.array([60.0])) > metrics.phm08_score(np.array([50.0]), np.array([40.0]))


def test_score_adds_up_over_units_and_is_zero_for_exact_predictions() -> None:
    expected = (math.exp(3 / 10) - 1) + (math.exp(4 / 13) - 1) + (math.exp(5 / 13) - 1)
    assert metrics.phm08_score(TRUE, PREDICTED) == pytest.approx(expected)
    assert metrics.clipped_phm08_score(TRUE, PREDICTED, cap=125.0) == pytest.approx(expected - (math.exp(5 / 13) - 1))
    assert metrics.phm08_score(TRUE, TRUE) == 0.0


def test_a_label_at_an_end_of_its_interval_is_inside_and_intervals_may_be_many() -> None:
    lower, upper = np.array([[10.0, 11.0], [0.0, 20.0], [131.0, 0.0]]), np.array([[11.0, 12.0], [20.0, 20.0], [140.0, 129.0]])
    assert metrics.inside(TRUE[:, None], lower, upper).tolist() == [[True, False], [True, True], [False, False]]


def test_coverage_counts_both_ends_of_the_interval() -> None:
    lower, upper = np.array([10.0, 21.0, 0.0]), np.array([11.0, 25.0, 130.0])
    assert metrics.coverage(TRUE, lower, upper) == pytest.approx(2 / 3)
    assert metrics.mean_width(lower, upper) == pytest.approx((1 + 4 + 130) / 3)


def test_brier_is_zero_when_sure_and_right_and_a_quarter_at_even_odds() -> None:
    failed = np.array([True, False])
    assert metrics.brier(failed, np.array([1.0, 0.0])) == 0.0
    assert metrics.brier(failed, np.array([0.5, 0.5])) == 0.25
    assert metrics.brier(failed, np.array([0.8, 0.4])) == pytest.approx((0.04 + 0.16) / 2)
