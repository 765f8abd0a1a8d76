"""Alerts and quality metrics follow from the readings, in whatever order these came. Real lake, real PostgreSQL."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from deltalake import CommitProperties, write_deltalake

from config.settings import Settings
from features.contract import (
    DATA_FAULTS,
    DATE,
    DISCHARGE_TEMP,
    FROZEN,
    OPERATING_HOURS,
    PRESSURE_DIFFERENTIAL,
    SENSORS,
    TEMP_DELTA,
    TIMESTAMP,
    UNIT_CHANGE,
)
from features.increments import BuildState
from features.lake import COMPRESSORS, GOLD, REJECTS, SILVER, Interval, Lake
from features.sensor_health.fault import Fault, encode_faults
from pipelines.lakehouse.quality_sync import sync_quality
from pipelines.lakehouse.warehouse_sync import sync_reference
from serving.warehouse.connection import Warehouse
from serving.warehouse.migrations import migrated_warehouse
from tests.features.readings import HEALTHY, MONDAY, compressors, reading
from tests.folders import TemporaryDirectory

IDS = ("C-1", "C-2", "C-3")
REJECT_SCHEMA = {"kind": pl.String, "reason": pl.String, "compressor_id": pl.String, DATE: pl.Date}
# Values beyond every limit, by sensor.
VIOLATION = {
    "vibration_mms": 8.5,
    "discharge_temp_f": 245.0,
    "suction_pressure_psi": 25.0,
    "discharge_pressure_psi": 1320.0,
    "horsepower_consumption": 1810.0,
    "gas_flow_mcf": 5500.0,
}


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[Warehouse]:
    # not tmp_path: the embedded server's own user must be able to pass through, and pytest shuts its folders
    with TemporaryDirectory(prefix="altaviz-") as home, migrated_warehouse(settings.database, Path(home)) as warehouse:
        yield warehouse


@pytest.fixture
def warehouse(server: Warehouse, lake: Lake, settings: Settings) -> Warehouse:
    """Empty but for the fleet, which is in the lake too."""
    write_deltalake(lake.uri(COMPRESSORS), compressors(*IDS).to_arrow())
    with server.connection() as connection:
        connection.execute("TRUNCATE alert_history, data_quality_metrics, lake_sync")
    sync_reference(server, lake, settings.fleet)
    return server


def _store(lake: Lake, readings: pl.DataFrame, changed: list[Interval] | None) -> None:
    """The lake as a build leaves it that recomputed `changed`: silver, rejects (duplicates of the readings on the hour), gold last."""
    silver = readings.with_columns(pl.col(TIMESTAMP).dt.date().alias(DATE)).sort("compressor_id", TIMESTAMP)
    refused = silver.filter(pl.col(TIMESTAMP).dt.minute() == 0).select(
        pl.lit("row").alias("kind"), pl.lit("duplicate").alias("reason"), "compressor_id", DATE
    )
    undated = pl.DataFrame([("row", "missing_timestamp", "C-1", None)], schema=REJECT_SCHEMA, orient="row")
    difference = (pl.col("discharge_pressure_psi") - pl.col("suction_pressure_psi")).alias(PRESSURE_DIFFERENTIAL)
    rise = pl.when(pl.col("discharge_temp_f") > 240).then(25.0).otherwise(0.0).alias(TEMP_DELTA)
    gold = silver.select("compressor_id", TIMESTAMP, DATE, difference, rise)
    state = BuildState(0, datetime(2027, 1, 1, tzinfo=UTC), "", changed)
    for table, frame in ((SILVER, silver), (REJECTS, pl.concat([refused, undated])), (GOLD, gold)):
        written = CommitProperties(custom_metadata={"userMetadata": json.dumps(state.to_metadata())})
        write_deltalake(lake.uri(table), frame.to_arrow(), mode="overwrite", partition_by=[DATE], commit_properties=written)


def _troubled_fleet(draw: np.random.Generator, hours: int) -> pl.DataFrame:
    """Three compressors with spells of trouble in some sensors, storms in all, stops, nulls, silences and faults, at 5 to 30 minutes."""
    rows: list[dict[str, Any]] = []
    for name in IDS:
        step, trouble, faults = int(draw.choice([5, 10, 30])), set[str](), list[Fault]()
        silent_until, storm_until, stopped_until = -1, -1, -1
        for minute in range(0, hours * 60, step):
            if draw.random() < 0.06:
                trouble = set(draw.choice(SENSORS, size=int(draw.choice([0, 0, 0, 1, 2, 6])), replace=False))
            if draw.random() < 0.06:
                since = int((MONDAY + timedelta(minutes=minute)).timestamp() * 1_000_000)
                faulty = draw.choice(SENSORS, size=int(draw.choice([0, 0, 1, 2, 5, 6])), replace=False)
                faults = [Fault(str(sensor), str(draw.choice([FROZEN, FROZEN, UNIT_CHANGE])), since) for sensor in faulty]
                faults = [Fault(item.sensor, FROZEN, since) for item in faults] if len(faults) == len(SENSORS) else faults
            if draw.random() < 0.01:
                silent_until = minute + int(draw.integers(60, 900))
            if minute < silent_until:
                continue
            if draw.random() < 0.02:
                storm_until = minute + int(draw.integers(20, 60))
            if draw.random() < 0.005:
                stopped_until = minute + int(draw.integers(0, 120))
            violates = {sensor: minute <= storm_until or (sensor in trouble and draw.random() < 0.85) for sensor in SENSORS}
            values = {sensor: VIOLATION[sensor] if violates[sensor] else HEALTHY[sensor] for sensor in SENSORS}
            if minute <= stopped_until:
                values |= {"vibration_mms": 0.1, "horsepower_consumption": 30.0, "gas_flow_mcf": 0.0}
            nulls = dict.fromkeys(draw.choice(SENSORS, size=int(draw.random() < 0.1), replace=False))
            reported = encode_faults([item for item in faults if draw.random() < 0.9])
            rows.append({**reading(minute, name, **{**values, **nulls}), DATA_FAULTS: reported})
    schema = {
        "compressor_id": pl.String,
        TIMESTAMP: pl.Datetime("us", "UTC"),
        **dict.fromkeys((*SENSORS, OPERATING_HOURS), pl.Float64),
        DATA_FAULTS: pl.String,
    }
    return pl.DataFrame(rows, schema=schema)


def _sync(warehouse: Warehouse, lake: Lake, settings: Settings) -> dict[str, Any]:
    return sync_quality(warehouse, lake, settings, lambda *_, **__: None)


def _assert_as_if_new(warehouse: Warehouse, lake: Lake, settings: Settings) -> None:
    """Judging everything anew finds every row as it should be."""
    with warehouse.connection() as connection:
        connection.execute("TRUNCATE lake_sync")
    assert _sync(warehouse, lake, settings)["quality_rows_written"] == 0


def _extent(rows: pl.DataFrame) -> list[Interval]:
    # as a build does: what a reading reaches lies after it
    times: Any = rows[TIMESTAMP]
    return [Interval(times.min(), times.max() + timedelta(hours=72))] if len(rows) else []


@pytest.mark.parametrize("seed", [1, 2])
def test_readings_in_steps_late_and_corrected_end_in_the_rows_of_one_run(
    warehouse: Warehouse, lake: Lake, settings: Settings, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    readings = _troubled_fleet(draw, hours=60)
    arrives = pl.Series(draw.random(readings.height)) < 0.9
    present, steps = readings.clear(), [*np.sort(draw.choice(np.arange(1, 60), size=10, replace=False)), 60]
    for number, hour in enumerate(steps):
        until = MONDAY + timedelta(hours=int(hour))
        on_time = readings.filter(arrives, pl.col(TIMESTAMP) < until).join(present, on=["compressor_id", TIMESTAMP], how="anti")
        present = pl.concat([present, on_time])
        _store(lake, present, None if number == 0 else _extent(on_time))
        counts = _sync(warehouse, lake, settings)["alerts"]
        _assert_as_if_new(warehouse, lake, settings)
    assert counts["raised"] > 20
    assert counts["suppressed"] > 0
    assert counts["data_raised"] > 20
    late = readings.join(present, on=["compressor_id", TIMESTAMP], how="anti")
    for part in (late[::2], late[1::2]):
        present = pl.concat([present, part])
        _store(lake, present, _extent(part))
        _sync(warehouse, lake, settings)
        _assert_as_if_new(warehouse, lake, settings)
    corrected = present.sample(20, seed=seed)
    healed = corrected.with_columns(
        *(pl.lit(HEALTHY[sensor]).alias(sensor) for sensor in SENSORS), pl.lit(None, pl.String).alias(DATA_FAULTS)
    )
    gone = present.filter(pl.col(TIMESTAMP) > MONDAY + timedelta(hours=50))
    present = pl.concat([present.join(pl.concat([corrected, gone]), on=["compressor_id", TIMESTAMP], how="anti"), healed])
    _store(lake, present, [*_extent(corrected), *_extent(gone)])
    _sync(warehouse, lake, settings)
    _assert_as_if_new(warehouse, lake, settings)


def test_what_was_seen_is_not_judged_again_and_other_rules_judge_all_of_it(warehouse: Warehouse, lake: Lake, settings: Settings) -> None:
    _store(lake, _troubled_fleet(np.random.default_rng(5), hours=48), None)
    first = _sync(warehouse, lake, settings)
    assert _sync(warehouse, lake, settings) == {**first, "quality_rows_written": 0}
    strict = dataclasses.replace(settings)
    rules = settings.quality
    one = rules.alerts.most_per_window.model_copy(update={"value": 1.0})
    strict.__dict__["quality"] = rules.model_copy(update={"alerts": rules.alerts.model_copy(update={"most_per_window": one})})
    fewer = _sync(warehouse, lake, strict)
    assert fewer["alerts"]["suppressed"] > first["alerts"]["suppressed"]
    assert _sync(warehouse, lake, settings) == {**first, "quality_rows_written": fewer["quality_rows_written"]}


def test_memory_bounded_passes_find_the_same_alerts(warehouse: Warehouse, lake: Lake, settings: Settings) -> None:
    _store(lake, _troubled_fleet(np.random.default_rng(6), hours=24), None)
    _sync(warehouse, lake, settings)
    narrow = dataclasses.replace(settings)
    rules = settings.quality
    narrow.__dict__["quality"] = rules.model_copy(update={"alerts": rules.alerts.model_copy(update={"rows_per_pass": 1})})
    assert _sync(warehouse, lake, narrow)["quality_rows_written"] == 0


def test_a_failed_check_and_rows_without_a_time_are_reported(warehouse: Warehouse, lake: Lake, settings: Settings) -> None:
    _store(lake, _troubled_fleet(np.random.default_rng(7), hours=6).filter(pl.col("compressor_id") != "C-3"), None)
    quality = _sync(warehouse, lake, settings)["quality"]
    failed = {row["metric_name"]: row for row in quality["failed_on_newest_day"]}
    assert quality["newest_day"] == "2026-03-02"
    assert {"accuracy_unplaced_rows", "consistency_duplicates", "freshness_stale_compressors"} <= failed.keys()
    assert failed["freshness_stale_compressors"]["limit"] == settings.quality.checks.freshness_stale_compressors.value


def test_a_fault_raises_a_data_alert_and_fails_a_check_and_both_name_it(warehouse: Warehouse, lake: Lake, settings: Settings) -> None:
    since = int(MONDAY.timestamp() * 1_000_000)
    text = encode_faults([Fault(DISCHARGE_TEMP, UNIT_CHANGE, since, "degC")])
    schema = {"compressor_id": pl.String, TIMESTAMP: pl.Datetime("us", "UTC"), **dict.fromkeys((*SENSORS, OPERATING_HOURS), pl.Float64)}
    rows = [reading(10 * number, name) for name in IDS for number in range(12)]
    faulty = (pl.col("compressor_id") == "C-2") & (pl.col(TIMESTAMP) >= MONDAY + timedelta(hours=1))
    refused = pl.when(~faulty).then(DISCHARGE_TEMP).alias(DISCHARGE_TEMP)
    _store(lake, pl.DataFrame(rows, schema=schema).with_columns(refused, pl.when(faulty).then(pl.lit(text)).alias(DATA_FAULTS)), None)
    found = _sync(warehouse, lake, settings)
    assert (found["alerts"]["raised"], found["alerts"]["data_raised"], found["alerts"]["data_open"]) == (0, 1, 1)
    failed = {row["metric_name"]: row["failing"] for row in found["quality"]["failed_on_newest_day"]}
    assert failed["accuracy_sensor_faults"] == {"C-2": [{"sensor": DISCHARGE_TEMP, "fault": UNIT_CHANGE, "since": "2026-03-02T00:00:00Z"}]}
    query = "SELECT compressor_id, alert_type, source, severity, alert_timestamp, value, acknowledged_by FROM alert_history"
    with warehouse.connection() as connection:
        connection.execute("UPDATE alert_history SET acknowledged_at = now(), acknowledged_by = 'planner'")
        connection.execute("TRUNCATE lake_sync")
    _sync(warehouse, lake, settings)
    with warehouse.connection() as connection:
        stored = connection.execute(query).fetchall()
    assert stored == [("C-2", "discharge_temp_f_unit_change", "data", "warning", MONDAY + timedelta(hours=1), None, "planner")]


def test_a_lake_built_before_faults_were_kept_has_none(warehouse: Warehouse, lake: Lake, settings: Settings) -> None:
    _store(lake, _troubled_fleet(np.random.default_rng(7), hours=6).drop(DATA_FAULTS), None)
    assert _sync(warehouse, lake, settings)["alerts"]["data_raised"] == 0
