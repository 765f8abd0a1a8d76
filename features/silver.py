"""Silver: readings that can be trusted. A bad row is rejected, a bad value is nulled; both are kept, with the reason, in `rejects`.

Row reasons, the first that holds: missing_compressor_id, missing_timestamp, unknown_compressor, future_timestamp,
all_sensors_null, duplicate (the last loaded wins). Value reasons: out_of_range, isolated_spike.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import TYPE_CHECKING

from config.etl import EtlConfig, OutlierConfig
from config.thresholds import ThresholdsConfig
from features.contract import (
    ALL_SENSORS_NULL,
    COMPRESSOR_ID,
    DATE,
    DUPLICATE,
    FILE_SEQ,
    FUTURE_TIMESTAMP,
    ISOLATED_SPIKE,
    LOADED_AT,
    MISSING_COMPRESSOR_ID,
    MISSING_TIMESTAMP,
    OPERATING_HOURS,
    OUT_OF_RANGE,
    RAW_PREFIX,
    REASON,
    SENSORS,
    SOURCE_FILE,
    SOURCE_ROW,
    SPIKE_PREFIX,
    TIMESTAMP,
    UNKNOWN_COMPRESSOR,
)
from features.kernels import judge_spikes

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame


def clean(bronze: DataFrame, compressors: DataFrame, etl: EtlConfig, thresholds: ThresholdsConfig) -> DataFrame:
    """Judge every bronze row.

    `bronze` holds READING_FIELDS and their origin; `compressors` one row per known compressor. Returns one row per bronze row:
    compressor_id, timestamp, date, sensors with bad values nulled, operating_hours, `reason` (null: keep), the raw
    sensor values `_raw_*`, the spike verdicts `_spike_*` and the origin. Persist it before taking `silver_rows` and `rejects` from it.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    known = F.broadcast(compressors.select(F.col(COMPRESSOR_ID), F.lit(True).alias("_known")))
    raw = bronze.select(
        COMPRESSOR_ID,
        TIMESTAMP,
        *(F.nanvl(F.col(sensor), F.lit(None).cast("double")).alias(f"{RAW_PREFIX}{sensor}") for sensor in SENSORS),
        F.nanvl(F.col(OPERATING_HOURS), F.lit(None).cast("double")).alias(OPERATING_HOURS),
        SOURCE_FILE,
        SOURCE_ROW,
        FILE_SEQ,
        LOADED_AT,
    )
    judged = raw.join(known, on=COMPRESSOR_ID, how="left").withColumn("_row_reason", _row_reason(etl.ingest.clock_skew_minutes))
    # one shuffle serves all: duplicates and spikes are both questions within a compressor
    placed = judged.repartition(COMPRESSOR_ID)
    same_reading = Window.partitionBy(COMPRESSOR_ID, TIMESTAMP, F.col("_row_reason").isNull()).orderBy(F.desc(FILE_SEQ), F.desc(SOURCE_ROW))
    ranked = placed.withColumn("_rank", F.when(F.col("_row_reason").isNull(), F.row_number().over(same_reading)))
    selected = ranked.select(
        COMPRESSOR_ID,
        TIMESTAMP,
        F.to_date(TIMESTAMP).alias(DATE),
        *(_in_range(sensor, thresholds).alias(sensor) for sensor in SENSORS),
        OPERATING_HOURS,
        F.coalesce("_row_reason", F.when(F.col("_rank") > 1, DUPLICATE)).alias(REASON),
        *(f"{RAW_PREFIX}{sensor}" for sensor in SENSORS),
        SOURCE_FILE,
        SOURCE_ROW,
    )
    return _mark_spikes(selected.sortWithinPartitions(COMPRESSOR_ID, TIMESTAMP), etl.outliers, etl.spark.rows_per_chunk)


