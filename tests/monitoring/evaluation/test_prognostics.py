"""Metrics of prognostics on lives short enough to compute by hand."""

from __future__ import annotations

from math import expm1, hypot, isnan, sqrt

import numpy as np
import pytest

from config.sections.evaluation import EvaluationConfig
from monitoring.evaluation.prognostics import (
    LifeRun,
    across_errors,
    at_lambda,
    convergence,
    cumulative_relative_accuracy,
    errors_by_band,
    lasting_horizon,
    mass_within,
    measure_life,
    point_within,
    prognostic_horizon,
    relative_accuracy,
    summarise_lives,
)

CAP = 30.0


def run(*rul: float) -> LifeRun:
    """Ten days before a failure, every two and a half days; the last one before the failure itself."""
    return LifeRun(np.array([10.0, 7.5, 5.0, 2.5]), np.array(rul))


def test_the_horizon_begins_where_a_prediction_first_lies_in_the_band() -> None:
    met = point_within(run(14.0, 8.5, 5.5, 1.5), 3.0)
    assert met.tolist() == [False, True, True, True]
    assert prognostic_horizon(run(14.0, 8.5, 5.5, 1.5), met) == 7.5


def test_a_prediction_that_leaves_the_band_again_ends_the_lasting_horizon_but_not_the_papers() -> None:
    wavering = run(10.0, 12.0, 5.0, 2.0)
    met = point_within(wavering, 3.0)
    assert (prognostic_horizon(wavering, met), lasting_horizon(wavering, met)) == (10.0, 5.0)


def test_a_criterion_that_is_never_met_is_no_horizon_and_one_missed_at_the_end_lasts_for_nothing() -> None:
    never, at_first = np.zeros(4, np.bool_), np.array([True, True, True, False])
    assert prognostic_horizon(run(0, 0, 0, 0), never) == lasting_horizon(run(0, 0, 0, 0), never) == 0.0
    assert lasting_horizon(run(0, 0, 0, 0), at_first) == 0.0


def test_lambda_is_counted_from_the_first_prediction_and_a_gap_has_none() -> None:
    assert [at_lambda(run(0, 0, 0, 0), share) for share in (0.25, 0.5, 0.75)] == [1, 2, 3]
    assert at_lambda(run(0, 0, 0, 0), 0.4) is None  # 6 days before the failure: a day from the nearest prediction
    assert at_lambda(run(0, 0, 0, 0), 0.254) == 1  # 7.46 days: 58 minutes from it
    assert at_lambda(run(0, 0, 0, 0), 0.255) is None  # 72 minutes


def test_relative_accuracy_is_one_less_the_relative_error_and_accumulates_up_to_lambda() -> None:
    off = run(14.0, 8.5, 5.5, 1.5)
    assert relative_accuracy(off) == pytest.approx([0.6, 1 - 1 / 7.5, 0.9, 0.6])
    assert cumulative_relative_accuracy(off, 0.5) == pytest.approx((0.6 + 1 - 1 / 7.5 + 0.9) / 3)
    assert relative_accuracy(run(30.0, 0, 0, 0))[0] == -1.0


def test_a_lasting_error_converges_later_than_one_that_falls_at_once() -> None:
    # two days of error over 7.5 days: centre of mass at half the time and half the height
    assert convergence(run(12.0, 9.5, 7.0, 4.5)) == pytest.approx(hypot(3.75, 1.0))
    # four days of error for the first 2.5 days only
    assert convergence(run(14.0, 7.5, 5.0, 2.5)) == pytest.approx(hypot(1.25, 2.0))
    # 1, then 3 for 2.5 days each, then 0: area 10; x (2.5^2 * 1 + (5^2 - 2.5^2) * 3) / 20, y (2.5 * 1 + 2.5 * 9) / 20
    assert convergence(run(11.0, 10.5, 5.0, 2.5)) == pytest.approx(hypot((6.25 + 56.25) / 20, 25 / 20))


def test_a_life_without_an_error_has_converged_and_one_prediction_tells_nothing() -> None:
    assert convergence(run(10.0, 7.5, 5.0, 2.5)) == 0.0
    assert isnan(convergence(LifeRun(np.array([5.0]), np.array([6.0]))))


