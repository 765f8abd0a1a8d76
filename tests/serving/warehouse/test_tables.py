from __future__ import annotations

import threading
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from config.errors import WarehouseError
from features.aggregates import PREFIXES, hourly_aggregates
from serving.schemas import Compressor, LatestPrediction, MaintenanceEvent, Prediction, QualityMetric, StationRow
from serving.warehouse.connection import Warehouse
from serving.warehouse.tables import (
    compressors,
    latest_predictions,
    table_counts,
    upsert_aggregates,
    upsert_compressors,
    upsert_events,
    upsert_predictions,
    upsert_quality_metrics,
    upsert_stations,
)

T = datetime(2026, 3, 9, 5, 50, tzinfo=UTC)
OK = Prediction(
    compressor_id="C-1",
    prediction_timestamp=T,
    model_version="1",
    status="ok",
    rul_days=4.25,
    rul_lower_days=3.0,
    rul_upper_days=6.5,
    failure_probability=0.25,
    confidence_score=0.75,
    health="critical",
    horizon_days=3.0,
    reasons=["vibration is critical"],
    features_used={"values": {"vibration_1hr_mean": 8.5}, "gold_version": 3},
    act_by=date(2026, 3, 12),
    expected_saving_usd=41250.5,
)
STALE = replace(
    OK,
    compressor_id="C-3",
    status="stale",
    rul_days=None,
    rul_lower_days=None,
    rul_upper_days=None,
    failure_probability=None,
    confidence_score=None,
    health=None,
    act_by=None,
    expected_saving_usd=None,
)


def _versions(warehouse: Warehouse, table: str) -> list[Any]:
    with warehouse.connection() as connection:
        return connection.execute(f"SELECT tableoid, ctid::text, xmin::text, updated_at FROM {table} ORDER BY 1, 2").fetchall()


def _aggregates(hours: int = 3) -> pl.DataFrame:
    times = [T + timedelta(minutes=10 * step) for step in range(hours * 6)]
    readings = pl.DataFrame({"compressor_id": "C-1", "timestamp": times, **{sensor: [100.1] * len(times) for sensor in PREFIXES}})
    return hourly_aggregates(readings, T - timedelta(hours=1), T + timedelta(hours=hours))


