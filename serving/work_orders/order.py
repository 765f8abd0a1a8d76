"""A work order as it is stored, with its compressor and station, and the log of its changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final, Literal

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from config.errors import ConflictError, NotFoundError
from config.sections.planner.work_orders import Priority
from serving.alerts.life_cycle import Act
from serving.schemas import OrderStatus

Change = Literal["drafted", "changed", "exported", "completed", "reopened", "cancelled"]

OPEN: Final[tuple[OrderStatus, ...]] = ("draft", "exported")
# What each status allows.
ALLOWED: Final[dict[OrderStatus, tuple[str, ...]]] = {
    "draft": ("change", "export", "complete", "cancel"),
    "exported": ("change", "export", "complete", "cancel"),
    "completed": ("reopen",),
    "cancelled": (),
}
_NUMBERS: Final = {
    "parts_lead_days",
    "cost_at_stake_usd",
    "planned_cost_usd",
    "expected_saving_usd",
    "rul_days",
    "rul_lower_days",
    "rul_upper_days",
    "failure_probability",
    "horizon_days",
    "cost_usd",
}
_PLACE: Final = ("model", "horsepower", "station_id", "basin", "town", "latitude", "longitude", "time_zone")


@dataclass(frozen=True)
class WorkOrder:
    """A row of work_orders, with what is known of its compressor and station."""

    work_order_id: str
    compressor_id: str
    status: OrderStatus
    priority: Priority
    title: str
    description: str
    draft_reason: str | None
    draft_key: str | None
    health: str | None
    prediction_status: str | None
    reasons: list[str]
    data_faults: list[dict[str, Any]]
    act_by: date | None
    planned_start: datetime | None
    parts_lead_days: float | None
    cost_at_stake_usd: float | None
    planned_cost_usd: float | None
    expected_saving_usd: float | None
    rul_days: float | None
    rul_lower_days: float | None
    rul_upper_days: float | None
    failure_probability: float | None
    horizon_days: float | None
    prediction_timestamp: datetime | None
    model_version: str | None
    assigned_to: str | None
    drafted_at: datetime
    drafted_by: str
    exported_at: datetime | None
    exported_by: str | None
    external_id: str | None
    completed_at: datetime | None
    completed_by: str | None
    event_type: str | None
    event_date: datetime | None
    downtime_hours: float | None
    cost_usd: float | None
    completion_note: str | None
    event_loaded_at: datetime | None
    cancelled_at: datetime | None
    cancelled_by: str | None
    created_at: datetime
    updated_at: datetime
    model: str | None
    horsepower: float | None
    station_id: str | None
    basin: str | None
    town: str | None
    latitude: float | None
    longitude: float | None
    time_zone: str | None

    @property
    def is_open(self) -> bool:
        """Whether the work is still to be done."""
        return self.status in OPEN

    @property
    def place(self) -> str:
        """The station, its basin and town, as far as they are known."""
        return ", ".join(filter(None, (self.station_id, self.basin, self.town))) or "unknown station"


@dataclass(frozen=True)
class OrderChange:
    """One entry of an order's log."""

    work_order_id: str
    change: Change
    changed_at: datetime
    changed_by: str
    details: dict[str, Any]
    note: str | None


_COLUMNS: Final = ", ".join(
    name if name in _PLACE else f"work.{name}::float8" if name in _NUMBERS else f"work.{name}"
    for name in (item.name for item in fields(WorkOrder))
)
_SELECT: Final = f"""
    SELECT {_COLUMNS}
    FROM work_orders AS work
    JOIN compressor_metadata AS compressor USING (compressor_id)
    LEFT JOIN station_locations AS station USING (station_id)
"""


def read_order(connection: psycopg.Connection, work_order_id: str, *, locked: bool = False) -> WorkOrder:
    """One order. `locked` lets no other transaction change it until this one ends. Raises NotFoundError."""
    query = f"{_SELECT} WHERE work.work_order_id = %s {'FOR UPDATE OF work' if locked else ''}"
    with connection.cursor(row_factory=class_row(WorkOrder)) as cursor:
        order = cursor.execute(query, [work_order_id]).fetchone()
    if order is None:
        raise NotFoundError(f"{work_order_id} is not a work order: list them first")
    return order


