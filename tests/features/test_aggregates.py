from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from features.aggregates import PREFIXES, hourly_aggregates

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def _silver(minutes: list[int], values: list[float | None], compressor_id: str = "C-1") -> pl.DataFrame:
    times = [MIDNIGHT + timedelta(minutes=minute) for minute in minutes]
    return pl.DataFrame({"compressor_id": compressor_id, "timestamp": times, **dict.fromkeys(PREFIXES, values)})


def _hours(frame: pl.DataFrame, window: str) -> list[tuple[int, int]]:
    """(hours after midnight, reading_count) of one window."""
    chosen = frame.filter(pl.col("window_type") == window)
    return [(int((time - MIDNIGHT) / timedelta(hours=1)), count) for time, count in chosen.select("agg_timestamp", "reading_count").rows()]


def test_window_leaves_out_its_left_edge_and_takes_in_its_right_edge() -> None:
    frame = hourly_aggregates(_silver([0, 10, 60, 61], [1.0, 2.0, 3.0, 5.0]), MIDNIGHT - timedelta(hours=1), MIDNIGHT + timedelta(hours=2))
    assert _hours(frame, "1hr") == [(0, 1), (1, 2), (2, 1)]
    assert frame["vibration_avg"].to_list()[:3] == [1.0, 2.5, 5.0]


def test_null_is_left_out_of_the_statistics_but_its_reading_counts() -> None:
    row = hourly_aggregates(_silver([10, 20, 30], [1.0, None, 3.0]), MIDNIGHT, MIDNIGHT + timedelta(hours=1)).row(0, named=True)
    assert row["reading_count"] == 3
    assert [row[f"discharge_temp_{name}"] for name in ("avg", "std", "min", "max")] == [2.0, pytest.approx(2**0.5), 1.0, 3.0]


def test_longer_windows_go_on_after_the_last_reading_and_end_by_time() -> None:
    frame = hourly_aggregates(_silver([30], [1.0]), MIDNIGHT, MIDNIGHT + timedelta(hours=48))
    assert _hours(frame, "1hr") == [(1, 1)]
    assert _hours(frame, "4hr") == [(hour, 1) for hour in range(1, 5)]
    assert _hours(frame, "24hr") == [(hour, 1) for hour in range(1, 25)]
    assert frame["vibration_std"].null_count() == len(frame)


def test_hours_asked_for_in_two_parts_are_the_hours_asked_for_at_once() -> None:
    silver = pl.concat([_silver(list(range(0, 4000, 7)), [float(m % 13) for m in range(0, 4000, 7)], name) for name in ("C-1", "C-2")])
    middle, end = MIDNIGHT + timedelta(hours=31), MIDNIGHT + timedelta(hours=66)
    parts = [hourly_aggregates(silver, MIDNIGHT, middle), hourly_aggregates(silver.lazy(), middle, end)]
    order = ["window_type", "compressor_id", "agg_timestamp"]
    whole = hourly_aggregates(silver, MIDNIGHT, end)
    assert pl.concat(parts).sort(order).equals(whole.sort(order))


def test_moment_between_two_hours_gives_no_unfinished_hour() -> None:
    frame = hourly_aggregates(_silver([10, 70], [1.0, 2.0]), MIDNIGHT, MIDNIGHT + timedelta(minutes=110))
    assert _hours(frame, "1hr") == [(1, 1)]
