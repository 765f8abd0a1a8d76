"""Reliability and coverage on numbers small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.evaluation.calibration import (
    FailureOutcomes,
    bin_gaps,
    calibration_error,
    coverage_by_group,
    reliability,
    rul_bands,
    thin_groups,
)


def test_the_calibration_error_weighs_each_bin_by_its_windows() -> None:
    outcomes = FailureOutcomes(np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9]), np.array([False, False, False, True, True, True]))
    report = reliability(outcomes, bins=5)
    assert report["bins"] == [
        {"windows": 4, "predicted": 0.1, "observed": 0.25},
        {"windows": 2, "predicted": 0.9, "observed": 1.0},
    ]
    assert report["expected_calibration_error"] == pytest.approx((4 * 0.15 + 2 * 0.1) / 6, abs=1e-4)
    assert report["brier"] == pytest.approx((3 * 0.01 + 0.81 + 2 * 0.01) / 6, abs=1e-4)


def test_certainty_that_is_right_has_no_error_and_both_ends_have_a_bin() -> None:
    report = reliability(FailureOutcomes(np.array([0.0, 1.0, 1.0]), np.array([False, True, True])), bins=10)
    assert (report["expected_calibration_error"], report["brier"]) == (0.0, 0.0)
    assert [row["windows"] for row in report["bins"]] == [1, 2]


def test_gaps_are_kept_by_compressor_so_that_the_error_of_any_fleet_of_them_is_known() -> None:
    outcomes = FailureOutcomes(np.array([0.1, 0.5, 0.9, 0.9]), np.array([True, False, False, True]))
    gaps = bin_gaps(outcomes, 2, np.array([0, 0, 1, 1]), 3)
    assert gaps == pytest.approx(np.array([[0.4, 0.0], [0.0, -0.8], [0.0, 0.0]]))  # one on an edge is in the lower bin
    fleets = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0]])
    assert calibration_error(fleets @ gaps, fleets @ np.array([2.0, 2.0, 0.0])) == pytest.approx([0.3, 0.4])


def test_nothing_known_is_no_error_but_no_number() -> None:
    assert reliability(FailureOutcomes(np.empty(0), np.empty(0, np.bool_)), bins=10)["expected_calibration_error"] is None


def test_coverage_is_counted_in_each_group() -> None:
    true, lower, upper = np.array([1.0, 5.0, 9.0]), np.array([0.0, 6.0, 9.0]), np.array([2.0, 8.0, 12.0])
    assert coverage_by_group(true, lower, upper, np.array(["a", "b", "a"])) == {
        "a": {"windows": 2, "coverage": 1.0, "mean_width_days": 2.5},
        "b": {"windows": 1, "coverage": 0.0, "mean_width_days": 2.0},
    }


def test_groups_that_hold_too_few_lives_are_named_unless_they_are_small() -> None:
    coverage = {
        "mode": {"a": {"windows": 100, "coverage": 0.799}, "b": {"windows": 99, "coverage": 0.1}},
        "model": {"c": {"windows": 500, "coverage": 0.8}},
    }
    assert thin_groups(coverage, 0.8, 100) == [{"grouping": "mode", "group": "a", "windows": 100, "coverage": 0.799}]


def test_a_life_belongs_to_the_band_that_it_begins() -> None:
    assert rul_bands(np.array([0.0, 2.9, 3.0, 29.9, 30.0]), [0, 3, 7], 30).tolist() == ["00-03", "00-03", "03-07", "07-30", "30+"]
    assert rul_bands(np.array([6.9, 7.0]), [0, 3, 7, 14], 7).tolist() == ["03-07", "07+"]  # a band cannot begin beyond the cap
    assert rul_bands(np.array([29.9], np.float32), [0, 3], 29.9).tolist() == ["29.9+"]  # float32 rounds this cap down
