"""Silver: readings that can be trusted.

A bad row is rejected, a bad value is nulled. `rejects` keeps both, with the reason.

Row reasons, of which the first that holds counts:

- withdrawn
- missing_compressor_id
- missing_timestamp
- implausible_timestamp
- unknown_compressor
- future_timestamp
- all_sensors_null
- merged: its values complete a row of the same compressor and time
- duplicate: the last loaded wins

Value reasons: out_of_range, a fault of the sensor (features/sensor_health), isolated_spike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StringType, StructField, StructType

from config.sections.etl import EtlConfig
from features.contract import (
    ALL_SENSORS_NULL,
    COMPRESSOR_ID,
    DATA_FAULTS,
    DATE,
    FILE_SEQ,
    FLAGGED_BAD_SENSORS,
    FUTURE_TIMESTAMP,
    IMPLAUSIBLE_TIMESTAMP,
    LOADED_AT,
    MISSING_COMPRESSOR_ID,
    MISSING_TIMESTAMP,
    OPERATING_HOURS,
    RAW_PREFIX,
    REASON,
    SENSORS,
    SOURCE_FILE,
    SOURCE_ROW,
    SOURCE_SHA256,
    TIMESTAMP,
    UNKNOWN_COMPRESSOR,
    VERDICT_PREFIX,
    WITHDRAWN,
)
from features.kernels import JudgeRules, judge_readings
from features.sensor_health.settings import HealthRules

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame


@dataclass(frozen=True)
class SilverRules:
    """The rules that rows and values are judged by.

    `withdrawn` are the SHA-256 of withdrawn files.
    """

    etl: EtlConfig
    health: HealthRules
    withdrawn: frozenset[str] = frozenset()
    known: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)  # JudgeRules.known


def clean(bronze: DataFrame, compressors: DataFrame, rules: SilverRules) -> DataFrame:
    """Judge every bronze row; one row out per row in.

    `bronze` holds READING_FIELDS and their origin. `compressors` has one row per known compressor. The result
    has compressor_id, timestamp, date, sensors with bad values nulled, operating_hours and data_faults.
    Further columns are `reason` (null: keep), raw values `_raw_*`, verdicts `_verdict_*` and the origin.
    Persist it before calling `silver_rows` and `rejects`.
    """
    known = F.broadcast(compressors.select(F.col(COMPRESSOR_ID), F.lit(True).alias("_known")))
    flagged = F.col(FLAGGED_BAD_SENSORS) if FLAGGED_BAD_SENSORS in bronze.columns else F.lit(None).cast("string")
    raw = bronze.select(
        COMPRESSOR_ID,
        TIMESTAMP,
        *(F.nanvl(F.col(sensor), F.lit(None).cast("double")).alias(f"{RAW_PREFIX}{sensor}") for sensor in SENSORS),
        F.nanvl(F.col(OPERATING_HOURS), F.lit(None).cast("double")).alias(OPERATING_HOURS),
        flagged.alias(FLAGGED_BAD_SENSORS),
        SOURCE_FILE,
        SOURCE_ROW,
        SOURCE_SHA256,
        FILE_SEQ,
        LOADED_AT,
    )
    judged = raw.join(known, on=COMPRESSOR_ID, how="left").select(
        COMPRESSOR_ID,
        TIMESTAMP,
        F.to_date(TIMESTAMP).alias(DATE),
        OPERATING_HOURS,
        FLAGGED_BAD_SENSORS,
        _row_reason(rules).alias(REASON),
        *(f"{RAW_PREFIX}{sensor}" for sensor in SENSORS),
        SOURCE_FILE,
        SOURCE_ROW,
        FILE_SEQ,
    )
    # one shuffle serves all: merging rows, spikes and faults are all questions within a compressor
    placed = judged.repartition(COMPRESSOR_ID).sortWithinPartitions(COMPRESSOR_ID, TIMESTAMP, FILE_SEQ, SOURCE_ROW)
    return _judge(placed, JudgeRules(rules.etl.outliers, rules.health, rules.known), rules.etl.spark.rows_per_chunk)


def silver_rows(cleaned: DataFrame) -> DataFrame:
    """The rows to keep, as silver stores them."""
    return cleaned.where(F.col(REASON).isNull()).select(COMPRESSOR_ID, TIMESTAMP, DATE, *SENSORS, OPERATING_HOURS, DATA_FAULTS)


def rejects(cleaned: DataFrame) -> DataFrame:
    """What was refused: one row per rejected row and per nulled value.

    `kind` is `row` or `value`. A value also has `sensor` and `value`.
    """

    def nulled(sensor: str) -> Column:
        verdict, raw = F.col(f"{VERDICT_PREFIX}{sensor}"), F.col(f"{RAW_PREFIX}{sensor}")
        return F.struct(F.lit("value").alias("kind"), verdict.alias("why"), F.lit(sensor).alias("sensor"), raw.alias("value"))

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


def _row_reason(rules: SilverRules) -> Column:
    ingest = rules.etl.ingest
    allowed = F.col(LOADED_AT) + F.make_dt_interval(secs=F.lit(ingest.clock_skew_minutes * 60.0))
    nothing_measured = reduce(lambda left, right: left & right, (F.col(f"{RAW_PREFIX}{sensor}").isNull() for sensor in SENSORS))
    return (
        F.when(F.col(SOURCE_SHA256).isin(sorted(rules.withdrawn)), WITHDRAWN)
        .when(F.col(COMPRESSOR_ID).isNull(), MISSING_COMPRESSOR_ID)
        .when(F.col(TIMESTAMP).isNull(), MISSING_TIMESTAMP)
        .when(F.col(TIMESTAMP) < F.lit(ingest.earliest), IMPLAUSIBLE_TIMESTAMP)
        .when(F.col("_known").isNull(), UNKNOWN_COMPRESSOR)
        .when(F.col(TIMESTAMP) > allowed, FUTURE_TIMESTAMP)
        .when(nothing_measured, ALL_SENSORS_NULL)
    )


def _judge(placed: DataFrame, rules: JudgeRules, rows_per_chunk: int) -> DataFrame:
    """Add the verdicts.

    Partitions must hold whole compressors, ascending by time and loading. Rows with a reason are no evidence.
    """
    added = [
        item for sensor in SENSORS for item in (StructField(sensor, DoubleType()), StructField(f"{VERDICT_PREFIX}{sensor}", StringType()))
    ]
    schema = StructType([*placed.schema.fields, *added, StructField(DATA_FAULTS, StringType())])

    # bound as defaults: the workers get the kernel and its settings, not this module
    def judge(batches: Iterator[pa.RecordBatch], rules: JudgeRules = rules, rows: int = rows_per_chunk) -> Iterator[pa.RecordBatch]:
        return judge_readings(batches, rules, rows)

    return placed.mapInArrow(judge, schema)
