"""A paired bootstrap on units whose differences are known beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from monitoring.evaluation.comparison import BETTER, UNDECIDED, WORSE, UnitSums, as_reported, compare, compare_metric, join_sums, not_won
from monitoring.statistics.bootstrap import Resampling

FALSE_ALARMS = "false_alarms_per_healthy_compressor_month"


def sums(metric: str, over: list[float], under: list[float] | None = None) -> UnitSums:
    return UnitSums({metric: np.array(over)}, {metric: np.array(under or [1.0] * len(over))})


def compared(ours: UnitSums, seed: int = 3, **others: UnitSums) -> dict[str, dict[str, Any]]:
    return compare(ours, others, Resampling(ours.units, 500, seed), 0.95)


def test_the_same_compressors_are_drawn_for_both_sides() -> None:
    # one false alarm less on every compressor, among compressors that have none or a hundred: unpaired, the difference would drown
    champion, other = sums(FALSE_ALARMS, [0, 5, 30, 100]), sums(FALSE_ALARMS, [1, 6, 31, 101])
    found = compared(champion, mlp=other)["mlp"][FALSE_ALARMS]
    assert found == {"ours": 33.75, "theirs": 34.75, "difference": -1.0, "interval": [-1.0, -1.0], "verdict": BETTER}


def test_a_metric_of_errors_is_the_root_of_all_squares_over_all_windows() -> None:
    champion, other = sums("rul_rmse_days", [8.0, 0.0], [1.0, 1.0]), sums("rul_rmse_days", [27.0, 27.0], [3.0, 3.0])
    found = compared(champion, mlp=other)["mlp"]["rul_rmse_days"]
    assert (found["ours"], found["theirs"], found["difference"]) == (2.0, 3.0, -1.0)
    # either compressor twice, or both once: sqrt(8), 2 or 0 against 3
    assert found["interval"] == [-3.0, round(8**0.5 - 3, 4)]
    assert found["verdict"] == BETTER


def test_more_recall_is_better_and_more_error_worse() -> None:
    caught, missed = sums("recall", [2, 2, 2], [2, 2, 2]), sums("recall", [1, 1, 1], [2, 2, 2])
    assert compared(caught, mlp=missed)["mlp"]["recall"]["verdict"] == BETTER
    assert compared(missed, mlp=caught)["mlp"]["recall"]["verdict"] == WORSE


def test_a_difference_that_depends_on_the_draw_is_undecided_and_listed_after_the_worse_ones() -> None:
    names = {"mlp": "the perceptron", "baseline": "gradient boosting"}
    champion = UnitSums({"recall": np.array([1.0, 0.0])}, {"recall": np.ones(2)})
    found = compared(champion, mlp=sums("recall", [0, 1]), baseline=sums("recall", [2, 2]))
    assert found["mlp"]["recall"]["verdict"] == UNDECIDED
    assert not_won(found, names) == [
        "recall of all failures: worse than gradient boosting, 0.5 against 2 (difference -1.5, interval -2 to -1)",
        "recall of all failures: not shown to be better than the perceptron, 0.5 against 0.5 (difference +0, interval -1 to +1)",
    ]


def test_a_fleet_without_a_metric_has_no_case_of_it() -> None:
    joined = join_sums([sums("recall", [1, 0]), sums("rmse_days_30+", [9.0])])
    assert (joined.units, joined.over["recall"].tolist(), joined.under["rmse_days_30+"].tolist()) == (3, [1, 0, 0], [0, 0, 1])


def test_a_metric_with_its_lambda_or_band_names_it() -> None:
    worse = compared(sums("rmse_days_30+", [9.0, 9.0]), mlp=sums("rmse_days_30+", [4.0, 4.0]))
    assert not_won(worse, {"mlp": "the perceptron"}) == [
        "RMSE with days left of 30+: worse than the perceptron, 3 against 2 d (difference +1, interval +1 to +1)"
    ]
    less = compared(sums("relative_accuracy_0.5", [0.5, 0.5]), mlp=sums("relative_accuracy_0.5", [0.75, 0.75]))
    assert not_won(less, {"mlp": "the perceptron"})[0].startswith(
        "mean relative accuracy at 0.5: worse than the perceptron, 0.5 against 0.75"
    )


def test_won_metrics_are_not_listed_and_those_without_a_case_are_left_out() -> None:
    champion, other = sums(FALSE_ALARMS, [0, 0]), sums(FALSE_ALARMS, [1, 1])
    assert not_won(compared(champion, mlp=other), {"mlp": "the perceptron"}) == []
    nothing = UnitSums({"recall": np.zeros(2)}, {"recall": np.zeros(2)})
    assert compared(nothing, mlp=nothing, warning=other) == {"mlp": {}, "warning": {}}


def test_a_report_calls_the_sides_champion_and_baseline_in_the_same_places() -> None:
    found = compared(sums("recall", [1, 1]), mlp=sums("recall", [0, 0]))
    assert list(as_reported(found)["mlp"]["recall"].items()) == [
        ("champion", 1.0), ("baseline", 0.0), ("difference", 1.0), ("interval", [1.0, 1.0]), ("verdict", BETTER),
    ]  # fmt: skip


def test_a_metric_that_one_side_does_not_have_cannot_be_compared() -> None:
    resampling = Resampling(2, 500, 3)
    assert compare_metric("recall", sums("recall", [1, 1]), sums(FALSE_ALARMS, [1, 1]), resampling, 0.95) is None


def test_the_same_seed_draws_the_same_fleets() -> None:
    random = np.random.default_rng(5)
    champion, other = (sums("rul_rmse_days", random.uniform(0, 9, 20).tolist()) for _ in range(2))
    first, second = (compared(champion, mlp=other) for _ in range(2))
    assert first == second
    another = compared(champion, seed=4, mlp=other)
    assert another["mlp"]["rul_rmse_days"]["interval"] != first["mlp"]["rul_rmse_days"]["interval"]


def test_fleets_are_joined_compressor_by_compressor() -> None:
    joined = join_sums([sums("recall", [1, 0], [1, 2]), sums("recall", [3], [4])])
    assert joined.over["recall"].tolist() == [1, 0, 3]
    assert joined.under["recall"].tolist() == pytest.approx([1, 2, 4])


def test_errors_are_summed_over_the_windows_of_each_compressor() -> None:
    true, predicted = np.array([10.0, 10.0, 10.0]), np.array([13.0, 6.0, 10.0])
    errors = UnitSums.of_errors("rul_rmse_days", true, predicted, np.array([2, 2, 0]), 4)
    assert errors.over["rul_rmse_days"].tolist() == [0, 0, 25, 0]
    assert errors.under["rul_rmse_days"].tolist() == [1, 0, 2, 0]
    both = errors | sums("recall", [1, 2, 3, 4])
    assert (list(both.over), list(both.under), both.units) == (["rul_rmse_days", "recall"], ["rul_rmse_days", "recall"], 4)
