from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from config.errors import NoDataError
from features.contract import FEATURES, VIBRATION_STATUS
from features.grid import map_history, read_history, steps_before
from tests.serving.gold import gold_row, write_gold

MIDNIGHT = datetime(2026, 3, 9, tzinfo=UTC)
VIBRATION = FEATURES.index("vibration_1hr_mean")


def _row(compressor_id: str, minutes: int, vibration: float, **features: object) -> dict[str, object]:
    return gold_row(compressor_id, MIDNIGHT + timedelta(minutes=minutes), vibration_1hr_mean=vibration, **features)


def test_step_is_the_last_row_of_its_hour_counted_back_from_the_asked_time(tmp_path: Path) -> None:
    as_of = MIDNIGHT + timedelta(minutes=50)
    rows = [_row("A", 51, 9.0), _row("A", 50, 1.0), _row("A", 0, 2.0), _row("A", -10, 3.0), _row("A", -11, 4.0), _row("A", -1390, 5.0)]
    steps = steps_before(write_gold(tmp_path, rows), ["A", "B"], as_of)
    # (23:50, 00:50] ends with 1.0, (22:50, 23:50] with 3.0; the row exactly 24 h before as_of is outside
    assert steps.values.shape == (2, 24, 24)
    assert steps.values[0, -2:, VIBRATION].tolist() == [3.0, 1.0]
    assert np.isnan(steps.values[0, :-2]).all()
    assert np.isnan(steps.values[1]).all()
    assert steps.last_reading == [as_of, None]


def test_status_is_a_number_and_null_is_nan(tmp_path: Path) -> None:
    gold = write_gold(tmp_path, [_row("A", 0, 1.0, vibration_status="critical", temp_status=None, temp_1hr_std=None)])
    last = steps_before(gold, ["A"], MIDNIGHT).values[0, -1]
    assert last[FEATURES.index(VIBRATION_STATUS)] == 2.0
    assert np.isnan(last[[FEATURES.index("temp_status"), FEATURES.index("temp_1hr_std")]]).all()
    assert last.dtype == np.float32


def test_history_has_the_clocks_hours_for_every_compressor_and_midnight_closes_the_day_before(tmp_path: Path) -> None:
    rows = [_row("B", 61, 6.0), _row("A", -1, 1.0), _row("A", 0, 2.0), _row("A", 1, 3.0), _row("A", 60, 4.0)]
    history = map_history([write_gold(tmp_path / "gold", rows)], tmp_path / "cache")
    assert (history.compressor_ids, history.first_mark, history.hours) == (["A", "B"], MIDNIGHT, 3)
    assert history.first_rows().tolist() == [0, 3]
    np.testing.assert_array_equal(history.values[:, VIBRATION], np.array([2, 4, np.nan, np.nan, np.nan, 6], np.float32))


def test_compressors_are_found_by_name_in_the_order_of_their_rows(tmp_path: Path) -> None:
    history = map_history([write_gold(tmp_path / "gold", [_row(name, 0, 1.0) for name in ("A", "B", "C")])], tmp_path)
    found = [history.units_of(names).tolist() for names in (["C", "elsewhere", "A"], {"B"}, [])]
    assert found == [[0, 2], [1], []]


def test_a_history_is_read_only_and_its_file_has_no_name(tmp_path: Path) -> None:
    gold = write_gold(tmp_path / "gold", [_row("A", 0, 2.0), _row("A", 60, 4.0)])
    first, second = (map_history([gold], tmp_path / "home") for _ in range(2))
    assert isinstance(first.values, np.memmap)
    assert list((tmp_path / "home").iterdir()) == []
    with pytest.raises(ValueError, match="read-only"):
        first.values[0, 0] = 1.0
    np.testing.assert_array_equal(first.values, second.values)


def test_training_and_scoring_cut_the_same_steps_at_a_full_hour(tmp_path: Path) -> None:
    rows = [_row(unit, minutes, float(minutes % 97)) for unit in ("A", "B") for minutes in range(-2000, 121, 7)]
    gold = write_gold(tmp_path / "gold", rows)
    history = map_history([gold], tmp_path)
    as_of = MIDNIGHT + timedelta(hours=1)
    end = (as_of - history.first_mark) // timedelta(hours=1) + history.first_rows()
    cut = history.values[end[:, None] + np.arange(-23, 1)]
    np.testing.assert_array_equal(steps_before(gold, ["A", "B"], as_of).values, cut)


def test_the_last_hours_of_a_history_are_those_of_the_whole_one(tmp_path: Path) -> None:
    rows = [_row(unit, minutes, float(minutes % 97)) for unit in ("A", "B") for minutes in range(-4000, 171, 7)]
    rows += [_row("long gone", -4000, 1.0)]
    gold = write_gold(tmp_path / "gold", rows)
    whole = map_history([gold], tmp_path)
    last = read_history(gold, MIDNIGHT + timedelta(minutes=119), 30)
    assert (last.compressor_ids, last.hours, last.mark(29)) == (["A", "B"], 30, MIDNIGHT + timedelta(hours=1))
    end = (last.mark(29) - whole.first_mark) // timedelta(hours=1) + whole.first_rows()[:2]
    np.testing.assert_array_equal(last.values.reshape(2, 30, -1), whole.values[end[:, None] + np.arange(-29, 1)])
    assert read_history(gold, MIDNIGHT - timedelta(days=9), 30).compressor_ids == []


def test_several_tables_are_one_history_that_ends_at_the_asked_time(tmp_path: Path) -> None:
    earlier = write_gold(tmp_path / "earlier", [_row("A", -60, 1.0), _row("B", 0, 2.0)])
    later = write_gold(tmp_path / "later", [_row("A", 60, 3.0), _row("C", 30, 4.0), _row("C", 61, 5.0)])
    history = map_history([earlier, later], tmp_path, MIDNIGHT + timedelta(hours=1))
    assert (history.compressor_ids, history.first_mark, history.hours) == (["A", "B", "C"], MIDNIGHT - timedelta(hours=1), 3)
    nan = np.nan
    np.testing.assert_array_equal(history.values[:, VIBRATION], np.array([1, nan, 3, nan, 2, nan, nan, nan, 4], np.float32))


def test_empty_gold_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoDataError, match="run `altaviz features` first"):
        map_history([write_gold(tmp_path / "gold", [])], tmp_path)


def test_a_stray_reading_ten_years_earlier_takes_no_memory(tmp_path: Path) -> None:
    rows = [_row(unit, 60 * hour, float(hour)) for unit in ("A", "B") for hour in range(48)]
    strays = [_row("A", -60 * 24 * 3650, 9.0), _row("B", 60 * 24 * 3650, 9.0)]
    plain, stray = (
        map_history([write_gold(tmp_path / name, found)], tmp_path) for name, found in (("plain", rows), ("stray", [*strays, *rows]))
    )
    assert (stray.first_mark, stray.hours, stray.compressor_ids) == (plain.first_mark, 48, ["A", "B"])
    np.testing.assert_array_equal(stray.values, plain.values)


def test_a_stretch_of_data_before_a_long_gap_is_kept(tmp_path: Path) -> None:
    rows = [_row("A", 60 * (hour - 24 * day), 1.0) for day in (40, 0) for hour in range(12)]
    history = map_history([write_gold(tmp_path / "gold", rows)], tmp_path)
    assert history.hours == 40 * 24 + 12
