from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl

from features.aggregates import PREFIXES, hourly_aggregates
from serving.schemas import Compressor, MaintenanceEvent
from serving.warehouse.connection import Warehouse
from serving.warehouse.tables import (
    latest_predictions,
    table_counts,
    upsert_aggregates,
    upsert_compressors,
    upsert_events,
    upsert_predictions,
)
from tests.serving.warehouse.test_tables import OK, STALE, T

ALERT = """
    INSERT INTO alert_history (compressor_id, alert_type, alert_timestamp, raised_at, severity, message, resolved, resolved_at)
    VALUES (%s, 'vibration', %s, %s, %s, 'vibration is high', %s, %s)
"""


def test_fleet_health_goes_by_rank_and_not_by_text(warehouse: Warehouse) -> None:
    healthy = replace(OK, rul_days=25.0, rul_upper_days=30.0, health="healthy")
    with warehouse.connection() as connection:
        upsert_predictions(connection, [replace(healthy, compressor_id=f"C-{number}") for number in (1, 2, 3)])
        connection.execute("SELECT ensure_month_partitions('alert_history', ARRAY[%s]::timestamptz[])", [T])
        connection.execute(ALERT, ["C-1", T, T, "warning", False, None])
        connection.execute(ALERT, ["C-2", T, T, "critical", False, None])
        connection.execute(ALERT, ["C-2", T + timedelta(hours=1), T + timedelta(hours=1), "warning", False, None])
        connection.execute(ALERT, ["C-3", T, T, "critical", True, T])
        connection.execute(
            "SELECT set_config('altaviz.as_of', %s, TRUE)", [(T + timedelta(hours=1)).isoformat()]
        )  # later, less life is left
        health = connection.execute(
            "SELECT compressor_id, health_status, active_alerts FROM v_fleet_health_summary ORDER BY health_rank DESC, rul_days_now NULLS LAST, compressor_id"
        ).fetchall()
        active = connection.execute("SELECT compressor_id, severity, basin FROM v_active_alerts").fetchall()
    assert health == [("C-2", "critical", 2), ("C-1", "warning", 1), ("C-3", "healthy", 0)]
    assert active == [("C-2", "critical", "Permian Basin"), ("C-2", "warning", "Permian Basin"), ("C-1", "warning", "Permian Basin")]


def test_a_data_alert_is_counted_apart_and_moves_no_health(warehouse: Warehouse) -> None:
    fault = {"sensor": "vibration_mms", "fault": "frozen", "since": "2026-03-09T00:00:00Z", "detail": "no change"}
    spoiled = replace(STALE, compressor_id="C-1", status="bad_data", data_faults=[fault])
    with warehouse.connection() as connection:
        upsert_predictions(connection, [spoiled])
        connection.execute("SELECT ensure_month_partitions('alert_history', ARRAY[%s]::timestamptz[])", [T])
        connection.execute(ALERT, ["C-1", T, T, "warning", False, None])
        connection.execute("UPDATE alert_history SET source = 'data'")
        query = "SELECT compressor_id, health_status, active_alerts, data_alerts, status, data_faults FROM v_fleet_health_summary"
        found = connection.execute(f"{query} WHERE compressor_id = 'C-1'").fetchall()
        active = connection.execute("SELECT compressor_id, source FROM v_active_alerts").fetchall()
    assert found == [("C-1", "unknown", 0, 1, "bad_data", [fault])]
    assert active == [("C-1", "data")]


def test_critical_prediction_outranks_a_warning_alert_and_no_number_is_unknown(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        upsert_predictions(connection, [OK, STALE])
        connection.execute("SELECT ensure_month_partitions('alert_history', ARRAY[%s]::timestamptz[])", [T])
        connection.execute(ALERT, ["C-1", T, T, "warning", False, None])
        health = connection.execute(
            "SELECT compressor_id, health_status FROM v_fleet_health_summary ORDER BY health_rank DESC, rul_days_now NULLS LAST, compressor_id"
        ).fetchall()
    assert health == [("C-1", "critical"), ("C-2", "unknown"), ("C-3", "unknown")]


def test_latest_readings_are_one_row_per_compressor(warehouse: Warehouse) -> None:
    readings = pl.DataFrame(
        {
            "compressor_id": ["C-1", "C-1", "C-2"],
            "timestamp": [T, T + timedelta(hours=5), T],
            **{sensor: [1.0, 2.0, 3.0] for sensor in PREFIXES},
        }
    )
    with warehouse.connection() as connection:
        upsert_aggregates(connection, hourly_aggregates(readings, T - timedelta(hours=1), T + timedelta(hours=30)))
        latest = connection.execute("SELECT compressor_id, agg_timestamp, vibration_avg FROM v_latest_readings").fetchall()
    assert latest == [("C-1", datetime(2026, 3, 9, 11, tzinfo=UTC), 2.0), ("C-2", datetime(2026, 3, 9, 6, tzinfo=UTC), 3.0)]


def test_what_was_taken_back_stays_and_counts_no_more(warehouse: Warehouse) -> None:
    events = [
        MaintenanceEvent("C-1", T, "scheduled"),
        MaintenanceEvent("C-1", T, "failure", withdrawn_at=T, withdrawn_by="events.csv 0a1b"),
    ]
    later = replace(OK, prediction_timestamp=T + timedelta(hours=1))
    with warehouse.connection() as connection:
        upsert_events(connection, events)
        upsert_predictions(connection, [OK, later, replace(OK, compressor_id="C-2")])
        connection.execute("UPDATE ml_predictions SET data_withdrawn_at = %s WHERE prediction_timestamp > %s", [T, T])
        retired = Compressor("C-2", "Ariel JGK/4", 1480.0, None, "S-1", retired_at=T, retired_by="by hand: sold")
        assert upsert_compressors(connection, [retired]) == 1
        counting = connection.execute("SELECT compressor_id, event_type FROM v_maintenance_events").fetchall()
        summary = connection.execute("SELECT compressor_id, prediction_timestamp FROM v_fleet_health_summary").fetchall()
        newest = [(row.compressor_id, row.prediction_timestamp) for row in latest_predictions(connection)]
        assert table_counts(connection)["maintenance_events"] == 2
        assert upsert_events(connection, [MaintenanceEvent("C-1", T, "failure")]) == 1
        assert len(connection.execute("SELECT FROM v_maintenance_events").fetchall()) == 2
    assert counting == [("C-1", "scheduled")]
    assert (dict(summary), newest) == ({"C-1": T, "C-3": None}, [("C-1", T)])
