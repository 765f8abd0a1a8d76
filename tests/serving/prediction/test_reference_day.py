"""Which of its own days a compressor is compared with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from features.contract import FEATURES, WINDOW_STEPS
from features.grid import History, read_history
from features.model_file.onnx_model import OnnxModel
from serving.prediction.reference_day import DAYS, PAST_HOURS, best_days, past_days, past_days_of
from tests.serving.gold import SCORING, drivers_model, gold_row, write_gold

FIRST = datetime(2026, 3, 1, 1, tzinfo=UTC)
VIBRATION = FEATURES.index("vibration_1hr_mean")
MODEL = OnnxModel(drivers_model(20.0, {"vibration_1hr_mean": -1.0}).onnx, 1)


def history(hours: int = 300, compressors: int = 2) -> History:
    """Each value is its hour, plus 1000 in the second compressor."""
    values = np.concatenate([np.arange(hours) + 1000 * unit for unit in range(compressors)])
    return History(
        np.repeat(values[:, None], len(FEATURES), axis=1).astype(np.float32), [f"C-{n}" for n in range(compressors)], FIRST, hours
    )


def test_days_end_at_the_same_hour_one_to_seven_days_before() -> None:
    days = past_days(history(), np.array([0, 1]), np.array([250, 200]))
    assert days.shape == (2, DAYS, WINDOW_STEPS, len(FEATURES))
    assert days[0, :, -1, 0].tolist() == [226, 202, 178, 154, 130, 106, 82]
    assert days[1, 6, :, 5].tolist() == list(range(1000 + 200 - 168 - 23, 1000 + 200 - 168 + 1))


def test_what_lies_outside_the_history_is_missing_and_never_another_compressors() -> None:
    days = past_days(history(), np.array([1, 0, -1]), np.array([60, 310, 250]))
    assert np.isnan(days[0, 2:]).all()  # ends 12 hours before the first
    assert days[0, 1, -13:, 0].tolist() == list(range(1000, 1013))
    assert np.isnan(days[0, 1, :-13]).all()
    assert days[1, 0, -1, 0] == 286  # the hour itself may be later than the last one
    assert np.isnan(days[2]).all()


def test_a_moment_is_compared_on_full_hours_whatever_range_was_read(tmp_path: Path) -> None:
    as_of = FIRST + timedelta(hours=250, minutes=50)
    rows = [gold_row(name, FIRST + timedelta(hours=hour), vibration_1hr_mean=hour) for name in ("C-1", "C-2") for hour in range(260)]
    gold = write_gold(tmp_path, rows)
    ids = ["C-2", "C-9"]
    days = past_days_of(read_history(gold, as_of, PAST_HOURS, ids), ids, as_of)
    assert days[0, :, -1, VIBRATION].tolist() == [226, 202, 178, 154, 130, 106, 82]
    assert np.isnan(days[1]).all()
    everything = read_history(gold, FIRST + timedelta(hours=259), 400)
    np.testing.assert_array_equal(past_days_of(everything, ids, as_of), days)


def test_the_best_day_is_the_one_with_the_longest_predicted_life_among_those_with_data() -> None:
    days = np.full((3, DAYS, WINDOW_STEPS, len(FEATURES)), 5.0, np.float32)
    days[0, 4, -1, VIBRATION] = 3.0  # 17 days of life
    days[0, 6, -1, VIBRATION] = 2.6  # more, but seven of its hours are missing
    days[0, 6, :7] = np.nan
    days[1, 6, :6] = np.nan  # as good as the others, and the newest of them is taken
    days[2] = np.nan
    best = best_days(MODEL, days, SCORING)
    assert best.days_before.tolist() == [5, 1, 0]
    assert best.windows[0, -1, VIBRATION] == 3.0
    days[0, 6, 6] = 5.0  # 18 hours
    gap = best_days(MODEL, days, SCORING)
    assert gap.days_before[0] == 7
    assert (gap.windows[0, :6] == 5.0).all()  # filled as a window is
    assert best_days(MODEL, days[:0], SCORING).days_before.shape == (0,)


def test_a_day_with_a_stop_is_compared_with_only_where_there_is_no_other() -> None:
    days = np.full((2, DAYS, WINDOW_STEPS, len(FEATURES)), 5.0, np.float32)
    days[:, :, -1, VIBRATION] = 0.3  # every day ends standing, with 19.7 days of life
    days[0, 3, -1, VIBRATION] = 2.5  # but for one, which is at half of its median: 17.5
    assert best_days(MODEL, days, SCORING).days_before.tolist() == [4, 1]


def test_a_stop_is_below_a_share_of_the_days_median_which_hours_of_high_vibration_do_not_move() -> None:
    assert SCORING.reasons.stopped_share.value == 0.5
    days = np.full((1, DAYS, WINDOW_STEPS, len(FEATURES)), 5.0, np.float32)
    days[0, 2, :8, VIBRATION] = 50.0  # the mean of the day is 20, the median stays 5
    days[0, 2, -1, VIBRATION] = 3.0  # 17 days of life, and no stop
    assert best_days(MODEL, days, SCORING).days_before.tolist() == [3]
