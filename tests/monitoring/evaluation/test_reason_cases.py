"""Reasons judged on a fleet of two compressors whose failures, alarms and drivers are known."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from config.errors import ModelError
from config.settings import Settings
from features.contract import DISCHARGE_TEMP, FEATURES, VIBRATION
from features.grid import History
from monitoring.evaluation.alarms import WatchedLife
from monitoring.evaluation.reason_cases import judge_reasons
from monitoring.evaluation.unseen_fleet import UnseenFleet
from serving.registry.model_version import RegisteredModel
from tests.serving.gold import drivers_model, mean_model
from training.data.dataset import WindowIndex
from training.data.labelled_fleet import LabelledFleet

DAYS, ONSET, FAILURE = 40, 20.0, 30.0
HOURS = DAYS * 24
WEIGHTS = {"vibration_1hr_mean": -10.0, "temp_1hr_mean": -0.5}


def model() -> RegisteredModel:
    return drivers_model(25.0 + 10.0 * 3 + 0.5 * 200, WEIGHTS)  # 25 days while vibration is 3 mm/s and temperature 200 F


def fleet() -> UnseenFleet:
    """From the 20th to the 30th day vibration grows by 3 mm/s in a worn bearing, and temperature by 100 F where cooling fails."""
    values = np.full((2 * HOURS, len(FEATURES)), 100.0, np.float32)
    day = np.arange(HOURS) / 24
    wear = np.where(day <= FAILURE, np.clip((day - ONSET) / (FAILURE - ONSET), 0, 1), 0)
    values[:, FEATURES.index("vibration_1hr_mean")] = np.concatenate([3 + 3 * wear, np.full(HOURS, 3.0)])
    values[:, FEATURES.index("temp_1hr_mean")] = np.concatenate([np.full(HOURS, 200.0), 200 + 100 * wear])
    history = History(values, ["A", "B"], datetime(2026, 1, 1, tzinfo=UTC), HOURS)
    ends = np.concatenate([np.arange(23, HOURS), HOURS + np.arange(23, HOURS)])
    unit = np.repeat(np.array([0, 1], np.int32), HOURS - 23)
    index = WindowIndex(unit, unit * np.int64(HOURS), ends, np.zeros(len(ends), np.float32), np.zeros(len(ends), np.bool_))
    after = WatchedLife(FAILURE, float(DAYS), "censored", float("nan"), "", float("nan"))
    lives = {
        name: [WatchedLife(0.0, FAILURE, "failure", FAILURE, mode, FAILURE - ONSET), after]
        for name, mode in (("A", "bearing_wear"), ("B", "cooling_degradation"))
    }
    return UnseenFleet(LabelledFleet(history, index, []), lives, {"A": "", "B": ""}, DAYS)


def test_first_reasons_are_judged_at_the_alarm_by_the_mode_and_beside_what_takes_no_model(settings: Settings) -> None:
    result = judge_reasons(settings, [fleet()], model())
    assert result["cases"] == 2
    bearing, cooling = (result["by_mode"][mode]["methods"] for mode in ("bearing_wear", "cooling_degradation"))
    assert (bearing["reasons"]["named"], cooling["reasons"]["named"]) == ({VIBRATION: 1}, {DISCHARGE_TEMP: 1})
    assert (bearing["largest_change"]["named"], cooling["largest_change"]["named"]) == ({VIBRATION: 1}, {DISCHARGE_TEMP: 1})
    shares = {method: (own["share"], own["leading"]) for method, own in result["methods"].items()}
    # temperature moves a little in a worn bearing too, and vibration leads it
    assert shares == {"reasons": (1.0, 1.0), "largest_change": (1.0, 1.0), "always_temperature": (1.0, 0.5)}
    assert result["randomised"]["models"] == settings.evaluation.reasons.randomised_models


def test_a_model_that_is_driven_by_the_wrong_sensor_is_found_out(settings: Settings) -> None:
    wrong = fleet()
    column = wrong.labelled.history.values[:, FEATURES.index("pressure_1hr_mean")]
    column[:] = wrong.labelled.history.values[:, FEATURES.index("vibration_1hr_mean")]
    result = judge_reasons(settings, [wrong], drivers_model(25.0 + 30.0, {"pressure_1hr_mean": -10.0}))
    assert (result["cases"], result["methods"]["reasons"]["share"]) == (1, 0.0)  # pressure does not move in a worn bearing


def test_without_a_caught_failure_there_is_nothing_to_judge(settings: Settings) -> None:
    result = judge_reasons(settings, [fleet()], drivers_model(20.0, {"vibration_1hr_mean": 0.001}))
    assert (result["cases"], result["by_mode"], result["methods"]["reasons"]["share"]) == (0, {}, None)
    assert result["randomised"]["rank_correlation"] is None


def test_a_model_without_weights_cannot_be_randomised(settings: Settings) -> None:
    with pytest.raises(ModelError, match="no weights to draw anew"):
        judge_reasons(settings, [fleet()], mean_model())
