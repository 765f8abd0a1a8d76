"""The maintenance events of completed orders that the lake has not taken in yet.

The lake's events table is the truth that the warehouse follows. Until it has these rows, whoever reads it adds them
(features/reference_tables/work_order_events.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Final

import polars as pl
import psycopg
from psycopg.rows import class_row

from features.reference_tables.taking_back import EVENT_HISTORY_SCHEMA
from features.reference_tables.work_order_events import add_order_events
from serving.schemas import MaintenanceEvent

_COLUMNS: Final = ", ".join("cost_usd::float8" if item.name == "cost_usd" else item.name for item in fields(MaintenanceEvent))


def waiting_events(connection: psycopg.Connection, *, locked: bool = False) -> list[MaintenanceEvent]:
    """Events that the lake has yet to take in, also reopened ones, which are withdrawn. `locked` keeps them until the transaction ends."""
    query = f"""
        SELECT {_COLUMNS} FROM maintenance_events WHERE NOT in_lake
        ORDER BY compressor_id, event_date, event_type {"FOR UPDATE" if locked else ""}
    """
    with connection.cursor(row_factory=class_row(MaintenanceEvent)) as cursor:
        return cursor.execute(query).fetchall()


def reported_events(connection: psycopg.Connection) -> list[MaintenanceEvent]:
    """The events of all completed orders. A lake that was restored from an older copy lacks some."""
    query = f"""
        SELECT {_COLUMNS} FROM maintenance_events WHERE work_order_id IS NOT NULL AND withdrawn_at IS NULL
        ORDER BY compressor_id, event_date, event_type
    """
    with connection.cursor(row_factory=class_row(MaintenanceEvent)) as cursor:
        return cursor.execute(query).fetchall()


def event_frame(events: Iterable[MaintenanceEvent]) -> pl.DataFrame:
    """The events as rows of the lake's table with its history."""
    rows = [{item.name: getattr(event, item.name) for item in fields(event)} for event in events]
    return pl.DataFrame(rows, schema=EVENT_HISTORY_SCHEMA)


def with_waiting_events(history: pl.DataFrame, waiting: list[MaintenanceEvent], at: datetime) -> pl.DataFrame:
    """The lake's events with those that it has yet to take in, as EVENT_HISTORY_SCHEMA."""
    return add_order_events(history, event_frame(waiting), at) if waiting else history


def mark_loaded(connection: psycopg.Connection, events: Iterable[MaintenanceEvent], at: datetime) -> int:
    """Record that the lake has taken `events` in. Returns their number."""
    known = list(events)
    keys = [[getattr(event, name) for event in known] for name in ("compressor_id", "event_date", "event_type")]
    connection.execute(
        """
        UPDATE maintenance_events SET in_lake = TRUE
        WHERE (compressor_id, event_date, event_type) IN (SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::text[]))
        """,
        keys,
    )
    orders = [event.work_order_id for event in known]
    connection.execute(
        "UPDATE work_orders SET event_loaded_at = %s WHERE work_order_id = ANY(%s) AND status = 'completed' AND event_loaded_at IS NULL",
        [at, orders],
    )
    return len(known)
