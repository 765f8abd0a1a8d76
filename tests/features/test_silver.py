from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest

from features.build import Rules
from features.contract import (
    COMPRESSOR_ID,
    DATA_FAULTS,
    DATE,
    FILE_SEQ,
    LOADED_AT,
    OPERATING_HOURS,
    SENSORS,
    SOURCE_FILE,
    SOURCE_ROW,
    SOURCE_SHA256,
    TIMESTAMP,
)
from features.silver import SilverRules, clean, rejects, silver_rows
from tests.features.readings import LOADED_AT as LOADED
from tests.features.readings import MONDAY, READING_SCHEMA, compressors, reading, series

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOTHING = dict.fromkeys(SENSORS, None)
ORIGIN = [
    (SOURCE_FILE, pa.string()),
    (SOURCE_SHA256, pa.string()),
    (SOURCE_ROW, pa.int64()),
    (FILE_SEQ, pa.int64()),
    (LOADED_AT, pa.timestamp("us", tz="UTC")),
]
SCHEMA = pa.schema([*READING_SCHEMA, *(pa.field(name, kind) for name, kind in ORIGIN)])


def _clean(spark: SparkSession, rules: Rules, rows: list[dict[str, Any]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(silver, rejects) of bronze rows that came in this order in one file, where a row does not say otherwise."""
    origin = {SOURCE_FILE: "a.parquet", SOURCE_SHA256: "a1", FILE_SEQ: 0, LOADED_AT: LOADED}
    bronze = pa.Table.from_pylist([{**origin, SOURCE_ROW: position, **row} for position, row in enumerate(rows)], schema=SCHEMA)
    known = spark.createDataFrame(compressors("C-1", "C-2").to_arrow())
    cleaned = clean(spark.createDataFrame(bronze), known, SilverRules(rules.etl, rules.health)).persist()
    try:
        silver, refused = (pl.from_arrow(part(cleaned).toArrow()) for part in (silver_rows, rejects))
    finally:
        cleaned.unpersist()
    assert isinstance(silver, pl.DataFrame)
    assert isinstance(refused, pl.DataFrame)
    assert silver.height + refused.filter(kind="row").height == len(rows), "rows read = rows kept + rows rejected"
    return silver.sort(COMPRESSOR_ID, TIMESTAMP), refused.sort("source_row", "sensor")


def _reasons(refused: pl.DataFrame) -> dict[int, str]:
    return dict(refused.filter(kind="row").select("source_row", "reason").iter_rows())


def test_bad_row_is_rejected_with_the_first_reason_that_holds(spark: SparkSession, rules: Rules) -> None:
    late = (LOADED - MONDAY) / timedelta(minutes=1) + rules.etl.ingest.clock_skew_minutes
    rows = [
        reading(None, None, **NOTHING),
        reading(late + 1, None),
        reading(None, "C-9", **NOTHING),
        reading(late + 1, "C-9", **NOTHING),
        reading(late + 1, **NOTHING),
        reading(late),  # as late as a skewed clock may be
        reading(10, **NOTHING),
        reading(10),
        reading(10),
        reading(0, suction_pressure_psi=None, vibration_mms=None),
    ]
    silver, refused = _clean(spark, rules, rows)
    assert _reasons(refused) == {
        0: "missing_compressor_id",
        1: "missing_compressor_id",
        2: "missing_timestamp",
        3: "unknown_compressor",
        4: "future_timestamp",
        6: "all_sensors_null",
        7: "duplicate",
    }
    assert silver[TIMESTAMP].to_list() == [MONDAY, MONDAY + timedelta(minutes=10), MONDAY + timedelta(minutes=late)]
    assert silver.columns == [COMPRESSOR_ID, TIMESTAMP, DATE, *SENSORS, OPERATING_HOURS, DATA_FAULTS]


def test_last_loaded_of_two_readings_wins_and_only_whole_readings_compete(spark: SparkSession, rules: Rules) -> None:
    newer = {FILE_SEQ: 2, SOURCE_FILE: "b.parquet"}
    rows = [
        {**reading(0, vibration_mms=3.3), **newer},
        reading(0, vibration_mms=3.1),
        reading(0, vibration_mms=3.2),
        {**reading(0, **NOTHING), FILE_SEQ: 3},
        reading(0, "C-2", vibration_mms=3.5),
    ]
    silver, refused = _clean(spark, rules, rows)
    assert silver["vibration_mms"].to_list() == [3.3, 3.5]
    assert _reasons(refused) == {1: "duplicate", 2: "duplicate", 3: "all_sensors_null"}
    assert refused["vibration_mms"].to_list() == [3.1, 3.2, None]  # what was refused is kept as it came


def test_value_no_sensor_can_measure_is_nulled_and_kept_in_the_rejects(spark: SparkSession, rules: Rules) -> None:
    rows = [
        reading(0, vibration_mms=-0.1, discharge_temp_f=1000.5),
        reading(10, vibration_mms=0.0, discharge_temp_f=1000.0, gas_flow_mcf=float("nan")),
        reading(20, horsepower_consumption=float("inf")),
    ]
    silver, refused = _clean(spark, rules, rows)
    assert silver["vibration_mms"].to_list() == [None, 0.0, 3.0]
    assert silver["discharge_temp_f"].to_list() == [None, 1000.0, 200.0]
    assert silver["gas_flow_mcf"].to_list() == [10000.0, None, 10000.0]
    assert refused.select("kind", "reason", "source_row", "sensor", "value").rows() == [
        ("value", "out_of_range", 0, "discharge_temp_f", 1000.5),
        ("value", "out_of_range", 0, "vibration_mms", -0.1),
        ("value", "out_of_range", 2, "horsepower_consumption", float("inf")),
    ]


def test_reading_with_nothing_but_impossible_values_is_kept_as_a_row(spark: SparkSession, rules: Rules) -> None:
    silver, refused = _clean(spark, rules, [reading(0, **dict.fromkeys(SENSORS, -1e6))])
    assert silver.select(SENSORS).row(0) == (None,) * 6
    assert refused["reason"].to_list() == ["out_of_range"] * 6


def test_isolated_spike_is_nulled_with_its_value_kept_and_a_lasting_level_stays(spark: SparkSession, rules: Rules) -> None:
    calm = [3.0, 3.1, 2.9, 3.05, 2.95, 3.0, 3.1, 2.9]
    rows = [*series([*calm, 12.0, *calm]), *series([*calm, 12.0, 12.1, 12.2, 11.9], compressor_id="C-2")]
    silver, refused = _clean(spark, rules, rows)
    assert silver.filter(compressor_id="C-1")["vibration_mms"].to_list() == [*calm, None, *calm]
    assert silver.filter(compressor_id="C-2")["vibration_mms"].to_list() == [*calm, None, 12.1, 12.2, 11.9]
    assert refused.select("reason", "source_row", "sensor", "value").rows() == [
        ("isolated_spike", 8, "vibration_mms", 12.0),
        ("isolated_spike", len(calm) * 3 + 1, "vibration_mms", 12.0),
    ]


def test_rejected_reading_does_not_turn_its_neighbour_into_a_lasting_level(spark: SparkSession, rules: Rules) -> None:
    rows = series([3.0, 3.1, 2.9, 3.05, 2.95, 3.0, 3.1, 12.0, 3.0])
    rows.insert(7, {**rows[7], SOURCE_ROW: -1, "vibration_mms": 12.0})  # the same moment once more, loaded before
    silver, _ = _clean(spark, rules, rows)
    assert silver["vibration_mms"].to_list()[7] is None


def test_only_sensors_that_spiked_lose_their_value(spark: SparkSession, rules: Rules) -> None:
    rows = series([3.0, 3.1, 2.9, 3.05, 2.95, 3.0, 3.1, 12.0])
    silver, _ = _clean(spark, rules, rows)
    assert silver.row(7, named=True) | {"vibration_mms": None} == silver.row(7, named=True)
    assert silver["discharge_temp_f"].to_list()[7] == pytest.approx(200.0)
