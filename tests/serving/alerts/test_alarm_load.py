"""The load of alarms as the warehouse holds it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from config.settings import Settings
from serving.alerts.alarm_load import alarm_load, read_alarms
from tests.serving.alerts.conftest import NOW, OPEN, H, T, rewrite, stand_at


@pytest.fixture
def watched(connection: psycopg.Connection) -> psycopg.Connection:
    """Readings since an hour before the alert OPEN, which is six hours old."""
    connection.execute("SELECT ensure_month_partitions('sensor_readings_agg', ARRAY[%s])", [T])
    columns = "compressor_id, window_type, agg_timestamp, reading_count"
    connection.execute(f"INSERT INTO sensor_readings_agg ({columns}) VALUES ('C-1', '1hr', %s, 6)", [T])
    return connection


def test_the_load_is_that_of_the_hours_with_readings(watched: psycopg.Connection, settings: Settings) -> None:
    load = alarm_load(watched, 30, settings.quality.alarm_kpis)
    assert load is not None
    assert (load.start, load.end, load.annunciations, load.unacknowledged) == (T - H, NOW, 1, 1)
    shorter = alarm_load(watched, 1 / 24, settings.quality.alarm_kpis)
    assert shorter is None  # no readings in the last hour


def test_withdrawn_alerts_and_those_to_come_are_no_load(watched: psycopg.Connection, settings: Settings) -> None:
    later = replace(OPEN, alert_type="gas_flow_mcf_low", raised_at=NOW + H, last_seen=NOW + H)
    gone = replace(OPEN, alert_type="temp_1hr_delta_high", withdrawn=True, resolved=True, resolved_at=T + H)
    rewrite(watched, OPEN, later, gone)
    assert [alarm.alert_type for alarm in read_alarms(watched, T, NOW)] == [OPEN.alert_type]
    stand_at(watched, NOW + timedelta(days=40))
    assert alarm_load(watched, 30, settings.quality.alarm_kpis) is None
