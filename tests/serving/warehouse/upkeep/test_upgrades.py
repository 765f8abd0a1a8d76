"""A database of every schema from release 0.1.0 (0009) to 0.2.0 (0013) comes to the newest one with its rows, and the views are right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from serving.warehouse.connection import Warehouse
from serving.warehouse.migrations import VERSIONS, latest_version, migrate, schema_version

FIRST, LAST = 9, 13  # schema numbers of the releases 0.1.0 and 0.2.0
AT: Final = datetime(2026, 3, 9, 5, 50, tzinfo=UTC)
# By schema number: what versions from then on also wrote. COMP-007 fails soon, COMP-001 is well.
WRITTEN: Final = {
    9: """
        INSERT INTO station_locations (station_id, basin, town, latitude, longitude, time_zone)
        VALUES ('STATION-A', 'Eagle Ford Shale', 'Karnes City', 28.9144, -98.5242, 'America/Chicago');
        INSERT INTO compressor_metadata (compressor_id, model, horsepower, install_date, station_id)
        VALUES ('COMP-001', 'Ajax DPC-360', 1340, '2018-05-01', 'STATION-A'), ('COMP-007', 'Ariel JGK/4', 1480, NULL, 'STATION-A');
        INSERT INTO maintenance_events (compressor_id, event_date, event_type, description, downtime_hours, severity, cost_usd)
        VALUES ('COMP-007', '2025-11-02T08:00:00Z', 'failure', 'Bearing failure detected', 14.5, 'critical', 90000);
        SELECT ensure_month_partitions(name, ARRAY['2026-03-01T00:00:00Z']::timestamptz[])
        FROM unnest(ARRAY['sensor_readings_agg', 'alert_history', 'data_quality_metrics', 'ml_predictions', 'drift_metrics']) AS name;
        INSERT INTO sensor_readings_agg (compressor_id, window_type, agg_timestamp, reading_count, vibration_avg)
        VALUES ('COMP-007', '1hr', '2026-03-09T05:00:00Z', 6, 6.5), ('COMP-007', '1hr', '2026-03-09T06:00:00Z', 5, 6.75),
               ('COMP-007', '24hr', '2026-03-09T06:00:00Z', 143, 6.25);
        INSERT INTO alert_history (compressor_id, alert_type, alert_timestamp, severity, message, value, threshold, last_seen, reading_count,
                                   acknowledged_at, acknowledged_by, resolved, resolved_at, settled_at, suppressed)
        VALUES ('COMP-007', 'vibration_mms', '2026-03-08T04:00:00Z', 'critical', 'vibration is high', 8.5, 8, '2026-03-09T05:50:00Z', 155,
                NULL, NULL, FALSE, NULL, NULL, '["temp_rate"]'),
               ('COMP-007', 'discharge_temp_f', '2026-03-07T04:00:00Z', 'warning', 'temperature is high', 241, 240, '2026-03-07T05:00:00Z', 7,
                '2026-03-07T06:00:00Z', 'Diaz', TRUE, '2026-03-07T05:30:00Z', '2026-03-07T05:30:00Z', '[]');
        INSERT INTO data_quality_metrics (metric_timestamp, stage, metric_name, metric_value, passed, details)
        VALUES ('2026-03-08T00:00:00Z', 'silver', 'completeness', 0.99, TRUE, '{"limit": 0.95}');
        INSERT INTO ml_predictions (compressor_id, prediction_timestamp, model_version, status, rul_days, rul_lower_days, rul_upper_days,
                                    failure_probability, confidence_score, health, horizon_days, reasons, features_used, act_by, expected_saving_usd)
        VALUES ('COMP-007', '2026-03-09T04:50:00Z', '1', 'ok', 2, 1, 4, 0.7, 0.8, 'critical', 3, '["older"]', '{"gold_version": 2}', '2026-03-10', 100),
               ('COMP-007', '2026-03-09T05:50:00Z', '1', 'ok', 1.5, 0.5, 3, 0.8, 0.9, 'critical', 3, '["hot"]', '{"gold_version": 3}', '2026-03-10', 5),
               ('COMP-001', '2026-03-09T05:50:00Z', '1', 'insufficient_history', NULL, NULL, NULL, NULL, NULL, NULL, 3, '[]', '{}', NULL, NULL);
        INSERT INTO drift_metrics (metric_timestamp, model_version, kind, name, psi, drifted)
        VALUES ('2026-03-09T05:50:00Z', '1', 'feature', 'vibration_1hr_mean', 0.12, FALSE);
        INSERT INTO drift_decisions (metric_timestamp, model_version, drift, retrain) VALUES ('2026-03-09T05:50:00Z', '1', FALSE, FALSE);
        INSERT INTO model_decisions (model_version, decided_at, decision, trigger, run_id, checks)
        VALUES ('1', '2026-03-01T00:00:00Z', 'promoted', 'train', 'abc', '[{"name": "rmse", "passed": true}]');
        INSERT INTO lake_sync (table_id, table_name, version) VALUES ('b7f9', 'gold', 3);
    """,
    10: """
        INSERT INTO ml_predictions (compressor_id, prediction_timestamp, model_version, status, horizon_days, reasons, features_used, data_faults)
        VALUES ('COMP-001', '2026-03-09T05:51:00Z', '1', 'bad_data', 3, '["vibration is frozen"]', '{}',
                '[{"sensor": "vibration_mms", "fault": "frozen", "since": "2026-03-08T00:00:00Z", "detail": "1.5"}]');
        INSERT INTO alert_history (compressor_id, alert_type, alert_timestamp, severity, message, source, last_seen, reading_count)
        VALUES ('COMP-001', 'vibration_mms_frozen', '2026-03-08T00:00:00Z', 'warning', 'vibration is frozen', 'data', '2026-03-09T05:50:00Z', 180);
    """,
    11: """
        INSERT INTO maintenance_events (compressor_id, event_date, event_type, withdrawn_at, withdrawn_by)
        VALUES ('COMP-007', '2026-03-09T00:00:00Z', 'scheduled', '2026-03-09T02:00:00Z', 'events.csv 0a1b');
        INSERT INTO compressor_metadata (compressor_id, model, retired_at, retired_by) VALUES ('COMP-099', 'unknown', '2026-03-01T00:00:00Z', 'sold');
        INSERT INTO ml_predictions (compressor_id, prediction_timestamp, model_version, status, rul_days, rul_lower_days, rul_upper_days,
                                    failure_probability, confidence_score, health, horizon_days, data_withdrawn_at)
        VALUES ('COMP-007', '2026-03-09T05:49:30Z', '2', 'ok', 29, 20, 30, 0.01, 0.9, 'healthy', 3, '2026-03-09T06:00:00Z');
    """,
    12: "UPDATE view_rules SET clock_skew = INTERVAL '5 minutes', warning_days = 20;",
    13: """
        UPDATE model_decisions SET model_sha256 = repeat('a', 64);
        INSERT INTO edge_exports (digest, model_version, model_sha256, folder, exported_at)
        VALUES (repeat('b', 64), '1', repeat('a', 64), '/srv/edge', '2026-03-09T07:00:00Z');
    """,
}  # fmt: skip


@pytest.fixture(scope="module")
def server(migrated: Warehouse) -> Iterator[psycopg.Connection]:
    with psycopg.connect(**migrated.parameters, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def first_release(server: psycopg.Connection) -> Iterator[str]:
    """A database at the schema of 0.1.0, to be copied."""
    server.execute("CREATE DATABASE first_release")
    with _connect(server, "first_release") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
        _apply(connection, range(1, FIRST + 1))
    yield "first_release"
    server.execute("DROP DATABASE first_release")


@contextmanager
def _connect(server: psycopg.Connection, name: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(
        host=server.info.host, port=server.info.port, user=server.info.user, dbname=name, options="-c timezone=UTC"
    ) as connection:
        yield connection


def _apply(connection: psycopg.Connection, numbers: range) -> None:
    for number in numbers:
        (file,) = VERSIONS.glob(f"{number:04d}_*.sql")
        connection.execute(file.read_bytes())
        connection.execute("DELETE FROM alembic_version")
        connection.execute("INSERT INTO alembic_version VALUES (%s)", [f"{number:04d}"])


def _rows(connection: psycopg.Connection, columns: dict[str, list[str]]) -> dict[str, list[tuple[Any, ...]]]:
    return {table: connection.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY {', '.join(names)}").fetchall() for table, names in columns.items()}  # fmt: skip


def _columns(connection: psycopg.Connection) -> dict[str, list[str]]:
    """Of every table, but for updated_at and for what has no order."""
    query = """
        SELECT relname, array_agg(attname::text ORDER BY attnum) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0 AND NOT attisdropped
          AND relname <> 'alembic_version' AND attname <> 'updated_at'
        GROUP BY relname
    """
    return dict(connection.execute(query).fetchall())


@pytest.mark.parametrize("number", range(FIRST, LAST + 1), ids=lambda number: f"{number:04d}")
def test_rows_of_a_released_schema_stay_and_the_views_show_them(server: psycopg.Connection, first_release: str, number: int) -> None:
    name = f"released_{number}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {first_release}")
    try:
        with _connect(server, name) as connection:
            _apply(connection, range(FIRST + 1, number + 1))
            for since, rows in WRITTEN.items():
                if since <= number:
                    connection.execute(rows.encode())
            columns = _columns(connection)
            before = _rows(connection, columns)
            assert {table for table, rows in before.items() if not rows} == set()
        parameters = {
            "host": server.info.host,
            "port": server.info.port,
            "user": server.info.user,
            "dbname": name,
            "options": "-c timezone=UTC",
        }
        with ConnectionPool(kwargs=parameters, min_size=1, max_size=1) as pool:
            warehouse = Warehouse(name, pool, parameters)
            assert migrate(warehouse) is True
            with warehouse.connection() as connection:
                assert schema_version(connection) == latest_version()
                assert _rows(connection, columns) == before
                _check_views(connection, number)
    finally:
        server.execute(f"DROP DATABASE {name}")


LOG = [("raised", "altaviz"), ("resolved", "altaviz"), ("acknowledged", "Diaz"), ("raised", "altaviz")]


def _check_views(connection: psycopg.Connection, number: int) -> None:
    """The fleet at AT: two compressors, the worst first."""
    connection.execute("SELECT set_config('altaviz.as_of', %s, TRUE)", [AT.isoformat()])
    fleet = connection.execute(
        """SELECT compressor_id, health_status, rul_days, act_by, open_alerts, data_alerts, status, last_hour, last_reading_at, reasons
           FROM v_fleet_health_summary ORDER BY health_rank DESC, rul_days_now NULLS LAST, compressor_id"""
    ).fetchall()
    hour = datetime(2026, 3, 9, 6, tzinfo=UTC)
    assert fleet == [
        ("COMP-007", "critical", Decimal("1.50"), date(2026, 3, 10), 1, 0, "ok", hour, None, ["hot"]),
        ("COMP-001", "unknown", None, None, int(number >= 10), int(number >= 10), "insufficient_history", None, None, []),
    ]
    alerts = connection.execute(
        "SELECT alert_id, state, raised_at = alert_timestamp, critical_at = raised_at FROM v_alerts ORDER BY 1"
    ).fetchall()
    assert alerts[-2:] == [
        ("COMP-007~discharge_temp_f~20260307T040000Z", "closed", True, None),
        ("COMP-007~vibration_mms~20260308T040000Z", "raised", True, True),
    ]
    log = connection.execute(
        "SELECT change, changed_by, told_at IS NULL FROM alert_changes WHERE compressor_id = 'COMP-007' ORDER BY changed_at, change_id"
    ).fetchall()
    assert log == [(change, by, False) for change, by in LOG]
    assert connection.execute("SELECT agg_timestamp, vibration_avg FROM v_latest_readings").fetchall() == [(hour, 6.75)]
    assert connection.execute("SELECT event_type FROM v_maintenance_events").fetchall() == [("failure",)]
    features = "SELECT features_used ->> 'gold_version' FROM v_latest_predictions WHERE compressor_id = 'COMP-007'"
    assert connection.execute(features).fetchall() == [("3",)]
    connection.execute("SELECT set_config('altaviz.as_of', '2026-03-09T05:00:00Z', TRUE)")  # before the newest row
    assert connection.execute("SELECT rul_days FROM v_latest_predictions WHERE compressor_id = 'COMP-007'").fetchall() == [
        (Decimal("2.00"),)
    ]