@pytest.mark.parametrize(
    ("bounds", "mass"),
    [
        ((2.0, 4.0, 8.0), 0.45 * 2 / 4),  # 4 to 6 holds half of what lies above the point
        ((4.5, 5.0, 5.5), 0.9),
        ((4.0, 4.0, 8.0), 0.45 + 0.45 / 2),  # the half below the point lies at the point
        ((6.5, 7.0, 8.0), 0.0),
        ((0.0, 5.0, 10.0), 0.45 / 5 + 0.45 / 5),
    ],
)
def test_half_of_the_interval_lies_evenly_on_each_side_of_the_point(bounds: tuple[float, float, float], mass: float) -> None:
    lower, rul, upper = (np.array([value]) for value in bounds)
    assert mass_within(LifeRun(np.array([5.0]), rul, lower, upper), 1.0) == pytest.approx([mass])


def test_a_life_is_measured_with_the_shipped_bands(evaluation: EvaluationConfig) -> None:
    measured = measure_life(run(14.0, 8.5, 5.5, 1.5), evaluation.prognostics, CAP)
    assert measured["prognostic_horizon_days"] == measured["lasting_horizon_days"] == 7.5  # within 3 days
    # within 20 %: 1 of 7.5 and 0.5 of 5, but not 1 of 2.5
    assert [measured[f"alpha_lambda_{share:g}"] for share in (0.25, 0.5, 0.75)] == [1.0, 1.0, 0.0]
    assert measured["relative_accuracy_0.75"] == pytest.approx(0.6)
    assert measured["phm08_score"] == pytest.approx((expm1(0.4) + expm1(0.1) + expm1(0.05) + expm1(1 / 13)) / 4)
    assert not any("beta" in name for name in measured)


def test_beta_asks_for_the_distribution_where_the_point_alone_would_pass(evaluation: EvaluationConfig) -> None:
    true = np.array([10.0, 5.0])
    wide = LifeRun(true, true, np.array([0.0, 0.0]), np.array([30.0, 6.0]))
    measured = measure_life(wide, evaluation.prognostics, CAP)
    assert measured["prognostic_horizon_days"] == 10.0
    # 10 +- 3 holds 3/10 and 3/20 of the halves, less than half; 5 +- 3 holds 3/5 and all: 0.72
    assert measured["prognostic_horizon_beta_days"] == 5.0
    # 5 +- 1 holds 1/5 and all: 0.54
    assert (measured["alpha_lambda_0.5"], measured["alpha_lambda_beta_0.5"]) == (1.0, 1.0)


def test_lives_are_summed_up_by_quartiles_and_alpha_lambda_by_its_share(evaluation: EvaluationConfig) -> None:
    lives = [run(10, 7.5, 5, 2.5), run(14, 8.5, 5.5, 1.5), run(30, 30, 30, 30), LifeRun(np.array([10.0, 6.0]), np.array([10.0, 6.0]))]
    report = summarise_lives(lives, evaluation.prognostics, CAP)
    assert report["lives"] == 4
    assert report["prognostic_horizon_days"] == {"n": 4, "q25": 5.625, "median": 8.75, "q75": 10.0}  # 10, 7.5, 0, 10
    assert report["alpha_lambda_0.5"] == {"n": 3, "share": 0.6667}  # the last one has no prediction 5 days before the failure
    assert summarise_lives([], evaluation.prognostics, CAP) == {"lives": 0}


def test_errors_are_reported_by_band_of_true_life_with_the_cap_apart() -> None:
    report = errors_by_band(np.array([1.0, 5.0, 30.0, 30.0]), np.array([2.0, 3.0, 30.0, 26.0]), [0, 3, 7, 14, 21], CAP)
    assert report == {
        "00-03": {"windows": 1, "rmse_days": 1.0, "bias_days": 1.0},
        "03-07": {"windows": 1, "rmse_days": 2.0, "bias_days": -2.0},
        "30+": {"windows": 2, "rmse_days": round(sqrt(8), 4), "bias_days": -2.0},
    }


def test_lives_to_show_are_picked_at_even_ranks_of_their_error_from_the_best_to_the_worst() -> None:
    runs = [LifeRun(np.array([5.0]), np.array([5.0 + off])) for off in (4.0, 1.0, 3.0, 0.0, 2.0)]
    assert across_errors(runs, 3) == [3, 4, 0]
    assert across_errors(runs, 9) == [3, 1, 4, 2, 0]
    assert across_errors(runs, 1) == [3]
    assert across_errors([], 6) == []
