from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from config.sections.thresholds import LimitOverride, SensorOverride
from features.build import Rules
from features.contract import COMPRESSOR_ID, DATA_FAULTS, FEATURES, TIMESTAMP
from features.gold import GOLD_COLUMNS, build_features, compressor_limits
from features.kernels import ROLLED_FEATURES, ROLLED_SENSORS, compressor_codes, float_column, timestamps_us
from features.rolling import rolling_features
from tests.features.readings import compressors, noisy_fleet, reading, reading_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


FAULT = '[["gas_flow_mcf","zero",0,null]]'


def _gold(spark: SparkSession, rules: Rules, rows: list[dict[str, Any]], fleet: pl.DataFrame | None = None) -> pl.DataFrame:
    known = compressors("C-1", "C-2", "C-3") if fleet is None else fleet
    limits = spark.createDataFrame(compressor_limits(known, rules.fleet, rules.thresholds).to_arrow())
    silver = reading_table(rows).append_column(DATA_FAULTS, pa.array([FAULT] * len(rows), pa.string()))
    built = pl.from_arrow(build_features(spark.createDataFrame(silver), limits, rules.etl, rules.thresholds).toArrow())
    assert isinstance(built, pl.DataFrame)
    return built.sort(COMPRESSOR_ID, TIMESTAMP)


def _at(moment: str, **values: float | None) -> dict[str, Any]:
    return {**reading(0, **values), TIMESTAMP: datetime.fromisoformat(moment).replace(tzinfo=UTC)}


def test_gold_holds_the_contract_and_nothing_else(spark: SparkSession, rules: Rules) -> None:
    gold = _gold(spark, rules, [reading(0)])
    assert tuple(gold.columns) == GOLD_COLUMNS
    assert len(FEATURES) == 24
    assert gold.row(0, named=True) == {
        "compressor_id": "C-1",
        "timestamp": datetime(2026, 3, 2, tzinfo=UTC),
        "date": datetime(2026, 3, 2).date(),
        **dict.fromkeys(ROLLED_FEATURES),
        **{f"vibration_{name}": 3.0 for name in ("1hr_mean", "1hr_max", "4hr_mean", "24hr_mean")},
        **{f"temp_{name}": 200.0 for name in ("1hr_mean", "4hr_mean", "24hr_mean")},
        **{f"pressure_{name}": 1000.0 for name in ("1hr_mean", "4hr_mean", "24hr_mean")},
        "pressure_differential": 940.0,
        "vibration_status": "normal",
        "temp_status": "normal",
        "pressure_status": "normal",
        "hour_of_day": 18,  # Sunday evening in Texas
        "day_of_week": 7,
        "is_weekend": 1,
        "data_faults": FAULT,
    }


def test_readings_in_any_order_give_the_features_of_the_kernel(spark: SparkSession, rules: Rules) -> None:
    rows = [row for row in noisy_fleet(3, 3) if row["vibration_mms"] is None or row["vibration_mms"] > 0]
    table = reading_table(rows).sort_by([(COMPRESSOR_ID, "ascending"), (TIMESTAMP, "ascending")])
    sensors = {sensor: float_column(table, sensor) for sensor in ROLLED_SENSORS}
    expected = rolling_features(compressor_codes(table), timestamps_us(table), sensors, rules.etl.gold.delta_tolerance_s)
    shuffled = [rows[position] for position in np.random.default_rng(0).permutation(len(rows))]
    gold = _gold(spark, rules, shuffled)
    for name in ROLLED_FEATURES:
        np.testing.assert_array_equal(gold[name].fill_null(np.nan).to_numpy(), expected[name], err_msg=name)
    assert gold["pressure_differential"].null_count() == table["discharge_pressure_psi"].null_count > 0


def test_status_includes_its_limit_and_is_unknown_without_a_value(spark: SparkSession, rules: Rules) -> None:
    values = [5.99, 6.0, 7.99, 8.0, None]
    gold = _gold(spark, rules, [reading(10 * position, vibration_mms=value) for position, value in enumerate(values)])
    assert gold["vibration_status"].to_list() == ["normal", "warning", "warning", "critical", None]


def test_limits_of_a_compressor_model_hold_for_that_model_only(spark: SparkSession, rules: Rules) -> None:
    lower = SensorOverride(warning=LimitOverride(value=5.0, source="maker's service letter"))
    thresholds = rules.thresholds.model_copy(update={"overrides": {"Ariel JGK/4": {"vibration_mms": lower}}})
    fleet = pl.concat([compressors("C-1"), compressors("C-2", model="Ariel JGK/4")])
    rows = [reading(0, name, vibration_mms=5.5) for name in ("C-1", "C-2")]
    gold = _gold(spark, dataclasses.replace(rules, thresholds=thresholds), rows, fleet)
    assert gold["vibration_status"].to_list() == ["normal", "warning"]


def test_low_direction_and_a_missing_critical_limit_are_respected(spark: SparkSession, rules: Rules) -> None:
    sensors = rules.thresholds.sensors
    low_only = sensors["gas_flow_mcf"].model_copy(update={"critical": None})  # direction low, warning 6000
    thresholds = rules.thresholds.model_copy(update={"sensors": {**sensors, "vibration_mms": low_only}})
    gold = _gold(
        spark, dataclasses.replace(rules, thresholds=thresholds), [reading(0, vibration_mms=6001.0), reading(10, vibration_mms=1.0)]
    )
    assert gold["vibration_status"].to_list() == ["normal", "warning"]


def test_calendar_is_the_stations_own_across_a_change_of_clocks(spark: SparkSession, rules: Rules) -> None:
    expected = {
        "2026-03-07T05:59": (23, 5, 0),
        "2026-03-07T06:00": (0, 6, 1),
        "2026-03-08T07:59": (1, 7, 1),  # Central Standard Time, UTC-6
        "2026-03-08T08:00": (3, 7, 1),  # a minute later clocks have jumped to UTC-5
        "2026-03-09T04:59": (23, 7, 1),
        "2026-03-09T05:00": (0, 1, 0),
        "2026-11-01T06:30": (1, 7, 1),  # the hour that comes twice
        "2026-11-01T07:30": (1, 7, 1),
    }
    gold = _gold(spark, rules, [_at(moment) for moment in expected])
    assert gold.select("hour_of_day", "day_of_week", "is_weekend").rows() == list(expected.values())


def test_compressor_of_an_unlisted_station_keeps_the_fleets_time(rules: Rules) -> None:
    eastern = rules.fleet.stations["STATION-A"].model_copy(update={"time_zone": "America/New_York"})
    fleet = rules.fleet.model_copy(update={"stations": {"STATION-A": eastern}})
    known = pl.concat([compressors("C-1"), compressors("C-2", station_id="STATION-Z")])
    assert compressor_limits(known, fleet, rules.thresholds)["_time_zone"].to_list() == ["America/New_York", "America/Chicago"]
