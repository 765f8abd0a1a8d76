"""Drops months that the configuration does not keep, without blocking readers, and deletes old rows of logs.

A month stays as long as a view shows one of its rows: the newest of a compressor in service that counts, an alert that is not closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psycopg
from psycopg import sql
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from config.errors import WarehouseError
from serving.warehouse.connection import Warehouse

_DROP_LOCK_TIMEOUT: Final = "2s"  # a DROP that waits makes new readers wait behind it
_DROP_ATTEMPTS, _DROP_PAUSE_S = 15, 2.0

# Why a month stays: {partition} holds rows that a view shows, {table} all rows.
_STILL_SHOWN: Final = {
    "sensor_readings_agg": (
        "newest hour of {count} compressors in service",
        """SELECT count(*) FROM compressor_metadata AS compressor WHERE retired_at IS NULL
             AND EXISTS (SELECT FROM {partition} AS own WHERE own.compressor_id = compressor.compressor_id AND window_type = '1hr')
             AND NOT EXISTS (SELECT FROM {table} AS own WHERE own.compressor_id = compressor.compressor_id AND window_type = '1hr'
                             AND agg_timestamp >= %(end)s)""",
    ),
    "ml_predictions": (
        "newest prediction, or newest one with numbers, of {count} compressors in service",
        """SELECT count(*) FROM compressor_metadata AS compressor, (SELECT rejected_models(moment) AS versions FROM v_moment) AS rejected
           WHERE retired_at IS NULL AND (
             EXISTS (SELECT FROM {partition} AS own WHERE own.compressor_id = compressor.compressor_id AND data_withdrawn_at IS NULL)
             AND NOT EXISTS (SELECT FROM {table} AS own WHERE own.compressor_id = compressor.compressor_id AND prediction_timestamp >= %(end)s
                             AND data_withdrawn_at IS NULL)
             OR EXISTS (SELECT FROM {partition} AS own WHERE own.compressor_id = compressor.compressor_id AND status = 'ok'
                        AND data_withdrawn_at IS NULL AND model_version <> ALL (rejected.versions))
             AND NOT EXISTS (SELECT FROM {table} AS own WHERE own.compressor_id = compressor.compressor_id AND prediction_timestamp >= %(end)s
                             AND status = 'ok' AND data_withdrawn_at IS NULL AND model_version <> ALL (rejected.versions)))""",
    ),
    "alert_history": (
        "{count} alerts that nobody closed",
        """SELECT count(*) FROM {partition}
           WHERE closed_at IS NULL AND NOT withdrawn AND NOT (resolved AND is_acknowledged(acknowledged_at, critical_at))""",
    ),
    "data_quality_metrics": (
        "the newest checks",
        "SELECT count(*) FROM {partition} WHERE NOT EXISTS (SELECT FROM {table} WHERE metric_timestamp >= %(end)s)",
    ),
    "drift_metrics": (
        "the newest drift report",
        "SELECT count(*) FROM {partition} WHERE NOT EXISTS (SELECT FROM {table} WHERE metric_timestamp >= %(end)s)",
    ),
}  # fmt: skip
# Logs without partitions: rows before the limit that nothing needs.
_OLD_ROWS: Final = {
    "alert_changes": """changed_at < %(limit)s AND NOT EXISTS (
        SELECT FROM alert_history AS alert
        WHERE (alert.compressor_id, alert.alert_type, alert.alert_timestamp)
            = (alert_changes.compressor_id, alert_changes.alert_type, alert_changes.alert_timestamp))""",
    "api_writes": "written_at < %(limit)s",
    "outbox": "coalesce(delivered_at, given_up_at) < %(limit)s",
}
TABLES: Final = (*_STILL_SHOWN, *_OLD_ROWS)

_REFRESH: Final = """
    SELECT refresh_newest_predictions(ids), refresh_newest_readings(ids)
    FROM (SELECT array_agg(compressor_id ORDER BY compressor_id) AS ids FROM compressor_metadata WHERE retired_at IS NOT NULL) AS retired
    WHERE ids IS NOT NULL
