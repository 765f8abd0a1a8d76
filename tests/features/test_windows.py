"""Windows: cut at the unit's first row, gaps filled from inside the window only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.contract import FEATURES
from features.windows import gather, has_data, observed_steps

NAN = np.nan


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def cut(values: np.ndarray, first: int, end: int, steps: int) -> np.ndarray:
    return gather(values, np.array([first]), np.array([end]), steps)[0]


def test_a_window_holds_the_last_steps_up_to_and_including_its_end_row() -> None:
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    windows = gather(values, np.array([0, 0]), np.array([3, 5]), steps=3)
    assert windows.dtype == np.float32
    assert windows.tolist() == [[[2, 3], [4, 5], [6, 7]], [[6, 7], [8, 9], [10, 11]]]


def test_a_gap_takes_the_last_value_before_it() -> None:
    assert cut(column(1, NAN, NAN, 4), 0, 3, 4)[:, 0].tolist() == [1, 1, 1, 4]


def test_a_gap_at_the_start_takes_the_first_value_after_it() -> None:
    assert cut(column(9, NAN, NAN, 4, 5), 0, 4, 4)[:, 0].tolist() == [4, 4, 4, 5]


def test_rows_of_the_unit_before_are_never_data() -> None:
    values = column(100, 200, 3, 4)  # the second unit starts at row 2
    assert cut(values, 2, 3, 4)[:, 0].tolist() == [3, 3, 3, 4]


def test_a_window_reaching_before_the_first_row_of_all_is_filled_at_the_start() -> None:
    assert cut(column(1, 2), 0, 1, 4)[:, 0].tolist() == [1, 1, 1, 2]


def test_a_feature_without_any_value_in_the_window_stays_missing_and_the_others_are_filled() -> None:
    values = np.array([[7, 1], [NAN, NAN], [NAN, 3]], np.float32)
    window = cut(values, 0, 2, 2)
    assert np.isnan(window[:, 0]).all()
    assert window[:, 1].tolist() == [3, 3]


def test_the_source_rows_are_left_as_they_were() -> None:
    values = column(1, NAN, 3)
    cut(values, 0, 2, 3)
    assert np.isnan(values[1, 0])


def test_no_ends_give_no_windows() -> None:
    none = np.empty(0, np.int64)
    assert gather(column(1, 2), none, none, 3).shape == (0, 3, 1)


def test_windows_are_cut_from_a_file_as_from_memory(tmp_path: pytest.TempPathFactory) -> None:
    values = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    np.save(f"{tmp_path}/values.npy", values)
    stored = np.load(f"{tmp_path}/values.npy", mmap_mode="r")
    first, ends = np.zeros(4, np.int64), np.array([3, 10, 20, 49])
    np.testing.assert_array_equal(gather(stored, first, ends, 6), gather(values, first, ends, 6))


def test_steps_with_data_are_counted_before_filling_and_only_within_the_unit() -> None:
    values = np.ones((5, len(FEATURES)), np.float32)
    values[[1, 3]] = NAN
    counts = observed_steps(values, np.array([1, 0, 1]), np.array([4, 4, 1]), steps=5, chunk=2)
    assert counts.tolist() == [2, 3, 0]


@pytest.mark.parametrize("missing", ["vibration_status", "temp_status", "pressure_status"])
def test_an_hour_without_a_value_of_one_sensor_has_no_data_whatever_its_long_averages_and_the_calendar_say(missing: str) -> None:
    rows = np.ones((3, len(FEATURES)), np.float32)
    rows[1, FEATURES.index(missing)] = NAN
    rows[2, FEATURES.index("temp_1hr_delta")] = NAN  # needs the reading of an hour before, not only one
    assert has_data(rows).tolist() == [True, False, True]


@given(st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=8), st.integers(1, 10))
def test_filling_agrees_with_the_rule_written_as_a_loop(cells: list[int | None], steps: int) -> None:
    values = column(*(NAN if cell is None else cell for cell in cells))
    window = cut(values, 0, len(cells) - 1, steps)[:, 0]
    padded = [NAN] * steps + values[:, 0].tolist()
    expected: list[float] = []
    raw = padded[-steps:]
    known = [value for value in raw if not np.isnan(value)]
    for value in raw:
        expected.append(value if not np.isnan(value) else expected[-1] if expected else (known[0] if known else NAN))
    np.testing.assert_array_equal(window, np.array(expected, np.float32))