def silver_rows(cleaned: DataFrame) -> DataFrame:
    """The rows to keep, as silver stores them."""
    from pyspark.sql import functions as F

    kept = cleaned.where(F.col(REASON).isNull())
    values = (F.when(~F.col(f"{SPIKE_PREFIX}{sensor}"), F.col(sensor)).alias(sensor) for sensor in SENSORS)
    return kept.select(COMPRESSOR_ID, TIMESTAMP, DATE, *values, OPERATING_HOURS)


def rejects(cleaned: DataFrame) -> DataFrame:
    """What was refused: one row per rejected row (kind `row`) and per nulled value (kind `value`, with `sensor` and `value`)."""
    from pyspark.sql import functions as F

    def nulled(sensor: str) -> Column:
        raw, verdict = F.col(f"{RAW_PREFIX}{sensor}"), F.col(f"{SPIKE_PREFIX}{sensor}")
        reason = F.when(raw.isNotNull() & F.col(sensor).isNull(), OUT_OF_RANGE).when(verdict, ISOLATED_SPIKE)
        return F.struct(F.lit("value").alias("kind"), reason.alias("why"), F.lit(sensor).alias("sensor"), raw.alias("value"))

    whole_row = F.struct(
        F.lit("row").alias("kind"),
        F.col(REASON).alias("why"),
        F.lit(None).cast("string").alias("sensor"),
        F.lit(None).cast("double").alias("value"),
    )
    refusals = F.when(F.col(REASON).isNotNull(), F.array(whole_row)).otherwise(
        F.filter(F.array(*map(nulled, SENSORS)), lambda item: item["why"].isNotNull())
    )
    return cleaned.withColumn("_refusal", F.explode(refusals)).select(
        F.col("_refusal.kind").alias("kind"),
        F.col("_refusal.why").alias(REASON),
        COMPRESSOR_ID,
        TIMESTAMP,
        DATE,
        F.col("_refusal.sensor").alias("sensor"),
        F.col("_refusal.value").alias("value"),
        *(F.col(f"{RAW_PREFIX}{sensor}").alias(sensor) for sensor in SENSORS),
        OPERATING_HOURS,
        F.col(SOURCE_FILE).alias("source_file"),
        F.col(SOURCE_ROW).alias("source_row"),
    )


def _row_reason(clock_skew_minutes: float) -> Column:
    from pyspark.sql import functions as F

    allowed = F.col(LOADED_AT) + F.make_dt_interval(secs=F.lit(clock_skew_minutes * 60.0))
    nothing_measured = reduce(lambda left, right: left & right, (F.col(f"{RAW_PREFIX}{sensor}").isNull() for sensor in SENSORS))
    return (
        F.when(F.col(COMPRESSOR_ID).isNull(), MISSING_COMPRESSOR_ID)
        .when(F.col(TIMESTAMP).isNull(), MISSING_TIMESTAMP)
        .when(F.col("_known").isNull(), UNKNOWN_COMPRESSOR)
        .when(F.col(TIMESTAMP) > allowed, FUTURE_TIMESTAMP)
        .when(nothing_measured, ALL_SENSORS_NULL)
    )


def _in_range(sensor: str, thresholds: ThresholdsConfig) -> Column:
    from pyspark.sql import functions as F

    physical = thresholds.sensors[sensor].physical
    raw = F.col(f"{RAW_PREFIX}{sensor}")
    return F.when(raw.between(physical.low, physical.high), raw)


def _mark_spikes(selected: DataFrame, config: OutlierConfig, rows_per_chunk: int) -> DataFrame:
    """Add a verdict column per sensor. Partitions must hold whole compressors, ascending by time; rows with a reason are no evidence."""
    from pyspark.sql.types import BooleanType, StructField, StructType

    schema = StructType([*selected.schema.fields, *(StructField(f"{SPIKE_PREFIX}{sensor}", BooleanType(), False) for sensor in SENSORS)])

    # bound as defaults: the workers get the kernel and its settings, not this module
    def judge(batches: Iterator[pa.RecordBatch], config: OutlierConfig = config, rows: int = rows_per_chunk) -> Iterator[pa.RecordBatch]:
        return judge_spikes(batches, config, rows)

    return selected.mapInArrow(judge, schema)