"""
_LIMIT: Final = "SELECT date_trunc('month', moment, 'UTC') - %s * INTERVAL '1 month' FROM v_moment"
_PARTITIONS: Final = """
    SELECT relname, to_date(right(relname, 8), '"y"YYYY"m"MM')::timestamp AT TIME ZONE 'UTC' AS start
    FROM pg_inherits JOIN pg_class ON oid = inhrelid
    WHERE inhparent = to_regclass(%s) AND NOT inhdetachpending
    ORDER BY start
"""


@dataclass(frozen=True)
class OldMonth:
    """A partition before the limit, with its rows. `stays_for` says what a view still shows of it; None: it goes."""

    table: str
    partition: str
    rows: int
    stays_for: str | None


@dataclass(frozen=True)
class RetentionPlan:
    """What the configuration asks for at one moment: first month to keep by table, old partitions, and old rows of logs."""

    limits: Mapping[str, datetime]
    months: tuple[OldMonth, ...]
    old_rows: Mapping[str, int]


def plan_retention(connection: psycopg.Connection, months_kept: Mapping[str, int | None]) -> RetentionPlan:
    """Find what is older than `months_kept` whole months before the present of the views. None keeps a table for ever."""
    limits: dict[str, datetime] = {}
    for table, months in months_kept.items():
        row = connection.execute(_LIMIT, [months]).fetchone() if months is not None else None
        if row:
            limits[table] = row[0].astimezone(UTC)
    old = [month for table in _STILL_SHOWN if table in limits for month in _old_months(connection, table, limits[table])]
    rows = {
        table: _count(connection, sql.SQL(f"SELECT count(*) FROM {{}} WHERE {old_row}").format(sql.Identifier(table)), limit=limits[table])
        for table, old_row in _OLD_ROWS.items()
        if table in limits
    }
    return RetentionPlan(limits, tuple(old), rows)


def apply_retention(warehouse: Warehouse, plan: RetentionPlan) -> None:
    """Drop the months and delete the rows of `plan`. It can be killed at any time and run again.

    Readers never wait: a month is detached concurrently, then dropped in attempts that give up after two seconds. A month that a longer
    retention wants again is open for rows from now on, and the next `altaviz features` writes what the lake has. Raises WarehouseError.
    """
    with _session(warehouse) as connection:
        _reopen_months(connection, plan.limits)
        _finish_interrupted(warehouse, connection)
        for month in plan.months:
            if month.stays_for is None:
                _record(connection, month, plan.limits[month.table])
                _detach_and_drop(warehouse, connection, month.table, month.partition)
        if any(month.stays_for is None for month in plan.months):
            connection.execute(_REFRESH)  # a compressor out of service may have lost its newest row
        for table, old_row in _OLD_ROWS.items():
            if plan.old_rows.get(table):
                connection.execute(
                    sql.SQL(f"DELETE FROM {{}} WHERE {old_row}").format(sql.Identifier(table)), {"limit": plan.limits[table]}
                )


def _old_months(connection: psycopg.Connection, table: str, limit: datetime) -> Iterator[OldMonth]:
    partitions = [(str(name), start) for name, start in connection.execute(_PARTITIONS, [table]).fetchall()]
    for (name, start), (_, end) in zip(partitions, [*partitions[1:], ("", limit)], strict=True):
        if start >= limit:
            return
        reason, query = _STILL_SHOWN[table]
        names = {"partition": sql.Identifier(name), "table": sql.Identifier(table)}
        shown = _count(connection, sql.SQL(query).format(**names), end=end)
        rows = _count(connection, sql.SQL("SELECT count(*) FROM {partition}").format(**names))
        yield OldMonth(table, name, rows, reason.format(count=shown) if shown else None)


def _count(connection: psycopg.Connection, query: sql.Composed, **parameters: datetime) -> int:
    row = connection.execute(query, parameters).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _session(warehouse: Warehouse) -> Iterator[psycopg.Connection]:
    """One session at a time, outside a transaction: DETACH CONCURRENTLY needs that."""
    try:
        with psycopg.connect(**warehouse.parameters, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(hashtext('altaviz.retention'))")
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise WarehouseError(
            f"warehouse {warehouse.place}: dropping months needs the rights of altaviz_owner: {str(error).splitlines()[0]}"
        ) from error
    except psycopg.Error as error:
        raise WarehouseError(f"warehouse {warehouse.place}: {str(error).splitlines()[0]}") from error


def _reopen_months(connection: psycopg.Connection, limits: Mapping[str, datetime]) -> None:
    """Take rows again of months that a longer retention wants."""
    reopened = 0
    for table, since in connection.execute("SELECT table_name, kept_since FROM retention").fetchall():
        limit = limits.get(table)
        if limit is None:
            reopened += connection.execute("DELETE FROM retention WHERE table_name = %s", [table]).rowcount
        elif limit < since:
            reopened += connection.execute("UPDATE retention SET kept_since = %s WHERE table_name = %s", [limit, table]).rowcount
    if reopened:
        connection.execute("DELETE FROM lake_sync")  # the next features writes everything that differs


def _record(connection: psycopg.Connection, month: OldMonth, limit: datetime) -> None:
    """First of all: a killed run leaves no month that would be made again."""
    connection.execute(
        """INSERT INTO retention AS old (table_name, kept_since, rows_dropped) VALUES (%s, %s, %s)
           ON CONFLICT (table_name) DO UPDATE SET kept_since = greatest(old.kept_since, excluded.kept_since),
                                                  rows_dropped = old.rows_dropped + excluded.rows_dropped""",
        [month.table, limit, month.rows],
    )


def _finish_interrupted(warehouse: Warehouse, connection: psycopg.Connection) -> None:
    """Drop months that a killed run has detached, or begun to detach."""
    pending = "SELECT inhparent::regclass::text, inhrelid::regclass::text FROM pg_inherits WHERE inhdetachpending"
    for table, partition in connection.execute(pending).fetchall():
        connection.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {} FINALIZE").format(sql.Identifier(table), sql.Identifier(partition)))
    detached = """
        SELECT relname FROM pg_class, retention
        WHERE relkind = 'r' AND NOT relispartition AND relnamespace = current_schema()::regnamespace
          AND relname ~ ('^' || table_name || '_y[0-9]{4}m[0-9]{2}$')
    """
    for (partition,) in connection.execute(detached).fetchall():
        _drop(warehouse, connection, str(partition))


def _detach_and_drop(warehouse: Warehouse, connection: psycopg.Connection, table: str, partition: str) -> None:
    detach = sql.SQL("ALTER TABLE {} DETACH PARTITION {} CONCURRENTLY")
    connection.execute(detach.format(sql.Identifier(table), sql.Identifier(partition)))
    _drop(warehouse, connection, partition)


def _drop(warehouse: Warehouse, connection: psycopg.Connection, partition: str) -> None:
    """Drop a detached month. Its foreign key makes it wait for every transaction that reads compressors, so it tries for short times."""
    connection.execute(f"SET lock_timeout = '{_DROP_LOCK_TIMEOUT}'")
    patience = Retrying(
        stop=stop_after_attempt(_DROP_ATTEMPTS),
        wait=wait_fixed(_DROP_PAUSE_S),
        retry=retry_if_exception_type(psycopg.errors.LockNotAvailable),
        reraise=True,
    )
    try:
        patience(connection.execute, sql.SQL("DROP TABLE {}").format(sql.Identifier(partition)))
    except psycopg.errors.LockNotAvailable as error:
        raise WarehouseError(
            f"warehouse {warehouse.place}: {partition} is detached, but a long transaction holds it: end that, then run `altaviz maintain` again"
        ) from error
    finally:
        connection.execute("RESET lock_timeout")
