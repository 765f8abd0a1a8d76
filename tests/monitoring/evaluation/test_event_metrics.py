"""The numbers of a report, on cases small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from config.sections.evaluation import EvaluationConfig
from monitoring.evaluation.alarms import FALSE, TRUE, UNDECIDED, Alarm, Failure, Watch, join
from monitoring.evaluation.event_metrics import WindowPredictions, errors, join_predictions, summarise

NAN = float("nan")
WATCH = Watch(
    (Alarm(10, 12, TRUE, True), Alarm(13, 14, TRUE, False), Alarm(1, 1, FALSE, True), Alarm(50, 51, UNDECIDED, True)),
    (
        Failure("fouling", 8.0, True, 6.0),
        Failure("fouling", 5.0, False, 2.0),
        Failure("bearing_rapid", 3.0, False, NAN),
    ),
    60 * 24,
)


def test_recall_is_counted_over_slow_failures_over_all_and_by_mode(evaluation: EvaluationConfig) -> None:
    report = summarise(WATCH, evaluation)
    assert (report["failures_5d"]["n"], report["failures_5d"]["caught"], report["failures_5d"]["recall"]) == (2, 1, 0.5)
    assert (report["failures"]["n"], report["failures"]["recall"]) == (3, 0.3333)
    assert report["by_mode"]["bearing_rapid"]["failures"]["recall"] == 0.0
    assert report["by_mode"]["bearing_rapid"]["failures_5d"]["recall"] is None
    assert report["by_mode"]["fouling"]["failures_5d"]["caught"] == 1


def test_precision_leaves_undecided_alarms_out_and_counts_them(evaluation: EvaluationConfig) -> None:
    report = summarise(WATCH, evaluation)
    counted = {name: report["alarms"][name] for name in ("n", "true", "false", "undecided", "precision")}
    assert counted == {"n": 4, "true": 2, "false": 1, "undecided": 1, "precision": 0.6667}
    assert report["first_alarms"]["precision"] == 0.5


def test_false_alarms_are_counted_per_thirty_healthy_compressor_days(evaluation: EvaluationConfig) -> None:
    report = summarise(WATCH, evaluation)
    assert report["healthy_compressor_months"] == 2.0
    assert report["false_alarms_per_healthy_compressor_month"] == 0.5


def test_lead_times_leave_failures_without_an_alarm_out(evaluation: EvaluationConfig) -> None:
    assert summarise(WATCH, evaluation)["lead_times_days"] == {"n": 2, "q10": 2.4, "q25": 3.0, "q50": 4.0, "q75": 5.0, "q90": 5.6}


def test_the_interval_of_a_share_is_wilsons(evaluation: EvaluationConfig) -> None:
    twenty = Watch((), (Failure("fouling", 8.0, True, 6.0),) * 18 + (Failure("fouling", 8.0, False, NAN),) * 2, 0)
    recall = summarise(twenty, evaluation)["failures_5d"]
    # centre (18 + z^2/2) / (20 + z^2), half width z sqrt(18*2/20 + z^2/4) / (20 + z^2), z = 1.959964
    assert recall["interval"] == [0.699, 0.9721]


def test_a_report_without_any_case_has_no_shares(evaluation: EvaluationConfig) -> None:
    report = summarise(join([]), evaluation)
    assert report["failures"] == {"n": 0, "caught": 0, "recall": None, "interval": None}
    assert report["alarms"]["precision"] is None
    assert report["false_alarms_per_healthy_compressor_month"] is None
    assert report["lead_times_days"]["q50"] is None


def test_errors_are_taken_over_all_windows_and_over_those_near_a_failure() -> None:
    predictions = WindowPredictions(
        *(np.array(values) for values in ([30.0, 10.0, 2.0], [26.0, 13.0, 2.0], [20.0, 11.0, 1.0], [30.0, 14.0, 3.0]))
    )
    report = errors(predictions, 14.0)
    assert report["windows"] == 3
    assert report["rul_rmse_days"] == pytest.approx((25 / 3) ** 0.5, abs=1e-4)
    assert report["rul_rmse_near_failure_days"] == pytest.approx((9 / 2) ** 0.5, abs=1e-4)
    assert report["coverage_90"] == pytest.approx(2 / 3, abs=1e-4)


def test_a_method_without_intervals_has_no_coverage() -> None:
    part = WindowPredictions(np.array([5.0]), np.array([6.0]))
    report = errors(join_predictions([part, part]), 14.0)
    assert (report["windows"], report["rul_rmse_days"], report["coverage_90"]) == (2, 1.0, None)