def find_order(connection: psycopg.Connection, draft_key: str) -> WorkOrder | None:
    """The order that was drafted with this key."""
    with connection.cursor(row_factory=class_row(WorkOrder)) as cursor:
        return cursor.execute(f"{_SELECT} WHERE work.draft_key = %s", [draft_key]).fetchone()


@dataclass(frozen=True)
class OrderFilter:
    """Which orders are listed. None does not filter; a tuple may name several."""

    statuses: tuple[OrderStatus, ...] | None = None
    compressor_id: str | None = None
    stations: tuple[str, ...] | None = None
    priorities: tuple[Priority, ...] | None = None


def list_orders(
    connection: psycopg.Connection, wanted: OrderFilter | None = None, limit: int | None = None, offset: int = 0
) -> list[WorkOrder]:
    """Orders: open ones first, by the day they are planned or due; the others after them, newest first."""
    query = f"""
        {_SELECT} WHERE {_WANTED}
        ORDER BY work.status IN ('draft', 'exported') DESC,
                 CASE WHEN work.status IN ('draft', 'exported') THEN coalesce(work.planned_start, work.act_by) END,
                 CASE WHEN work.status IN ('draft', 'exported') THEN work.priority END,
                 work.drafted_at DESC, work.work_order_id
        LIMIT %(limit)s OFFSET %(offset)s
    """
    with connection.cursor(row_factory=class_row(WorkOrder)) as cursor:
        return cursor.execute(query, {**_parameters(wanted), "limit": limit, "offset": offset}).fetchall()


def count_orders(connection: psycopg.Connection, wanted: OrderFilter | None = None) -> int:
    """The number of orders that `list_orders` finds without a limit."""
    query = f"SELECT count(*) FROM work_orders AS work JOIN compressor_metadata AS compressor USING (compressor_id) WHERE {_WANTED}"
    row = connection.execute(query, _parameters(wanted)).fetchone()
    return int(row[0]) if row else 0


_WANTED: Final = """
    (%(statuses)s::text[] IS NULL OR work.status = ANY(%(statuses)s))
    AND (%(compressor_id)s::text IS NULL OR work.compressor_id = %(compressor_id)s)
    AND (%(stations)s::text[] IS NULL OR compressor.station_id = ANY(%(stations)s))
    AND (%(priorities)s::int[] IS NULL OR work.priority = ANY(%(priorities)s))
"""


def _parameters(wanted: OrderFilter | None) -> dict[str, Any]:
    asked = wanted or OrderFilter()
    named = {"statuses": asked.statuses, "stations": asked.stations, "priorities": asked.priorities}
    return {**{name: None if values is None else list(values) for name, values in named.items()}, "compressor_id": asked.compressor_id}


def record_change(connection: psycopg.Connection, work_order_id: str, change: Change, act: Act, details: Mapping[str, Any]) -> None:
    """Add an entry to an order's log."""
    connection.execute(
        "INSERT INTO work_order_changes (work_order_id, change, changed_at, changed_by, details, note) VALUES (%s, %s, %s, %s, %s, %s)",
        [work_order_id, change, act.at, act.by, Jsonb(dict(details)), act.note],
    )


def read_changes(connection: psycopg.Connection, work_order_id: str) -> list[OrderChange]:
    """An order's log, oldest first."""
    query = """
        SELECT work_order_id, change, changed_at, changed_by, details, note
        FROM work_order_changes WHERE work_order_id = %s ORDER BY change_id
    """
    with connection.cursor(row_factory=class_row(OrderChange)) as cursor:
        return cursor.execute(query, [work_order_id]).fetchall()


def require_allowed(order: WorkOrder, verb: str) -> None:
    """Raise ConflictError if the order's status does not allow `verb`."""
    allowed = ALLOWED[order.status]
    if verb not in allowed:
        raise ConflictError(f"cannot {verb} {order.work_order_id}", order.status, allowed)
