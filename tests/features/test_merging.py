"""Rows of one compressor and time become one reading: the newest value of each sensor, wherever it came from."""

from __future__ import annotations

import numpy as np

from features.contract import DISCHARGE_TEMP, VIBRATION
from features.merging import MergedRows, merge_rows

NAN = float("nan")


def merge(
    group: list[int],
    time: list[int],
    vibration: list[float],
    temperature: list[float],
    hours: list[float] | None = None,
    flagged: list[bool] | None = None,
) -> MergedRows:
    flags = {} if flagged is None else {VIBRATION: np.array(flagged)}
    values = {VIBRATION: np.array(vibration), DISCHARGE_TEMP: np.array(temperature)}
    counter = np.array([NAN] * len(group) if hours is None else hours)
    return merge_rows(np.array(group, np.int64), np.array(time, np.int64), values, counter, flags)


def test_rows_of_different_readings_stay_as_they_are() -> None:
    merged = merge([0, 0, 1], [10, 20, 20], [1.0, 2.0, 3.0], [NAN, 5.0, 6.0], [7.0, NAN, 8.0])
    assert merged.kept.tolist() == [0, 1, 2]
    assert (merged.duplicates.tolist(), merged.contributed.tolist()) == ([], [])
    np.testing.assert_array_equal(merged.values[DISCHARGE_TEMP], [NAN, 5.0, 6.0])
    np.testing.assert_array_equal(merged.operating_hours, [7.0, NAN, 8.0])


def test_rows_that_hold_different_sensors_complete_each_other() -> None:
    merged = merge([0, 0, 0], [10, 10, 20], [1.0, NAN, 2.0], [NAN, 200.0, 201.0])
    assert merged.kept.tolist() == [1, 2]
    assert (merged.duplicates.tolist(), merged.contributed.tolist()) == ([], [0])
    assert merged.values[VIBRATION].tolist() == [1.0, 2.0]
    assert merged.values[DISCHARGE_TEMP].tolist() == [200.0, 201.0]


def test_of_two_values_the_last_loaded_wins_and_the_other_row_is_a_duplicate() -> None:
    merged = merge([0, 0], [10, 10], [1.0, 2.0], [200.0, 201.0])
    assert merged.kept.tolist() == [1]
    assert (merged.duplicates.tolist(), merged.contributed.tolist()) == ([0], [])
    assert (merged.values[VIBRATION].tolist(), merged.values[DISCHARGE_TEMP].tolist()) == ([2.0], [201.0])


def test_a_missing_value_never_wins() -> None:
    merged = merge([0, 0, 0], [10, 10, 10], [1.0, 2.0, NAN], [200.0, NAN, NAN])
    assert merged.kept.tolist() == [2]
    assert (merged.duplicates.tolist(), merged.contributed.tolist()) == ([], [0, 1])
    assert (merged.values[VIBRATION].tolist(), merged.values[DISCHARGE_TEMP].tolist()) == ([2.0], [200.0])


def test_a_reading_without_any_value_stays_without() -> None:
    merged = merge([0, 0], [10, 10], [NAN, NAN], [NAN, NAN])
    assert merged.kept.tolist() == [1]
    assert merged.duplicates.tolist() == [0]
    assert np.isnan(merged.values[VIBRATION]).all()


def test_the_same_time_of_another_compressor_is_another_reading() -> None:
    merged = merge([0, 1, 1], [10, 10, 10], [1.0, NAN, 3.0], [NAN, 200.0, NAN])
    assert merged.kept.tolist() == [0, 2]
    np.testing.assert_array_equal(merged.values[DISCHARGE_TEMP], [NAN, 200.0])


def test_the_newest_operating_hours_are_kept_though_they_alone_make_no_row_contribute() -> None:
    merged = merge([0, 0], [10, 10], [1.0, 2.0], [200.0, 201.0], [5000.0, NAN])
    assert merged.operating_hours.tolist() == [5000.0]
    assert merged.duplicates.tolist() == [0]


def test_the_source_calls_bad_the_value_that_is_kept_not_the_row() -> None:
    merged = merge([0, 0, 1, 1], [10, 10, 10, 10], [1.0, NAN, 3.0, 4.0], [NAN, 200.0, 201.0, 202.0], flagged=[True, False, True, False])
    assert merged.flagged[VIBRATION].tolist() == [True, False]


def test_no_rows_make_no_reading() -> None:
    merged = merge([], [], [], [])
    assert (len(merged.kept), len(merged.duplicates), len(merged.contributed)) == (0, 0, 0)
