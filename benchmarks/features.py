"""Computes gold's windows with other engines: Spark's own sliding frames, and DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import polars as pl
from pyspark.sql import Window
from pyspark.sql import functions as F

from features.contract import COMPRESSOR_ID, DATA_FAULTS, DISCHARGE_TEMP, ROLLING_FEATURES, TEMP_DELTA, TIMESTAMP, RollingFeature
from features.kernels import ROLLED_FEATURES, ROLLED_SENSORS
from features.rolling import MICROSECONDS_PER_HOUR

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_AGGREGATE = {"mean": "avg", "std": "stddev_samp", "max": "max"}
_MICROSECONDS_PER_SECOND = 1_000_000


def range_between(silver: DataFrame, delta_tolerance_s: float) -> DataFrame:
    """ROLLED_FEATURES by Spark's own `rangeBetween` frames, beside ROLLED_SENSORS.

    The temperature delta takes the first reading within the tolerance around one hour before. Where readings
    are further apart than the tolerance, that is the nearest one.
    """
    series = Window.partitionBy(COMPRESSOR_ID).orderBy(F.unix_micros(TIMESTAMP))

    def rolled(feature: RollingFeature) -> Column:
        frame = series.rangeBetween(1 - feature.hours * MICROSECONDS_PER_HOUR, 0)
        return getattr(F, _AGGREGATE[feature.statistic])(feature.sensor).over(frame).alias(feature.name)

    slack = int(delta_tolerance_s * _MICROSECONDS_PER_SECOND)
    hour_before = series.rangeBetween(-MICROSECONDS_PER_HOUR - slack, -MICROSECONDS_PER_HOUR + slack)
    delta = F.col(DISCHARGE_TEMP) - F.first(DISCHARGE_TEMP).over(hour_before)
    return silver.select(COMPRESSOR_ID, TIMESTAMP, DATA_FAULTS, *ROLLED_SENSORS, *map(rolled, ROLLING_FEATURES), delta.alias(TEMP_DELTA))


def duckdb_windows(silver_files: list[str], target: Path, delta_tolerance_s: float, threads: int) -> None:
    """ROLLED_FEATURES by DuckDB's range frames.

    Readings come from `silver_files` (Parquet). The result goes to `target` (Parquet).
    """

    def rolled(feature: RollingFeature) -> str:
        return f"{_AGGREGATE[feature.statistic]}({feature.sensor}) OVER h{feature.hours} AS {feature.name}"

    hours = sorted({feature.hours for feature in ROLLING_FEATURES})
    series = f"PARTITION BY {COMPRESSOR_ID} ORDER BY us"
    frames = [f"h{hour} AS ({series} RANGE BETWEEN {hour * MICROSECONDS_PER_HOUR - 1} PRECEDING AND CURRENT ROW)" for hour in hours]
    slack = int(delta_tolerance_s * _MICROSECONDS_PER_SECOND)
    before = f"{series} RANGE BETWEEN {MICROSECONDS_PER_HOUR + slack} PRECEDING AND {MICROSECONDS_PER_HOUR - slack} PRECEDING"
    columns = [*map(rolled, ROLLING_FEATURES), f"{DISCHARGE_TEMP} - first({DISCHARGE_TEMP}) OVER ({before}) AS {TEMP_DELTA}"]
    files = ", ".join(f"'{file}'" for file in silver_files)
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.execute(
            f"COPY (SELECT {COMPRESSOR_ID}, {TIMESTAMP}, {', '.join(columns)}"
            f" FROM (SELECT *, epoch_us({TIMESTAMP}) AS us FROM read_parquet([{files}])) WINDOW {', '.join(frames)})"
            f" TO '{target}' (FORMAT parquet)"
        )


def largest_difference(ours: pl.LazyFrame, theirs: pl.LazyFrame, compressor_ids: list[str]) -> float:
    """Largest absolute difference of any of ROLLED_FEATURES over readings of `compressor_ids`.

    Infinite where only one side has a value.
    """
    columns = [COMPRESSOR_ID, TIMESTAMP, *ROLLED_FEATURES]
    sampled = (
        frame.filter(pl.col(COMPRESSOR_ID).is_in(compressor_ids)).select(columns).sort(COMPRESSOR_ID, TIMESTAMP).collect()
        for frame in (ours, theirs)
    )
    left, right = (frame.select(ROLLED_FEATURES).fill_null(np.nan).to_numpy() for frame in sampled)
    if left.shape != right.shape or (np.isnan(left) != np.isnan(right)).any():
        return float("inf")
    return float(np.nanmax(np.abs(left - right)))
