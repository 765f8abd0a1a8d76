"""Alerts from predictions in the warehouse: in one go or as rows come, whatever is withdrawn, rejected or repaired late."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from config.settings import Settings
from pipelines.lakehouse.prediction_alerts import follow_predictions, sync_prediction_alerts
from serving.schemas import MaintenanceEvent, Prediction
from serving.warehouse.connection import Warehouse
from serving.warehouse.decisions import ModelDecision, Outcome, upsert_decision
from serving.warehouse.prediction_points import earliest
from serving.warehouse.tables import upsert_events, upsert_predictions
from serving.warehouse.withdrawn import TakenReadings, mark_predictions
from tests.serving.warehouse.test_tables import OK, STALE

START = datetime(2026, 3, 30, tzinfo=UTC)  # its rows reach the next month, which is another partition
HEALTHY = replace(
    OK,
    rul_days=25.0,
    rul_lower_days=20.0,
    rul_upper_days=30.0,
    failure_probability=0.01,
    health="healthy",
    act_by=None,
    expected_saving_usd=None,
)
AILING = replace(HEALTHY, rul_days=10.0, rul_lower_days=8.0, rul_upper_days=12.0, health="warning")


@pytest.fixture
def emptied(warehouse: Warehouse) -> Warehouse:
    """The warehouse, in which alerts were brought up to no prediction at all."""
    with warehouse.connection() as connection:
        connection.execute("TRUNCATE lake_sync")
    return warehouse


def _made(template: Prediction, hours: float, compressor_id: str = "C-1", model_version: str = "1") -> Prediction:
    moment = START + timedelta(hours=hours)
    return replace(template, compressor_id=compressor_id, prediction_timestamp=moment, model_version=model_version)


def _write(connection: psycopg.Connection, settings: Settings, *rows: Prediction) -> int:
    upsert_predictions(connection, rows)
    return sync_prediction_alerts(connection, settings, earliest((row.compressor_id, row.prediction_timestamp) for row in rows))


def _alerts(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    query = """
        SELECT compressor_id, alert_type, alert_timestamp, raised_at, critical_at, severity, message, value, threshold, last_seen, reading_count,
               resolved, resolved_at, settled_at, source FROM alert_history ORDER BY 1, 2, 3
    """
    return connection.execute(query).fetchall()


def _hours(connection: psycopg.Connection) -> list[tuple[float | None, ...]]:
    """Hours of beginning, raising and resolution of each alert."""
    query = "SELECT alert_timestamp, raised_at, resolved_at FROM alert_history ORDER BY compressor_id, alert_timestamp"
    rows = connection.execute(query)
    return [tuple(None if moment is None else (moment - START) / timedelta(hours=1) for moment in row) for row in rows]


def _random_row(draw: random.Random, compressor_id: str, hours: float) -> Prediction:
    """A row near the limits; every tenth without numbers."""
    if draw.random() < 0.1:
        return _made(STALE, hours, compressor_id)
    life = draw.choice([5.0, 6.0, 9.0, 14.5, 16.0, 20.0])
    numbers = {"rul_days": life, "rul_lower_days": life / 2, "rul_upper_days": life * 2}
    moment = START + timedelta(hours=hours)
    act_by = draw.choice([None, moment.date(), moment.date() + timedelta(days=3), moment.date() + timedelta(days=6)])
    row = replace(HEALTHY, **numbers, failure_probability=draw.choice([0.01, 0.18, 0.3, 0.7]))
    if act_by is not None:
        row = replace(row, act_by=act_by, expected_saving_usd=1.0)
    return _made(row, hours, compressor_id, draw.choice(["1", "2"]))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_alerts_in_one_go_or_as_rows_come(emptied: Warehouse, settings: Settings, seed: int) -> None:
    draw = random.Random(seed)
    times = sorted(draw.sample(range(60 * 6), 96))  # tens of minutes: some hours have several, some none
    rows = [_random_row(draw, f"C-{draw.randint(1, 2)}", time / 6) for time in times]
    repair = MaintenanceEvent("C-1", START + timedelta(hours=draw.uniform(5, 25)), "unscheduled", downtime_hours=draw.uniform(0, 12))
    with emptied.connection() as connection:
        upsert_events(connection, [repair])
        _write(connection, settings, *rows)
        at_once = _alerts(connection)
        connection.execute("TRUNCATE ml_predictions, alert_history, maintenance_events")
        unordered = rows[:32] + draw.sample(rows[32:64], 32) + rows[64:]  # some were scored late
        for first in range(0, len(rows), 4):
            if first == 48:
                upsert_events(connection, [repair])  # entered late
            _write(connection, settings, *unordered[first : first + 4])
        assert _alerts(connection) == at_once
        assert len(at_once) >= 3
        assert _write(connection, settings, *rows) == 0


def test_the_service_follows_the_compressors_that_it_scored(emptied: Warehouse, settings: Settings) -> None:
    rows = [_made(AILING, hours, name) for hours in range(4) for name in ("C-1", "C-2")]
    with emptied.connection() as connection:
        sync_prediction_alerts(connection, settings, {})
        upsert_predictions(connection, rows)
        assert follow_predictions(connection, settings, {}) == 0
        assert follow_predictions(connection, settings, {"C-2": START + timedelta(hours=3)}) == 1
        assert [row[0] for row in _alerts(connection)] == ["C-2"]
        assert _hours(connection) == [(0, 2, None)]


def test_a_repair_entered_late_ends_the_alert(emptied: Warehouse, settings: Settings) -> None:
    with emptied.connection() as connection:
        _write(connection, settings, *(_made(AILING, hours) for hours in range(9)))
        assert _hours(connection) == [(0, 2, None)]
        repair = MaintenanceEvent("C-1", START + timedelta(hours=4), "scheduled", downtime_hours=2.0)
        upsert_events(connection, [repair])
        assert sync_prediction_alerts(connection, settings, {}) == 1
        assert _hours(connection) == [(0, 2, 4)]
        upsert_events(connection, [replace(repair, withdrawn_at=START, withdrawn_by="planner")])
        sync_prediction_alerts(connection, settings, {})
        assert _hours(connection) == [(0, 2, None)]


def test_predictions_of_a_rejected_model_raise_nothing(emptied: Warehouse, settings: Settings) -> None:
    def decide(decision: Outcome, version: str, previous: str | None, days: int) -> None:
        upsert_decision(connection, ModelDecision(version, START + timedelta(days=days), decision, "operator", previous_version=previous))
        sync_prediction_alerts(connection, settings, {})

    with emptied.connection() as connection:
        _write(connection, settings, *(_made(AILING, hours, model_version="2") for hours in range(3)))
        _write(connection, settings, *(_made(HEALTHY, hours, "C-2", "1") for hours in range(3)))
        decide("promoted", "2", "1", 0)
        assert len(_alerts(connection)) == 1
        decide("rolled_back", "1", "2", 1)
        assert _alerts(connection) == []
        decide("promoted", "2", "1", 2)
        assert len(_alerts(connection)) == 1


def test_predictions_from_withdrawn_readings_raise_nothing(emptied: Warehouse, settings: Settings) -> None:
    used: Mapping[str, Any] = {"gold_table_id": "gold", "gold_version": 1}
    with emptied.connection() as connection:
        _write(connection, settings, *(replace(_made(AILING, hours), features_used=used) for hours in range(3)))
        assert len(_alerts(connection)) == 1
        last = START + timedelta(hours=2)
        marks = mark_predictions(connection, [TakenReadings("C-1", last, last, "gold", 1, 1, last)], timedelta(0))
        assert marks.changed == {"C-1": last}
        sync_prediction_alerts(connection, settings, marks.changed)
        assert _alerts(connection) == []
        sync_prediction_alerts(connection, settings, mark_predictions(connection, [], timedelta(0)).changed)
        assert len(_alerts(connection)) == 1


def test_what_a_person_did_stays_with_the_alert(emptied: Warehouse, settings: Settings) -> None:
    with emptied.connection() as connection:
        _write(connection, settings, *(_made(AILING, hours) for hours in range(3)))
        connection.execute("UPDATE alert_history SET acknowledged_at = %s, acknowledged_by = 'planner'", [START])
        _write(connection, settings, _made(replace(AILING, rul_days=9.0), 3))
        assert connection.execute("SELECT value, acknowledged_by FROM alert_history").fetchall() == [(9.0, "planner")]