def test_prediction_comes_back_as_it_was_written(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        assert upsert_predictions(connection, [OK, STALE]) == 2
        found = latest_predictions(connection, T + timedelta(hours=6))
    standing = {"status_timestamp": T, "age_hours": 6.0}
    assert found == [LatestPrediction(**asdict(row), **standing, rul_days_now=left) for row, left in ((OK, 4.0), (STALE, None))]


def test_repeated_writes_touch_no_row(warehouse: Warehouse) -> None:
    event = MaintenanceEvent("C-1", T, "failure", "Bearing failure detected", 14.5, "critical", 90000.0)
    metric = QualityMetric(T, "silver", "rejected_rows", 12.0, True, {"duplicate": 12})
    fleet = [Compressor("C-9", "Ajax DPC-360", 1340.0, date(2022, 3, 30), "S-9")]
    written = []
    for _ in range(2):
        with warehouse.connection() as connection:
            written.append(
                [
                    upsert_stations(connection, [StationRow("S-2", basin="Barnett Shale")]),
                    upsert_compressors(connection, fleet),
                    upsert_events(connection, [event]),
                    upsert_quality_metrics(connection, [metric]),
                    upsert_predictions(connection, [OK]),
                    upsert_aggregates(connection, _aggregates()),
                ]
            )
        before = {name: _versions(warehouse, name) for name in ("ml_predictions", "sensor_readings_agg", "maintenance_events")}
    assert written == [[1, 1, 1, 1, 1, len(_aggregates())], [0, 0, 0, 0, 0, 0]]
    with warehouse.connection() as connection:
        upsert_predictions(connection, [OK])
        upsert_aggregates(connection, _aggregates())
        upsert_events(connection, [event])
        assert connection.execute("SELECT details ->> 'duplicate' FROM data_quality_metrics").fetchone() == ("12",)
    assert {name: _versions(warehouse, name) for name in before} == before


def test_changed_row_is_updated_and_stamped_and_its_neighbour_is_not(warehouse: Warehouse) -> None:
    neighbour = replace(OK, compressor_id="C-2")
    with warehouse.connection() as connection:
        upsert_predictions(connection, [OK, neighbour])
    with warehouse.connection() as connection:
        assert upsert_predictions(connection, [replace(OK, rul_days=3.5), neighbour]) == 1
        stamps = connection.execute(
            "SELECT compressor_id, updated_at > created_at, rul_days::float8 FROM ml_predictions ORDER BY 1"
        ).fetchall()
    assert stamps == [("C-1", True, 3.5), ("C-2", False, 4.25)]


def test_of_two_rows_with_one_key_the_last_wins(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        upsert_compressors(connection, [Compressor("C-1", "old", None, None, "S-1"), Compressor("C-1", "new", None, None, "S-1")])
        assert [row.model for row in compressors(connection) if row.compressor_id == "C-1"] == ["new"]


def test_station_that_nobody_described_is_entered_with_its_compressor(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        upsert_compressors(
            connection, [Compressor("C-4", "Ariel JGK/4", 1480.0, None, "S-new"), Compressor("C-5", "other", None, None, None)]
        )
        found = connection.execute("SELECT basin, latitude FROM station_locations WHERE station_id = 'S-new'").fetchone()
    assert found == (None, None)


def test_rows_go_to_the_partition_of_their_utc_month(warehouse: Warehouse) -> None:
    months = [datetime(2026, 1, 31, 23, 59, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)]
    with warehouse.connection() as connection:
        upsert_predictions(connection, [replace(OK, prediction_timestamp=month) for month in months])
        found = connection.execute("SELECT tableoid::regclass::text FROM ml_predictions ORDER BY prediction_timestamp").fetchall()
    assert [name for (name,) in found] == ["ml_predictions_y2026m01", "ml_predictions_y2026m02", "ml_predictions_y2026m12"]


def test_writers_that_need_the_same_new_month_at_once_both_succeed(warehouse: Warehouse) -> None:
    barrier, failures = threading.Barrier(2), []

    def write(compressor_id: str) -> None:
        row = replace(OK, compressor_id=compressor_id, prediction_timestamp=datetime(2021, 5, 1, tzinfo=UTC))
        try:
            with warehouse.connection() as connection:
                barrier.wait()
                upsert_predictions(connection, [row])
        except WarehouseError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("C-1", "C-2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with warehouse.connection() as connection:
        assert (failures, table_counts(connection)["ml_predictions"]) == ([], 2)


def test_aggregates_arrive_in_their_columns(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        upsert_aggregates(connection, _aggregates(hours=1))
        row = connection.execute(
            "SELECT agg_timestamp, reading_count, vibration_avg, gas_flow_std FROM sensor_readings_agg WHERE window_type = '1hr' ORDER BY 1"
        ).fetchone()
    assert row == (datetime(2026, 3, 9, 6, tzinfo=UTC), 2, pytest.approx(100.1, rel=1e-6), 0.0)


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        (replace(OK, failure_probability=1.5), "failure_probability_check"),
        (replace(OK, confidence_score=-0.1), "confidence_score_check"),
        (replace(OK, rul_upper_days=4.0), "prediction_interval_in_order"),
        (replace(OK, status="stale"), "prediction_numbers_only_when_ok"),
        (replace(OK, rul_days=None), "prediction_numbers_only_when_ok"),
        (replace(OK, act_by=None), "prediction_repair_only_when_ok"),
        (replace(STALE, act_by=OK.act_by, expected_saving_usd=0.0), "prediction_repair_only_when_ok"),
        (replace(OK, expected_saving_usd=-1.0), "expected_saving_usd_check"),
        (replace(OK, compressor_id="C-unknown"), "compressor_id_fkey"),
    ],
)
def test_prediction_that_cannot_be_true_is_refused(warehouse: Warehouse, wrong: Prediction, constraint: str) -> None:
    with pytest.raises(WarehouseError, match=constraint), warehouse.connection() as connection:
        upsert_predictions(connection, [wrong])


def test_date_and_saving_of_a_repair_come_back_as_they_were_written(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        upsert_predictions(connection, [OK, replace(OK, compressor_id="C-2", act_by=None, expected_saving_usd=None), STALE])
        found = {row.compressor_id: (row.act_by, row.expected_saving_usd) for row in latest_predictions(connection)}
        viewed = connection.execute(
            "SELECT act_by, expected_saving_usd::float8 FROM v_latest_predictions WHERE compressor_id = 'C-1'"
        ).fetchone()
    assert found == {"C-1": (date(2026, 3, 12), 41250.5), "C-2": (None, None), "C-3": (None, None)}
    assert viewed == found["C-1"]


def test_fleet_is_ranked_most_urgent_first_by_the_newest_prediction_up_to_a_moment(warehouse: Warehouse) -> None:
    yesterday = T - timedelta(days=1)
    rows = [
        replace(OK, prediction_timestamp=yesterday, rul_days=9.0, rul_upper_days=9.5),
        OK,
        replace(OK, compressor_id="C-2", prediction_timestamp=yesterday, failure_probability=0.5),
        STALE,
    ]
    with warehouse.connection() as connection:
        upsert_predictions(connection, rows)
        newest = [(row.compressor_id, row.rul_days) for row in latest_predictions(connection)]
        then = [(row.compressor_id, row.rul_days) for row in latest_predictions(connection, as_of=yesterday)]
    assert newest == [("C-2", 4.25), ("C-1", 4.25), ("C-3", None)]
    assert then == [("C-2", 4.25), ("C-1", 9.0)]
