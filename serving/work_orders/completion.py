"""Completes an order as a maintenance event, and takes a completion back.

The order and the event change in one transaction: the views and the next prediction know the event at once. The lake takes it in with the next
`altaviz features` or `altaviz run` (serving/work_orders/reported_events.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from config.errors import RequestError
from features.contract import EVENT_TYPES, MOST_DOWNTIME_HOURS
from serving.alerts.life_cycle import Act
from serving.work_orders.given_text import require_texts
from serving.work_orders.order import WorkOrder, read_order, record_change, require_allowed

_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_COST_USD: Final = 9_999_999_999.0  # of the column


@dataclass(frozen=True)
class Completion:
    """What was done: the maintenance event. `event_date` is the start of the work."""

    event_type: str
    event_date: datetime
    downtime_hours: float | None = None
    cost_usd: float | None = None
    note: str | None = None
    external_id: str | None = None  # its number in the maintenance system

    @property
    def ends_at(self) -> datetime:
        """When the machine ran again."""
        return self.event_date + timedelta(hours=self.downtime_hours or 0)


def complete_order(connection: psycopg.Connection, work_order_id: str, done: Completion, act: Act) -> WorkOrder:
    """Complete an open order, write its maintenance event, and return the order. The same completion again changes nothing.

    Raises NotFoundError. Raises ConflictError for an order that is cancelled or was completed otherwise, RequestError for values that no event can
    have.
    """
    require_texts(vars(done))
    _require_possible(done, _latest(connection))
    order = read_order(connection, work_order_id, locked=True)
    if order.status == "completed" and _event_of(order) == _stored(done):
        return order
    require_allowed(order, "complete")
    event_type, event_date, downtime_hours, cost_usd = _stored(done)
    connection.execute(
        """
        UPDATE work_orders
        SET status = 'completed', completed_at = %s, completed_by = %s, event_type = %s, event_date = %s, downtime_hours = %s, cost_usd = %s,
            completion_note = %s, external_id = coalesce(%s, external_id), event_loaded_at = NULL
        WHERE work_order_id = %s
        """,
        [done.ends_at, act.by, event_type, event_date, downtime_hours, cost_usd, done.note, done.external_id, work_order_id],
    )
    description = f"{order.title}: {done.note}" if done.note else order.title
    connection.execute(_WRITE_EVENT, [order.compressor_id, event_date, event_type, description, downtime_hours, cost_usd, work_order_id])
    details = {"event_type": event_type, "event_date": event_date.isoformat(), "downtime_hours": downtime_hours, "cost_usd": cost_usd}
    record_change(connection, work_order_id, "completed", act, details)
    return read_order(connection, work_order_id)


# An event that is in force already keeps its values: an events file has the same key, and its record counts.
_WRITE_EVENT: Final = """
    INSERT INTO maintenance_events AS old (compressor_id, event_date, event_type, description, downtime_hours, cost_usd, work_order_id, in_lake)
    VALUES (%s, %s, %s, %s, %s, %s, %s, FALSE)
    ON CONFLICT (compressor_id, event_date, event_type) DO UPDATE SET
        description = CASE WHEN old.withdrawn_at IS NULL THEN old.description ELSE excluded.description END,
        downtime_hours = CASE WHEN old.withdrawn_at IS NULL THEN old.downtime_hours ELSE excluded.downtime_hours END,
        cost_usd = CASE WHEN old.withdrawn_at IS NULL THEN old.cost_usd ELSE excluded.cost_usd END,
        work_order_id = CASE WHEN old.withdrawn_at IS NULL THEN coalesce(old.work_order_id, excluded.work_order_id)
                             ELSE excluded.work_order_id END,
        withdrawn_at = NULL, withdrawn_by = NULL, in_lake = FALSE
"""


# Two orders may be done in one standstill. The event is withdrawn only when no completed order reports it any more.
_HEIR: Final = """
    UPDATE maintenance_events AS event SET work_order_id = other.work_order_id, in_lake = FALSE
    FROM (
        SELECT DISTINCT ON (compressor_id, event_date, event_type) * FROM work_orders
        WHERE status = 'completed' AND work_order_id <> %(own)s ORDER BY compressor_id, event_date, event_type, work_order_id
    ) AS other
    WHERE event.work_order_id = %(own)s AND event.withdrawn_at IS NULL
      AND (other.compressor_id, other.event_date, other.event_type) = (event.compressor_id, event.event_date, event.event_type)
"""


def reopen_order(connection: psycopg.Connection, work_order_id: str, act: Act) -> WorkOrder:
    """Take a completion back, such as one with a wrong date: its event is withdrawn unless another order reports it too, the order is open
    again, and is returned.

    Raises NotFoundError, and ConflictError for an order that is not completed.
    """
    order = read_order(connection, work_order_id, locked=True)
    require_allowed(order, "reopen")
    connection.execute(_HEIR, {"own": work_order_id})
    connection.execute(
        """
        UPDATE maintenance_events SET withdrawn_at = %s, withdrawn_by = %s, in_lake = FALSE
        WHERE work_order_id = %s AND withdrawn_at IS NULL
        """,
        [act.at, f"{act.by}: {work_order_id} reopened", work_order_id],
    )
    connection.execute(
        """
        UPDATE work_orders
        SET status = CASE WHEN exported_at IS NULL THEN 'draft' ELSE 'exported' END, completed_at = NULL, completed_by = NULL,
            event_type = NULL, event_date = NULL, downtime_hours = NULL, cost_usd = NULL, completion_note = NULL, event_loaded_at = NULL
        WHERE work_order_id = %s
        """,
        [work_order_id],
    )
    event_type, event_date, _, _ = _event_of(order)
    record_change(connection, work_order_id, "reopened", act, {"event_type": event_type, "event_date": f"{event_date:%Y-%m-%dT%H:%M:%SZ}"})
    return read_order(connection, work_order_id)


def _event_of(order: WorkOrder) -> tuple[str | None, datetime | None, float | None, float | None]:
    return order.event_type, order.event_date, order.downtime_hours, order.cost_usd


def _stored(done: Completion) -> tuple[str, datetime, float | None, float | None]:
    """The event as the columns keep it: microseconds, cents."""
    return done.event_type, done.event_date, done.downtime_hours, None if done.cost_usd is None else round(done.cost_usd, 2)


def _latest(connection: psycopg.Connection) -> datetime:
    """The last moment that has come, with the clock's skew."""
    row = connection.execute("SELECT latest FROM v_moment").fetchone()
    moment: datetime = row[0] if row else datetime.now(UTC)
    return moment


def _require_possible(done: Completion, latest: datetime) -> None:
    wrong = []
    if done.event_type not in EVENT_TYPES:
        wrong.append(("event_type", f"must be one of {', '.join(EVENT_TYPES)}"))
    hours, cost = done.downtime_hours, done.cost_usd
    if hours is not None and not (math.isfinite(hours) and 0 <= hours <= MOST_DOWNTIME_HOURS):
        wrong.append(("downtime_hours", f"must be from 0 to {MOST_DOWNTIME_HOURS:g} h"))
    elif not _FIRST <= done.event_date <= latest:
        wrong.append(("event_date", f"must be from 2000 to {latest:%Y-%m-%dT%H:%M:%SZ}: an order is completed when the work is done"))
    elif done.ends_at > latest:
        wrong.append(("downtime_hours", "ends in the future: complete the order when the machine runs again"))
    if cost is not None and not (math.isfinite(cost) and 0 <= cost <= _MOST_COST_USD):
        wrong.append(("cost_usd", "must be 0 or more, and below 10 billion USD"))
    if wrong:
        raise RequestError(*wrong)
