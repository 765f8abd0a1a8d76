"""What a planner reads, word by word."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from features.arrays import Float32s
from features.contract import FEATURES, STATUS_FEATURES, WINDOW_STEPS
from serving.prediction.reasons import driving_reasons, healthy_reason, history_reason, incomparable_reason, stale_reason
from tests.serving.gold import SCORING

NONE = [0.0, 0.0, 0.0]
NOBODY = "no sensor takes 1 d or more off the predicted life, compared with the best of the last 7 days"


def window(**values: float) -> Float32s:
    """[steps, features] whose last step holds `values`, else 100 and normal."""
    found = np.full((WINDOW_STEPS, len(FEATURES)), 50.0, np.float32)
    found[-1] = [values.get(name, 0.0 if name in STATUS_FEATURES else 100.0) for name in FEATURES]
    return found


def reasons(now: Float32s, before: Float32s, rul_days: list[list[float]], *, days: int = 7, risk: list[float] = NONE) -> list[str]:
    probability = np.array([[0.0, 0.0, added] for added in risk])
    return driving_reasons(now, before, days, np.array(rul_days), probability, SCORING.reasons)


def test_a_sensor_is_named_with_its_largest_change_its_days_its_hours_and_its_risk() -> None:
    now = window(vibration_24hr_mean=4.416, vibration_4hr_mean=4.4, vibration_status=1.0)
    before = window(vibration_24hr_mean=3.2, vibration_4hr_mean=3.3)
    assert reasons(now, before, [[-8.0, -2.0, -1.25], NONE, NONE], days=2, risk=[0.12, 0.0, 0.0]) == [
        "vibration 24 h mean up 38% in 2 days to 4.416 mm/s (warning): 11.2 days off the predicted life, "
        "mostly from the last 6 h, failure probability +0.12"
    ]


def test_the_sensor_that_takes_most_days_comes_first_and_one_below_a_day_is_not_named() -> None:
    now = window(temp_4hr_mean=224.0, pressure_24hr_mean=850.0)
    before = window(temp_4hr_mean=200.0, pressure_24hr_mean=1000.0)
    assert reasons(now, before, [[-0.99, 0.0, 0.0], [0.0, -2.0, -1.5], [-2.0, -2.0, -2.0]], days=1) == [
        "discharge pressure 24 h mean down 15% in 1 day to 850 PSI: 6.0 days off the predicted life, from all of the last 24 h",
        "discharge temperature 4 h mean up 24 F in 1 day to 224 F: 3.5 days off the predicted life, mostly from 12 to 6 h before",
    ]


def test_a_change_to_a_multiple_is_given_as_two_values_and_scatter_is_a_change_too() -> None:
    now = window(vibration_4hr_std=0.95, vibration_24hr_mean=3.3)
    before = window(vibration_4hr_std=0.1, vibration_24hr_mean=3.0)
    assert reasons(now, before, [[-2.0, 0.0, 0.0], NONE, NONE]) == [
        "vibration 4 h scatter up from 0.1 to 0.95 mm/s in 7 days: 2.0 days off the predicted life, mostly from the last 6 h"
    ]


@pytest.mark.parametrize(("now", "text"), [(0.75, "up 200% in 7 days to 0.75 mm/s"), (0.8, "up from 0.25 to 0.8 mm/s in 7 days")])
def test_a_change_is_given_in_per_cent_up_to_three_times_the_value(now: float, text: str) -> None:
    assert reasons(window(vibration_4hr_std=now), window(vibration_4hr_std=0.25), [[-2.0, 0.0, 0.0], NONE, NONE]) == [
        f"vibration 4 h scatter {text}: 2.0 days off the predicted life, mostly from the last 6 h"
    ]


@pytest.mark.parametrize(
    ("lost", "text"), [([-2.0, -1.5, -1.5], "from all of the last 24 h"), ([-1.5, -1.0, -2.6], "mostly from 24 to 12 h before")]
)
def test_most_of_the_days_is_more_than_half_of_them(lost: list[float], text: str) -> None:
    level = window()
    (reason,) = reasons(level, level, [lost, NONE, NONE])
    assert reason.endswith(f"days off the predicted life, {text}")


def test_an_unchanged_level_is_given_as_a_level() -> None:
    level = window(vibration_24hr_mean=7.25, vibration_status=2.0)
    assert reasons(level, level, [[-1.0, -1.0, -2.1], NONE, NONE]) == [
        "vibration little changed, 24 h mean at 7.25 mm/s (critical): 4.1 days off the predicted life, mostly from 24 to 12 h before"
    ]


def test_a_sensor_that_adds_life_is_no_reason_whatever_it_did() -> None:
    now, before = window(vibration_24hr_mean=9.0, vibration_status=2.0), window(vibration_24hr_mean=3.0)
    assert reasons(now, before, [[4.0, 4.0, 4.0], NONE, NONE]) == [NOBODY]
    assert reasons(now, before, [NONE, NONE, NONE]) == [NOBODY]


def test_what_is_not_known_of_the_day_before_is_no_change() -> None:
    now, before = window(vibration_24hr_mean=9.0, vibration_4hr_mean=4.0), window(vibration_24hr_mean=np.nan, vibration_4hr_mean=3.0)
    assert reasons(now, before, [[-5.0, 0.0, 0.0], NONE, NONE]) == [
        "vibration 4 h mean up 33% in 7 days to 4 mm/s: 5.0 days off the predicted life, mostly from the last 6 h"
    ]


def test_a_sensor_without_values_now_or_then_is_unknown_not_unchanged() -> None:
    level = {name: np.nan for name in FEATURES if name.startswith("vibration")}
    lost = [[-5.0, 0.0, 0.0], NONE, NONE]
    assert reasons(window(vibration_24hr_mean=9.0), window(**level), lost) == [
        "vibration 24 h mean at 9 mm/s, earlier level unknown: 5.0 days off the predicted life, mostly from the last 6 h"
    ]
    assert reasons(window(**level), window(), lost) == ["vibration is unknown: 5.0 days off the predicted life, mostly from the last 6 h"]


def test_why_there_is_no_number_no_comparison_or_nothing_to_plan() -> None:
    assert healthy_reason(14.0) == "nothing to plan: the predicted life is above 14 days"
    assert incomparable_reason() == "no reasons: none of the last 7 days has enough readings to compare with"
    seen = window()
    seen[:7] = np.nan
    assert history_reason(seen, 18) == "only 17 of the last 24 hours have data; a prediction needs 18"
    seen[:20, FEATURES.index("vibration_status")] = np.nan
    assert history_reason(seen, 18) == (
        "only 4 of the last 24 hours have values of every sensor (vibration 4, discharge temperature 17, discharge pressure 17); a prediction needs 18"
    )
    assert stale_reason(None, 3.0) == "no reading in the last 24 h"
    assert (
        stale_reason(datetime(2026, 3, 9, 1, 50, tzinfo=UTC), 3.0)
        == "no reading in the last 3 h; the last one is from 2026-03-09 01:50 UTC"
    )
