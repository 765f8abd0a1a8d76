"""Trends, lives and sums of a fleet of two compressors whose every hour is written by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from config.settings import Settings, load_settings
from features.contract import FEATURES
from features.grid import History
from monitoring.evaluation.alarms import FALSE, TRUE, Alarm, Failure, Watch, WatchedLife
from monitoring.evaluation.method_outcomes import MethodPredictions, life_runs, prognosis
from monitoring.evaluation.trend_baseline import life_starts, trend_rul
from monitoring.evaluation.unseen_fleet import UnseenFleet
from training.data.dataset import Labels, WindowIndex
from training.data.labelled_fleet import LabelledFleet

NAN = float("nan")
HOURS = 20 * 24
DAYS = np.arange(HOURS) / 24
FAILS = 12.0  # day on which the first compressor fails


@pytest.fixture
def fleet() -> UnseenFleet:
    """20 days; A's vibration rises by 0.5 mm/s a day from 2, A fails on day 12 and starts anew at 2 falling; B does not change."""
    values = np.full((2 * HOURS, len(FEATURES)), np.nan, np.float32)
    vibration, temp, pressure = (FEATURES.index(f"{name}_24hr_mean") for name in ("vibration", "temp", "pressure"))
    values[:, [vibration, temp, pressure]] = [3.0, 200.0, 1000.0]
    values[:HOURS, vibration] = np.where(DAYS <= FAILS, 2.0 + 0.5 * DAYS, 2.0 - 0.01 * DAYS)
    index = WindowIndex.concatenate(
        [
            WindowIndex.of_unit(0, 0, np.arange(HOURS), Labels(np.where(DAYS <= FAILS, FAILS - DAYS, 20 - DAYS), DAYS > FAILS)),
            WindowIndex.of_unit(1, HOURS, np.arange(HOURS, 2 * HOURS), Labels(20 - DAYS, np.ones(HOURS, np.bool_))),
        ]
    )
    lives = {
        "A": [WatchedLife(-np.inf, FAILS, "failure", FAILS, "bearing_wear", 10.0), WatchedLife(FAILS, 20.0, "censored", NAN, "", NAN)],
        "B": [WatchedLife(-np.inf, 20.0, "censored", NAN, "", NAN)],
    }
    labelled = LabelledFleet(History(values, ["A", "B"], datetime(2026, 1, 1, tzinfo=UTC), HOURS), index, [])
    return UnseenFleet(labelled, lives, {"A": "Ariel JGK/4", "B": "Ajax DPC-360"}, 20)


def test_a_trend_predicts_when_the_first_sensor_reaches_its_limit(settings: Settings, fleet: UnseenFleet) -> None:
    rul = trend_rul(settings, fleet)
    assert rul[6 * 24] == pytest.approx(2.0, abs=1e-4)  # 5 mm/s, half a mm/s a day to the warning at 6
    assert rul[10 * 24] == 0.0  # 7 mm/s
    assert rul[0] == 30.0  # one point is no line
    assert (rul[HOURS:] == 30.0).all()  # what does not change reaches nothing


def test_a_trend_may_be_asked_for_the_critical_limit(settings: Settings, fleet: UnseenFleet) -> None:
    evaluation = settings.evaluation.model_copy(update={"trend": settings.evaluation.trend.model_copy(update={"limit": "critical"})})
    later = load_settings(settings.home, environ={})
    later.__dict__["evaluation"] = evaluation
    assert trend_rul(later, fleet)[10 * 24] == pytest.approx(2.0, abs=1e-4)  # 7 mm/s to 8


def test_a_trend_forgets_the_life_before_and_the_day_that_mixes_both(settings: Settings, fleet: UnseenFleet) -> None:
    assert (trend_rul(settings, fleet)[12 * 24 + 1 : HOURS] == 30.0).all()
    starts = life_starts(fleet)
    assert starts[12 * 24] == -np.inf
    assert starts[12 * 24 + 1] == FAILS


def test_the_life_that_failed_is_cut_from_the_cap_to_its_last_hour(fleet: UnseenFleet) -> None:
    rul = np.arange(2 * HOURS, dtype=np.float32)
    ((unit, run),) = life_runs(fleet, MethodPredictions(rul, rul - 1, rul + 1), cap=8.0)
    assert unit == 0
    assert run.true[0] == pytest.approx(8.0 - 1 / 24)  # below the cap
    assert run.true[-1] == pytest.approx(1 / 24)  # at the failure itself nothing is left to predict
    assert (run.rul[0], run.rul[-1]) == (4 * 24 + 1, 12 * 24 - 1)
    assert run.lower is not None
    assert run.lower[0] == 4 * 24


def test_errors_and_events_are_summed_by_compressor(settings: Settings, fleet: UnseenFleet) -> None:
    watches = [
        Watch((Alarm(9, 12, TRUE, True),), (Failure("bearing_wear", 10.0, True, 3.0), Failure("bearing_rapid", 2.0, False, NAN)), 0),
        Watch((Alarm(3, 4, FALSE, True), Alarm(8, 9, FALSE, False)), (), 15 * 24),
    ]
    sums = prognosis(settings, fleet, watches, MethodPredictions(fleet.labelled.index.rul + 1.5)).sums
    assert sums.under["rul_rmse_days"].tolist() == [12 * 24 + 1, 0]  # only A's failure was seen
    assert sums.over["rul_rmse_days"] == pytest.approx([2.25 * (12 * 24 + 1), 0], rel=1e-5)
    assert sums.under["recall_5d"].tolist() == [1, 0]
    assert (sums.over["recall"].tolist(), sums.under["recall"].tolist()) == ([1, 0], [2, 0])
    false_alarms = "false_alarms_per_healthy_compressor_month"
    assert (sums.over[false_alarms].tolist(), sums.under[false_alarms].tolist()) == ([0, 2], [0, 0.5])
    assert (sums.over["precision"].tolist(), sums.under["precision"].tolist()) == ([1, 0], [1, 2])
    assert (sums.over["lead_days"].tolist(), sums.under["lead_days"].tolist()) == ([3.0, 0], [1, 0])
    assert {name.removeprefix("rmse_days_"): under.tolist() for name, under in sums.under.items() if name.startswith("rmse_days_")} == {
        "00-03": [3 * 24, 0],
        "03-07": [4 * 24, 0],
        "07-14": [5 * 24 + 1, 0],
    }
    assert sums.over["relative_accuracy_0.5"] == pytest.approx([1 - 1.5 / 6, 0], abs=0.01)
    assert not [name for name in sums.over if "beta" in name]
    # a day and a half too many: within 20 % of 9 days, not of 6 or 3, and within 3 days from the first hour to the end
    assert [sums.over[f"alpha_lambda_{share:g}"].tolist() for share in (0.25, 0.5, 0.75)] == [[1, 0], [0, 0], [0, 0]]
    assert sums.under["alpha_lambda_0.5"].tolist() == [1, 0]
    assert sums.over["lasting_horizon_days"] == pytest.approx([FAILS, 0])


def test_a_method_without_lives_has_events_only(settings: Settings, fleet: UnseenFleet) -> None:
    part = prognosis(settings, fleet, [Watch((), (), 0), Watch((), (), 0)], None)
    assert part.runs == ()
    assert set(part.sums.over) == {"recall_5d", "recall", "precision", "lead_days", "false_alarms_per_healthy_compressor_month"}
