"""Hourly aggregates of silver for the warehouse's table sensor_readings_agg, column for column.

There is one row per compressor, hour mark H and window (H - W, H], with W of 1, 4 and 24 hours. Windows go by
time, so a left-out reading never shifts one. A statistic leaves nulls out.

Readings are summed once per hour. A longer window joins exactly its hours, two halves at a time. Nothing is
added and subtracted along the series, so a value has the same bits for every requested range.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from features import contract

WINDOWS: Final[dict[str, int]] = {"1hr": 1, "4hr": 4, "24hr": 24}  # window_type: hours
PREFIXES: Final[dict[str, str]] = {
    contract.VIBRATION: "vibration",  # mm/s RMS
    contract.DISCHARGE_TEMP: "discharge_temp",  # F
    contract.SUCTION_PRESSURE: "suction_pressure",  # PSI
    contract.DISCHARGE_PRESSURE: "discharge_pressure",  # PSI
    contract.HORSEPOWER: "horsepower",  # hp
    contract.GAS_FLOW: "gas_flow",  # Mcf/day
}
_MARK: Final = "agg_timestamp"
_LAST: Final = "last_reading_at"  # the newest reading of the window
_BEFORE: Final = "_before"


def hourly_aggregates(silver: pl.DataFrame | pl.LazyFrame, start: datetime, end: datetime) -> pl.DataFrame:
    """Aggregates for the hour marks `start` < H <= `end`, both timezone-aware.

    A mark without a reading in its window has no row. `silver` needs the readings of (start - 24 h, end].
    Columns:
    compressor_id, window_type, agg_timestamp (UTC), reading_count, then _avg, _std (sample), _min, _max of
    every sensor, then last_reading_at (UTC).
    Sorted by window, compressor and time.
    """
    first = start - timedelta(hours=max(WINDOWS.values()))
    readings = silver.lazy().filter(pl.col(contract.TIMESTAMP) > first, pl.col(contract.TIMESTAMP) <= end)
    one = _even_grid(_hours(readings), first, end)
    two = _together(one, one, 1)
    four = _together(two, two, 2)
    eight = _together(four, four, 4)
    twenty_four = _together(eight, _together(eight, eight, 8), 8)
    windows = zip(WINDOWS, (one, four, twenty_four), strict=True)
    return pl.concat([_statistics(frame, name, start) for name, frame in windows])


def _hours(readings: pl.LazyFrame) -> pl.DataFrame:
    """One row per compressor and hour with readings.

    For each sensor: n, mean, m2 (squared deviations from that mean), min, max.
    """
    parts = [
        part
        for sensor in PREFIXES
        for value in [pl.col(sensor)]
        for part in (
            value.count().cast(pl.Float64).alias(f"{sensor}_n"),
            value.mean().alias(f"{sensor}_mean"),
            (value.var(ddof=0) * value.count()).alias(f"{sensor}_m2"),
            value.min().alias(f"{sensor}_min"),
            value.max().alias(f"{sensor}_max"),
        )
    ]
    return (
        readings.select(contract.COMPRESSOR_ID, pl.col(contract.TIMESTAMP).dt.cast_time_unit("us").alias(_MARK), *PREFIXES)
        .with_columns(pl.col(_MARK).alias(_LAST))
        .sort(contract.COMPRESSOR_ID, _MARK)
        .group_by_dynamic(_MARK, every="1h", closed="right", label="right", group_by=contract.COMPRESSOR_ID)
        .agg(pl.len().cast(pl.Int32).alias("reading_count"), pl.col(_LAST).max(), *parts)
        .collect()
    )


def _even_grid(hours: pl.DataFrame, first: datetime, end: datetime) -> pl.DataFrame:
    """Every compressor with every hour mark of (first, end], one compressor below the other.

    An hour without readings counts 0.
    """
    marks = pl.datetime_range(first, end, "1h", closed="both", time_unit="us", time_zone="UTC", eager=True).dt.truncate("1h").alias(_MARK)
    wanted = marks.to_frame().filter(pl.col(_MARK) > first, pl.col(_MARK) <= end)
    grid = hours.select(pl.col(contract.COMPRESSOR_ID).unique().sort()).join(wanted, how="cross")
    filled = grid.join(hours, on=[contract.COMPRESSOR_ID, _MARK], how="left", maintain_order="left")
    weighted = [f"{sensor}_{part}" for sensor in PREFIXES for part in ("n", "mean", "m2")]
    return filled.with_columns(pl.col("reading_count", *weighted).fill_null(0))


def _together(recent: pl.DataFrame, older: pl.DataFrame, hours: int) -> pl.DataFrame:
    """Windows of `recent`, each joined with the window of `older` that ends `hours` earlier.

    n, mean and m2 of two sets give those of their union (Chan, Golub and LeVeque 1983). In the first 24 hours
    of a compressor, rows include its neighbour's readings. They are not after `start`, so `_statistics`
    leaves them out.
    """
    before = older.select(pl.exclude(contract.COMPRESSOR_ID, _MARK).shift(hours).name.suffix(_BEFORE))
    parts = [pl.col("reading_count") + pl.col(f"reading_count{_BEFORE}").fill_null(0), pl.max_horizontal(_LAST, f"{_LAST}{_BEFORE}")]
    for sensor in PREFIXES:
        n, mean, m2 = (pl.col(f"{sensor}_{part}") for part in ("n", "mean", "m2"))
        older_n, older_mean, older_m2 = (pl.col(f"{sensor}_{part}{_BEFORE}").fill_null(0) for part in ("n", "mean", "m2"))
        total = (n + older_n).clip(lower_bound=1)
        distance = mean - older_mean
        parts += [
            n + older_n,
            ((n * mean + older_n * older_mean) / total).alias(f"{sensor}_mean"),
            m2 + older_m2 + distance * distance * n * older_n / total,
            pl.min_horizontal(f"{sensor}_min", f"{sensor}_min{_BEFORE}"),
            pl.max_horizontal(f"{sensor}_max", f"{sensor}_max{_BEFORE}"),
        ]
    return pl.concat([recent, before], how="horizontal").select(contract.COMPRESSOR_ID, _MARK, *parts)


def _statistics(frame: pl.DataFrame, name: str, start: datetime) -> pl.DataFrame:
    """The warehouse's columns of one window, for marks after `start` with a reading."""
    columns: list[pl.Expr] = []
    for sensor, prefix in PREFIXES.items():
        n, mean, m2, low, high = (pl.col(f"{sensor}_{part}") for part in ("n", "mean", "m2", "min", "max"))
        columns += [
            pl.when(n > 0).then(mean).alias(f"{prefix}_avg"),
            pl.when((n > 1) & (low == high)).then(0.0).when(n > 1).then((m2 / (n - 1)).sqrt()).alias(f"{prefix}_std"),
            low.alias(f"{prefix}_min"),
            high.alias(f"{prefix}_max"),
        ]
    wanted = frame.filter(pl.col(_MARK) > start, pl.col("reading_count") > 0)
    return wanted.select(contract.COMPRESSOR_ID, pl.lit(name).alias("window_type"), _MARK, "reading_count", *columns, _LAST)
