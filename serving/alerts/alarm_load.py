"""Reads the load of alarms from the warehouse, at the connection's moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg

from config.sections.planner.alarms import AlarmKpisSection
from serving.alerts.kpis import Alarm, AlarmKpis, measure_alarms


def alarm_load(connection: psycopg.Connection, days: float, rules: AlarmKpisSection) -> AlarmKpis | None:
    """The load of the last `days` days. None: there are no readings by the moment.

    Where readings begin later, it begins with the hour of the first one: (05:00, 06:00] for a reading at 06:00.
    """
    query = """
        SELECT moment, (
            SELECT min(agg_timestamp) - INTERVAL '1 hour' FROM sensor_readings_agg
            WHERE window_type = '1hr' AND agg_timestamp > moment - %(days)s * INTERVAL '1 day' AND agg_timestamp <= moment + INTERVAL '1 hour'
        )
        FROM v_moment
    """
    row = connection.execute(query, {"days": days}).fetchone()
    if row is None or row[1] is None:
        return None
    end = row[0].astimezone(UTC)
    start = max(row[1].astimezone(UTC), end - timedelta(days=days))
    return measure_alarms(read_alarms(connection, start, end), start, end, rules) if start < end else None


def read_alarms(connection: psycopg.Connection, start: datetime, end: datetime) -> list[Alarm]:
    """The alerts raised in [start, end), of all compressors. Withdrawn ones are left out."""
    query = """
        SELECT compressor_id, alert_type, station_id, source, raised_at, critical_at, resolved_at,
               CASE WHEN is_acknowledged(acknowledged_at, critical_at, %s) THEN acknowledged_at END
        FROM alert_history JOIN compressor_metadata USING (compressor_id)
        WHERE raised_at >= %s AND raised_at < %s AND alert_timestamp < %s AND NOT withdrawn
        ORDER BY raised_at, compressor_id, alert_type
    """
    return [
        Alarm(*names, *(None if moment is None else moment.astimezone(UTC) for moment in moments))
        for *names, raised_at, critical_at, resolved_at, acknowledged_at in connection.execute(query, [end, start, end, end])
        for moments in [(raised_at, critical_at, resolved_at, acknowledged_at)]
    ]
