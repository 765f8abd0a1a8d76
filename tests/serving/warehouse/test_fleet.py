"""The fleet and one compressor, as service and pages read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from serving.schemas import Compressor, MaintenanceEvent, Prediction, StationRow
from serving.warehouse.alerts import Alert, replace_alerts
from serving.warehouse.connection import Warehouse
from serving.warehouse.fleet import MOST_POINTS, FleetQuestion, read_compressor, read_fleet_page
from serving.warehouse.tables import fleet_as_of, upsert_compressors, upsert_events, upsert_predictions, upsert_stations
from tests.serving.warehouse.test_tables import OK, STALE, T

HOUR = timedelta(hours=1)


def _prediction(compressor_id: str, rul_days: float, **changes: Any) -> Prediction:
    health: Any = "critical" if rul_days <= 7 else "warning" if rul_days <= 14 else "healthy"
    return replace(
        OK,
        compressor_id=compressor_id,
        rul_days=rul_days,
        rul_lower_days=rul_days / 2,
        rul_upper_days=rul_days + 5,
        health=health,
        **changes,
    )


def _alert(compressor_id: str, severity: Any, since: datetime = T - HOUR) -> Alert:
    return Alert(
        compressor_id, "vibration_mms_high", since, since, None, severity, "vibration 9 mm/s", 9.0, 8.0, T, 6, False, None, None
    )  # fmt: skip


@pytest.fixture
def fleet(warehouse: Warehouse) -> Warehouse:
    """C-1 critical by prediction, C-2 healthy but with a critical alert, C-3 stale, C-4 never scored."""
    with warehouse.connection() as connection:
        upsert_stations(connection, [StationRow("S-2", "Eagle Ford Shale", "Karnes City", 28.9, -98.5, "America/Chicago")])
        upsert_compressors(connection, [Compressor("C-4", "Ajax DPC-360", 1340.0, None, "S-2")])
        upsert_predictions(connection, [_prediction("C-1", 4.0), _prediction("C-2", 25.0), STALE])
        replace_alerts(connection, [_alert("C-2", "critical"), _alert("C-3", "warning")], None, ["threshold"])
    return warehouse


def _page(warehouse: Warehouse, as_of: datetime = T, **asked: Any) -> list[str]:
    with warehouse.connection() as connection, fleet_as_of(connection, as_of):
        return [row["compressor_id"] for row in read_fleet_page(connection, FleetQuestion(**asked)).rows]


def test_the_worse_of_prediction_and_alert_ranks_and_those_without_either_come_last(fleet: Warehouse) -> None:
    with fleet.connection() as connection, fleet_as_of(connection, T):
        page = read_fleet_page(connection, FleetQuestion())
        shown = connection.execute(
            "SELECT compressor_id FROM v_fleet_health_summary ORDER BY health_rank DESC, rul_days_now NULLS LAST, compressor_id"
        ).fetchall()
    assert (page.moment, page.is_replay, page.total) == (T, False, 4)
    assert [(row["rank"], row["compressor_id"], row["urgency"], row["health"], row["open_alerts"]) for row in page.rows] == [
        (1, "C-1", "critical", "critical", 0),
        (2, "C-2", "critical", "healthy", 1),
        (3, "C-3", "warning", None, 1),
        (4, "C-4", "unknown", None, 0),
    ]
    assert [row["compressor_id"] for row in page.rows] == [name for (name,) in shown]  # as every page that reads the view
    assert (page.rows[3]["reasons"], page.rows[3]["data_faults"], page.rows[3]["status"]) == ([], [], None)


def test_filters_narrow_the_fleet_and_keep_the_rank_in_all_of_it(fleet: Warehouse) -> None:
    assert _page(fleet, station="S-2") == ["C-4"]
    assert _page(fleet, basin="Permian Basin") == ["C-1", "C-2", "C-3"]
    assert _page(fleet, model="Ajax DPC-360") == ["C-4"]
    assert _page(fleet, urgency="critical", model="Ariel JGK/4") == ["C-1", "C-2"]
    with fleet.connection() as connection, fleet_as_of(connection, T):
        (row,) = read_fleet_page(connection, FleetQuestion(urgency="warning")).rows
    assert row["rank"] == 3


def test_every_order_puts_the_worst_first_and_what_has_no_number_last(fleet: Warehouse) -> None:
    assert _page(fleet, sort="open_alerts") == ["C-2", "C-3", "C-1", "C-4"]
    assert _page(fleet, sort="rul_days_now") == ["C-1", "C-2", "C-3", "C-4"]
    assert _page(fleet, sort="compressor_id") == ["C-1", "C-2", "C-3", "C-4"]
    with fleet.connection() as connection:
        upsert_predictions(
            connection,
            [
                _prediction("C-1", 4.0, failure_probability=0.3, expected_saving_usd=10.0, act_by=(T + 9 * 24 * HOUR).date()),
                _prediction("C-2", 25.0, failure_probability=0.6, expected_saving_usd=900.0, act_by=(T + 8 * 24 * HOUR).date()),
            ],
        )
    for sort in ("failure_probability", "expected_saving_usd", "act_by"):
        assert _page(fleet, sort=sort)[:2] == ["C-2", "C-1"], sort


def test_pages_share_the_total_and_one_beyond_the_end_is_empty(fleet: Warehouse) -> None:
    assert _page(fleet, limit=2) == ["C-1", "C-2"]
    assert _page(fleet, limit=2, offset=2) == ["C-3", "C-4"]
    with fleet.connection() as connection, fleet_as_of(connection, T):
        page = read_fleet_page(connection, FleetQuestion(limit=2, offset=4))
    assert (page.rows, page.total, page.moment) == ([], 4, T)


def _hours(connection: psycopg.Connection, *marks: datetime) -> None:
    connection.execute("SELECT ensure_month_partitions('sensor_readings_agg', %s)", [list(marks)])
    connection.cursor().executemany(
        "INSERT INTO sensor_readings_agg (compressor_id, window_type, agg_timestamp, reading_count, vibration_avg) VALUES ('C-1', '1hr', %s, 6, 3)",
        [[mark] for mark in marks],
    )


def test_a_compressor_has_its_histories_of_the_asked_days_and_all_that_is_open(fleet: Warehouse) -> None:
    mark = T.replace(minute=0) + HOUR
    with fleet.connection() as connection:
        _hours(connection, mark, mark - HOUR, mark - 24 * HOUR, mark - 25 * HOUR)
        upsert_predictions(
            connection,
            [
                _prediction("C-1", 5.0, prediction_timestamp=T - 23 * HOUR),
                _prediction("C-1", 6.0, prediction_timestamp=T - 24 * HOUR),
                _prediction("C-1", 3.0, model_version="2"),
            ],
        )
        replace_alerts(connection, [_alert("C-1", "warning", T - 300 * HOUR)], None, ["threshold"])
        upsert_events(connection, [MaintenanceEvent("C-1", T - 900 * HOUR, "inspection"), MaintenanceEvent("C-1", T + HOUR, "failure")])
        connection.execute(
            """INSERT INTO work_orders (compressor_id, status, priority, title, drafted_at, drafted_by)
               VALUES ('C-1', 'draft', 2, 'Change the bearing', %(t)s, 'Ana')""",
            {"t": T},
        )
        with fleet_as_of(connection, T):
            record = read_compressor(connection, "C-1", days=1)
    assert record is not None
    assert [(row["prediction_timestamp"], row["rul_days"]) for row in record.predictions] == [(T, 3.0), (T - 23 * HOUR, 5.0)]
    assert record.hours["agg_timestamp"] == [mark - 24 * HOUR, mark - HOUR, mark]
    assert (record.hours["vibration_avg"], record.hours["vibration_max"]) == ([3.0] * 3, [None] * 3)
    assert record.newest_hour is not None
    assert record.newest_hour["agg_timestamp"] == mark
    assert [(row["alert_timestamp"], row["state"]) for row in record.alerts] == [(T - 300 * HOUR, "raised")]
    assert [row["event_date"] for row in record.events] == [T - 900 * HOUR]  # what comes later has not happened
    assert [row["title"] for row in record.work_orders] == ["Change the bearing"]
    assert (record.standing["rul_days"], record.standing["horsepower"]) == (3.0, 1480.0)


def test_a_silent_compressor_keeps_its_newest_hour_whatever_its_age(fleet: Warehouse) -> None:
    mark = T.replace(minute=0) - 2000 * HOUR
    with fleet.connection() as connection:
        _hours(connection, mark)
        with fleet_as_of(connection, T):
            record = read_compressor(connection, "C-1", days=1)
    assert record is not None
    assert {len(column) for column in record.hours.values()} == {0}
    assert record.newest_hour is not None
    assert record.newest_hour["agg_timestamp"] == mark


def test_a_long_history_is_thinned_out_evenly_and_keeps_the_newest(fleet: Warehouse) -> None:
    with fleet.connection() as connection:
        upsert_predictions(
            connection, [_prediction("C-1", 9.0, prediction_timestamp=T - number * HOUR) for number in range(2 * MOST_POINTS + 1)]
        )
        with fleet_as_of(connection, T):
            record = read_compressor(connection, "C-1", days=31)
    assert record is not None
    ages = [(T - row["prediction_timestamp"]) // HOUR for row in record.predictions]
    assert ages == list(range(0, 2 * MOST_POINTS + 1, 3))


def test_an_unknown_or_retired_compressor_is_none(fleet: Warehouse) -> None:
    with fleet.connection() as connection:
        upsert_compressors(connection, [Compressor("C-4", "Ajax DPC-360", 1340.0, None, "S-2", datetime(2026, 3, 1, tzinfo=UTC), "Ana")])
        assert [read_compressor(connection, name, days=1) for name in ("C-4", "C-9", "'")] == [None, None, None]
