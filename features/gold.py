"""Gold: the 24 features of the contract for every silver reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructField, StructType

from config.sections.etl import EtlConfig
from config.sections.fleet import FleetConfig
from config.sections.thresholds import ThresholdsConfig
from features.contract import (
    COMPRESSOR_ID,
    DATA_FAULTS,
    DATE,
    DAY_OF_WEEK,
    DISCHARGE_PRESSURE,
    FEATURES,
    HOUR_OF_DAY,
    IS_WEEKEND,
    PRESSURE_DIFFERENTIAL,
    STATUS_FEATURES,
    STATUS_LEVELS,
    SUCTION_PRESSURE,
    TIMESTAMP,
)
from features.kernels import ROLLED_FEATURES, ROLLED_SENSORS, roll_features

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

GOLD_COLUMNS = (COMPRESSOR_ID, TIMESTAMP, DATE, *FEATURES, DATA_FAULTS)
_TIME_ZONE = "_time_zone"


def compressor_limits(compressors: pl.DataFrame, fleet: FleetConfig, thresholds: ThresholdsConfig) -> pl.DataFrame:
    """One row per compressor: its station's time zone, and the limits of each sensor with a status.

    The limits are warning and critical. A sensor without a critical limit gets an infinite one.
    """
    rows = []
    for compressor_id, model, station_id in compressors.select("compressor_id", "model", "station_id").iter_rows():
        station = fleet.stations.get(station_id or "")
        row: dict[str, str | float] = {COMPRESSOR_ID: compressor_id, _TIME_ZONE: station.time_zone if station else fleet.time_zone}
        for sensor in STATUS_FEATURES.values():
            limits = thresholds.limits(sensor, model)
            unreachable = float("inf") if limits.direction == "high" else float("-inf")
            row[f"_warning_{sensor}"] = limits.warning
            row[f"_critical_{sensor}"] = unreachable if limits.critical is None else limits.critical
        rows.append(row)
    return pl.DataFrame(rows)


def build_features(silver: DataFrame, limits: DataFrame, etl: EtlConfig, thresholds: ThresholdsConfig) -> DataFrame:
    """GOLD_COLUMNS for every row of `silver`, with the faults of its sensors beside the features.

    `silver` must also hold the look-back of its first rows. `limits` is the frame of `compressor_limits`. A
    feature is null where its window holds too little (features.rolling).
    """
    placed = (
        silver.select(COMPRESSOR_ID, TIMESTAMP, DATA_FAULTS, *ROLLED_SENSORS)
        .repartition(COMPRESSOR_ID)
        .sortWithinPartitions(COMPRESSOR_ID, TIMESTAMP)
    )
    return complete_features(_roll(placed, etl.gold.delta_tolerance_s, etl.spark.rows_per_chunk), limits, thresholds)


def complete_features(rolled: DataFrame, limits: DataFrame, thresholds: ThresholdsConfig) -> DataFrame:
    """GOLD_COLUMNS from rows that hold ROLLED_SENSORS and ROLLED_FEATURES.

    The added features need the row and its compressor, but no window.
    """
    local = F.from_utc_timestamp(TIMESTAMP, F.col(_TIME_ZONE))
    day = F.weekday(local) + 1
    return rolled.join(F.broadcast(limits), on=COMPRESSOR_ID, how="inner").select(
        COMPRESSOR_ID,
        TIMESTAMP,
        F.to_date(TIMESTAMP).alias(DATE),
        *ROLLED_FEATURES,
        (F.col(DISCHARGE_PRESSURE) - F.col(SUCTION_PRESSURE)).alias(PRESSURE_DIFFERENTIAL),
        *(_status(sensor, thresholds).alias(feature) for feature, sensor in STATUS_FEATURES.items()),
        F.hour(local).alias(HOUR_OF_DAY),
        day.alias(DAY_OF_WEEK),
        F.when(day >= 6, 1).otherwise(0).alias(IS_WEEKEND),
        DATA_FAULTS,
    )


def _status(sensor: str, thresholds: ThresholdsConfig) -> Column:
    """normal, warning or critical by the compressor's own limits; null without a value."""
    value, warning, critical = F.col(sensor), F.col(f"_warning_{sensor}"), F.col(f"_critical_{sensor}")
    high = thresholds.sensors[sensor].direction == "high"
    at_critical, at_warning = (value >= critical, value >= warning) if high else (value <= critical, value <= warning)
    normal, warned, alarmed = STATUS_LEVELS
    return F.when(value.isNull(), F.lit(None).cast("string")).when(at_critical, alarmed).when(at_warning, warned).otherwise(normal)


def _roll(placed: DataFrame, delta_tolerance_s: float, rows_per_chunk: int) -> DataFrame:
    """Add the rolling features to partitions of whole compressors, ascending by time."""
    schema = StructType([*placed.schema.fields, *(StructField(name, DoubleType()) for name in ROLLED_FEATURES)])

    # bound as defaults: the workers get the kernel and its settings, not this module
    def roll(
        batches: Iterator[pa.RecordBatch], tolerance: float = delta_tolerance_s, rows: int = rows_per_chunk
    ) -> Iterator[pa.RecordBatch]:
        return roll_features(batches, tolerance, rows)

    return placed.mapInArrow(roll, schema)
