"""Work orders as their page shows them: what is open, and one order with its log. serving.work_orders.order has the list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.rows import class_row

from config.errors import NotFoundError
from serving.schemas import OrderStatus
from serving.work_orders.order import OrderChange, WorkOrder, read_changes, read_order

STATUSES: Final[tuple[OrderStatus, ...]] = ("draft", "exported", "completed", "cancelled")


@dataclass(frozen=True)
class OrderCounts:
    """Open orders of the fleet, by what has to be done with them."""

    drafts: int
    exported: int
    emergencies: int
    overdue: int  # the day to act by is over
    not_planned: int  # nobody has said when the crew begins
    unassigned: int
    cost_at_stake_usd: float


@dataclass(frozen=True)
class OrderRecord:
    """One order and its log, oldest first."""

    order: WorkOrder
    changes: list[OrderChange]


def order_counts(connection: psycopg.Connection) -> OrderCounts:
    """Counts of the whole fleet at the moment."""
    statement = """
        SELECT count(*) FILTER (WHERE status = 'draft') AS drafts,
               count(*) FILTER (WHERE status = 'exported') AS exported,
               count(*) FILTER (WHERE priority = 1) AS emergencies,
               count(*) FILTER (WHERE act_by < (moment AT TIME ZONE 'UTC')::date) AS overdue,
               count(*) FILTER (WHERE planned_start IS NULL) AS not_planned,
               count(*) FILTER (WHERE assigned_to IS NULL) AS unassigned,
               coalesce(sum(cost_at_stake_usd), 0)::float8 AS cost_at_stake_usd
        FROM v_open_work_orders CROSS JOIN v_moment
    """
    with connection.cursor(row_factory=class_row(OrderCounts)) as cursor:
        found = cursor.execute(statement).fetchone()
    assert found is not None  # an aggregate has one row
    return found


def order_record(connection: psycopg.Connection, work_order_id: str) -> OrderRecord | None:
    """The order that an address names, None without it."""
    if "\x00" in work_order_id:  # PostgreSQL keeps no such text
        return None
    try:
        order = read_order(connection, work_order_id)
    except NotFoundError:
        return None
    return OrderRecord(order, read_changes(connection, work_order_id))
