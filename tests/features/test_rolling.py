from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.arrays import Doubles, Ints
from features.contract import DISCHARGE_PRESSURE, DISCHARGE_TEMP, ROLLING_FEATURES, TEMP_DELTA, VIBRATION
from features.rolling import MICROSECONDS_PER_HOUR, TimeIndex, rolling_features

TOLERANCE_S = 60.0
MINUTE = MICROSECONDS_PER_HOUR // 60
YEAR_ONE_US = -62_135_596_800_000_000

Reading = tuple[int, int, float]  # compressor, microseconds, value (NaN: nothing measured)


def _features(rows: list[Reading], scale: float = 1.0) -> dict[str, Doubles]:
    group = np.array([row[0] for row in rows], np.int64)
    time_us = np.array([row[1] for row in rows], np.int64)
    values = np.array([row[2] for row in rows], np.float64) * scale
    return rolling_features(group, time_us, dict.fromkeys((VIBRATION, DISCHARGE_TEMP, DISCHARGE_PRESSURE), values), TOLERANCE_S)


def _naive(rows: list[Reading], hours: int, statistic: str) -> list[float]:
    """The definition of a rolling feature, one row at a time."""
    result = []
    for compressor, moment, _ in rows:
        opening = moment - hours * MICROSECONDS_PER_HOUR
        window = [value for other, time, value in rows if other == compressor and opening < time <= moment and not math.isnan(value)]
        if statistic == "std":
            result.append(statistics.stdev(window) if len(window) > 1 else math.nan)
        elif not window:
            result.append(math.nan)
        else:
            result.append(statistics.fmean(window) if statistic == "mean" else max(window))
    return result


def _naive_delta(rows: list[Reading]) -> list[float]:
    result = []
    for compressor, moment, value in rows:
        target = moment - MICROSECONDS_PER_HOUR
        near = [(abs(time - target), time, past) for other, time, past in rows if other == compressor]
        distance, _, past = min(near)
        result.append(value - past if distance <= TOLERANCE_S * 1e6 else math.nan)
    return result


@st.composite
def _fleet(draw: st.DrawFn) -> list[Reading]:
    """Up to three compressors with irregular times, gaps of days and missing values."""
    rows: list[Reading] = []
    gaps = st.one_of(
        st.sampled_from([10 * MINUTE, 60 * MINUTE, 240 * MINUTE, 24 * 60 * MINUTE]), st.integers(1, 40 * MICROSECONDS_PER_HOUR)
    )
    values = st.one_of(st.just(math.nan), st.floats(0, 2000, width=32))
    for compressor in range(draw(st.integers(1, 3))):
        time = draw(st.sampled_from([0, YEAR_ONE_US]))
        for gap, value in draw(st.lists(st.tuples(gaps, values), max_size=25)):
            time += gap
            rows.append((compressor, time, value))
    return rows


@settings(max_examples=80, deadline=None)
@given(_fleet())
def test_rolling_features_are_what_their_definition_says(rows: list[Reading]) -> None:
    features = _features(rows)
    for feature in ROLLING_FEATURES:
        expected = _naive(rows, feature.hours, feature.statistic)
        # a deviation of 1e-4 on values up to 2000 is float64 noise of the squared sums
        np.testing.assert_allclose(features[feature.name], expected, rtol=1e-9, atol=1e-4, err_msg=feature.name)
    np.testing.assert_allclose(features[TEMP_DELTA], _naive_delta(rows), rtol=1e-9, err_msg=TEMP_DELTA)


@settings(max_examples=80, deadline=None)
@given(_fleet(), st.data())
def test_value_has_the_same_bits_wherever_the_computation_started(rows: list[Reading], data: st.DataObject) -> None:
    whole = _features(rows)
    start = data.draw(st.integers(0, len(rows)))
    part = _features(rows[start:])
    for position in range(start, len(rows)):
        compressor, moment, _ = rows[position]
        reach = moment - 24 * MICROSECONDS_PER_HOUR
        if start and any(other == compressor and time > reach for other, time, _ in rows[:start]):
            continue  # its look-back is not whole
        for name, values in whole.items():
            assert values[position : position + 1].tobytes() == part[name][position - start : position - start + 1].tobytes(), name


def test_window_is_open_on_the_left_and_closed_on_the_right() -> None:
    rows = [(0, minute * MINUTE, float(minute)) for minute in range(0, 80, 10)]  # an hour at 10 minutes is 6 readings
    assert _features(rows)["vibration_1hr_mean"].tolist() == [0, 5, 10, 15, 20, 25, 35, 45]


def test_left_out_reading_never_shifts_a_window() -> None:
    every = [(0, minute * MINUTE, float(minute)) for minute in range(0, 120, 10)]
    gappy = [row for row in every if row[1] != 50 * MINUTE]
    assert _features(gappy)["vibration_1hr_max"][-1] == 110
    assert _features(gappy)["vibration_1hr_mean"][6] == pytest.approx((20 + 30 + 40 + 60 + 70) / 5)


def test_missing_value_is_left_out_and_too_little_data_gives_no_number() -> None:
    features = _features([(0, 0, math.nan), (0, 10 * MINUTE, 4.0), (0, 20 * MINUTE, math.nan), (0, 30 * MINUTE, 6.0)])
    np.testing.assert_array_equal(features["vibration_1hr_mean"], [math.nan, 4, 4, 5])
    np.testing.assert_array_equal(features["vibration_1hr_max"], [math.nan, 4, 4, 6])
    np.testing.assert_allclose(features["vibration_1hr_std"], [math.nan, math.nan, math.nan, math.sqrt(2)])


def test_temperature_delta_takes_the_nearest_reading_one_hour_before_within_the_tolerance() -> None:
    second = 1_000_000
    rows = [(0, 0, 200.0), (0, 100 * second, 201.0), (0, 3650 * second, 210.0), (0, 3761 * second, 220.0)]
    np.testing.assert_array_equal(_features(rows)[TEMP_DELTA], [math.nan, math.nan, 10.0, math.nan])


def test_windows_of_two_compressors_never_mix() -> None:
    features = _features([(0, 0, 1.0), (0, MINUTE, 2.0), (1, 0, 100.0), (1, MINUTE, 200.0)])
    assert features["vibration_24hr_mean"].tolist() == [1, 1.5, 100, 150]


def test_reading_of_a_logger_that_lost_its_clock_disturbs_no_other() -> None:
    group: Ints = np.repeat(np.arange(500), 2)
    time_us = np.tile(np.array([YEAR_ONE_US, 0]), 500)
    assert TimeIndex(group, time_us).start(24).tolist() == list(range(1000))


def test_nothing_in_gives_nothing_out() -> None:
    assert {len(values) for values in _features([]).values()} == {0}
