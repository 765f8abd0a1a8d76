"""Data quality as the Data page shows it: checks of a day, their history, faults of sensors, and the books of the lake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import psycopg
from psycopg.rows import class_row, scalar_row

from serving.warehouse.quality import BOOKS, QUARANTINE


@dataclass(frozen=True)
class CheckResult:
    """One check of one UTC day of readings. It was not judged where `passed` is None."""

    metric_name: str
    day: date
    metric_value: float
    passed: bool | None
    details: Mapping[str, Any]


@dataclass(frozen=True)
class SensorFault:
    """A fault that a compressor's data have now."""

    compressor_id: str
    station_id: str | None
    sensor: str
    fault: str
    since: str
    detail: str


@dataclass(frozen=True)
class Books:
    """Rows of the lake, refused rows and values by reason, and files in quarantine, at the last `altaviz features`."""

    day: date | None
    rows: Mapping[str, int]  # bronze_rows, silver_rows, gold_rows, pending_rows
    rejected_rows: Mapping[str, int]  # by reason
    nulled_values: Mapping[str, int]
    quarantine: list[dict[str, Any]]  # file, reason, first_seen, last_seen, times
    quarantined: int  # files; the list has the newest of them
    updated_at: datetime | None


_CHECKS: Final = """
    SELECT metric_name, (metric_timestamp AT TIME ZONE 'UTC')::date AS day, metric_value, passed, details
    FROM data_quality_metrics, v_moment
    WHERE metric_timestamp <= moment AND NOT metric_name = ANY(%(books)s)
"""


def check_days(connection: psycopg.Connection) -> list[date]:
    """The days with checks, newest first; at most the last 90."""
    statement = """
        SELECT DISTINCT (metric_timestamp AT TIME ZONE 'UTC')::date
        FROM data_quality_metrics, v_moment WHERE metric_timestamp <= moment
        ORDER BY 1 DESC LIMIT 90
    """
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(statement).fetchall()


def checks_of_day(connection: psycopg.Connection, day: date) -> list[CheckResult]:
    """The checks of one day, by name."""
    statement = f"{_CHECKS} AND metric_timestamp = %(day)s::date::timestamp AT TIME ZONE 'UTC' ORDER BY metric_name"
    with connection.cursor(row_factory=class_row(CheckResult)) as cursor:
        return cursor.execute(statement, {"day": day, "books": [BOOKS, QUARANTINE]}).fetchall()


def check_history(connection: psycopg.Connection, last: date, days: int) -> list[CheckResult]:
    """Every check of the `days` days until `last`, oldest first, without details."""
    statement = f"""
        SELECT metric_name, day, metric_value, passed, '{{}}'::jsonb AS details
        FROM ({_CHECKS}
              AND metric_timestamp <= %(last)s::date::timestamp AT TIME ZONE 'UTC'
              AND metric_timestamp > (%(last)s::date - %(days)s)::timestamp AT TIME ZONE 'UTC') AS found
        ORDER BY metric_name, day
    """
    with connection.cursor(row_factory=class_row(CheckResult)) as cursor:
        return cursor.execute(statement, {"last": last, "days": days, "books": [BOOKS, QUARANTINE]}).fetchall()


def sensor_faults(connection: psycopg.Connection) -> list[SensorFault]:
    """Every fault of a sensor that the newest predictions report, by sensor."""
    statement = """
        SELECT compressor_id, station_id, fault ->> 'sensor' AS sensor, fault ->> 'fault' AS fault, fault ->> 'since' AS since,
               fault ->> 'detail' AS detail
        FROM v_latest_predictions JOIN compressor_metadata USING (compressor_id), jsonb_array_elements(data_faults) AS fault
        ORDER BY sensor, fault, compressor_id
    """
    with connection.cursor(row_factory=class_row(SensorFault)) as cursor:
        return cursor.execute(statement).fetchall()


def lake_books(connection: psycopg.Connection) -> Books:
    """The newest books; empty ones before the first."""
    statement = """
        SELECT DISTINCT ON (metric_name) metric_name, (metric_timestamp AT TIME ZONE 'UTC')::date, details, updated_at
        FROM data_quality_metrics, v_moment
        WHERE metric_name = ANY(%s) AND metric_timestamp <= moment
        ORDER BY metric_name, metric_timestamp DESC
    """
    found = {name: (day, details, updated_at) for name, day, details, updated_at in connection.execute(statement, [[BOOKS, QUARANTINE]])}
    day, books, updated_at = found.get(BOOKS, (None, {}, None))
    _, quarantine, _ = found.get(QUARANTINE, (None, {}, None))
    rows = {name: int(books[name]) for name in ("bronze_rows", "silver_rows", "gold_rows", "pending_rows") if name in books}
    return Books(
        day,
        rows,
        books.get("rejected_rows", {}),
        books.get("nulled_values", {}),
        quarantine.get("files", []),
        int(quarantine.get("count", 0)),
        updated_at,
    )
