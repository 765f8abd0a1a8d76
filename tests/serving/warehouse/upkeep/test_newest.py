"""The newest row of a compressor follows its history, whoever writes it and in whatever order."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import psycopg

from features.aggregates import PREFIXES, hourly_aggregates
from serving.warehouse.connection import Warehouse
from serving.warehouse.tables import delete_aggregates, upsert_aggregates, upsert_predictions
from tests.serving.warehouse.test_tables import OK, T

HOUR = timedelta(hours=1)


def _newest(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    query = "SELECT compressor_id, prediction_timestamp FROM newest_predictions WHERE prediction_timestamp IS NOT NULL ORDER BY 1"
    return connection.execute(query).fetchall()


def _at(connection: psycopg.Connection, moment: datetime, query: str) -> list[tuple[Any, ...]]:
    connection.execute("SELECT set_config('altaviz.as_of', %s, TRUE)", [moment.isoformat()])
    return connection.execute(query).fetchall()


def _aggregates(*times: datetime) -> pl.DataFrame:
    readings = pl.DataFrame({"compressor_id": "C-1", "timestamp": times, **{sensor: [1.0] * len(times) for sensor in PREFIXES}})
    return hourly_aggregates(readings, min(times) - HOUR, max(times) + 2 * HOUR)


def test_the_newest_prediction_follows_writes_marks_and_deletions(warehouse: Warehouse) -> None:
    late = replace(OK, prediction_timestamp=T - HOUR)
    with warehouse.connection() as connection:
        upsert_predictions(connection, [OK, replace(OK, compressor_id="C-2")])
        upsert_predictions(connection, [late])
        assert _newest(connection) == [("C-1", T), ("C-2", T)]
        connection.execute(
            "UPDATE ml_predictions SET data_withdrawn_at = now() WHERE compressor_id = 'C-1' AND prediction_timestamp = %s", [T]
        )
        assert _newest(connection) == [("C-1", T - HOUR), ("C-2", T)]
        connection.execute("UPDATE ml_predictions SET data_withdrawn_at = NULL, health = 'warning' WHERE compressor_id = 'C-1'")
        assert connection.execute("SELECT health FROM newest_predictions WHERE compressor_id = 'C-1'").fetchall() == [("warning",)]
        connection.execute("DELETE FROM ml_predictions WHERE compressor_id = 'C-2'")
        assert _newest(connection) == [("C-1", T)]
        connection.execute("TRUNCATE ml_predictions")
        assert _newest(connection) == []


def test_an_earlier_moment_shows_the_row_that_was_the_newest_then(warehouse: Warehouse) -> None:
    rows = [replace(OK, prediction_timestamp=T + step * HOUR, rul_days=4.0 + step) for step in range(3)]
    query = "SELECT rul_days, features_used ->> 'gold_version' FROM v_latest_predictions"
    with warehouse.connection() as connection:
        upsert_predictions(connection, rows)
        shown = [_at(connection, T + step * HOUR, query) for step in (-1, 0, 1, 2, 3)]
    assert shown == [[], [(4, "3")], [(5, "3")], [(6, "3")], [(6, "3")]]


def test_of_two_writers_of_one_compressor_the_newest_row_wins_whoever_commits_last(warehouse: Warehouse) -> None:
    with psycopg.connect(**warehouse.parameters) as newer, psycopg.connect(**warehouse.parameters) as older:
        upsert_predictions(newer, [OK])
        waiting = threading.Thread(target=upsert_predictions, args=[older, [replace(OK, prediction_timestamp=T - HOUR)]])
        waiting.start()
        with psycopg.connect(**warehouse.parameters, autocommit=True) as watching:
            blocked = "SELECT cardinality(pg_blocking_pids(%s))"
            while watching.execute(blocked, [older.info.backend_pid]).fetchone() == (0,):
                assert waiting.is_alive()
        newer.commit()
        waiting.join()
    with warehouse.connection() as connection:
        assert _newest(connection) == [("C-1", T)]


def test_the_age_of_the_newest_reading_is_exact_at_any_moment(warehouse: Warehouse) -> None:
    query = "SELECT last_reading_at, reading_age_hours::float8 FROM v_fleet_health_summary WHERE compressor_id = 'C-1'"
    first, second = T - 2 * HOUR, T - 10 * timedelta(minutes=1)  # 03:50 and 05:40
    with warehouse.connection() as connection:
        upsert_aggregates(connection, _aggregates(first, second))
        assert _at(connection, T, query) == [(second, 0.17)]
        assert _at(connection, first + HOUR, query) == [(first, 1.0)]
        connection.execute("UPDATE sensor_readings_agg SET last_reading_at = NULL")  # as an older version wrote them
        assert _at(connection, T + HOUR, query) == [(None, 0.83)]  # since 06:00, the end of the hour
        delete_aggregates(connection, None, T - HOUR, T + HOUR)
        assert _at(connection, T, "SELECT agg_timestamp FROM v_latest_readings") == [(first.replace(hour=4, minute=0),)]
