"""Changes and cancels an open order. Each change is kept with who, when and what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from config.errors import RequestError
from serving.alerts.life_cycle import Act
from serving.work_orders.given_text import require_texts
from serving.work_orders.order import WorkOrder, read_order, record_change, require_allowed

# What a person may set, and whether it may be emptied.
CHANGEABLE: Final[dict[str, bool]] = {
    "priority": False,
    "title": False,
    "description": True,
    "act_by": True,
    "planned_start": True,
    "assigned_to": True,
    "external_id": True,
}


def change_order(connection: psycopg.Connection, work_order_id: str, values: Mapping[str, Any], act: Act) -> WorkOrder:
    """Set fields of an open order by name (CHANGEABLE), and return it. Equal values change and log nothing.

    Concurrent changes wait for each other, and each keeps the fields that it does not name. Raises NotFoundError. Raises
    ConflictError for an order that is completed or cancelled, RequestError for a field that nobody may set.
    """
    wrong = [(name, "cannot be set: use one of " + ", ".join(CHANGEABLE)) for name in values if name not in CHANGEABLE]
    wrong += [(name, "must not be empty") for name, value in values.items() if CHANGEABLE.get(name) is False and value in (None, "")]
    if wrong:
        raise RequestError(*wrong)
    require_texts(values)
    order = read_order(connection, work_order_id, locked=True)
    require_allowed(order, "change")
    stored = {name: "" if name == "description" and value is None else value for name, value in values.items()}
    changed = {name: value for name, value in stored.items() if getattr(order, name) != value}
    if not changed:
        return order
    _update(connection, work_order_id, changed)
    details = {name: [_plain(getattr(order, name)), _plain(value)] for name, value in changed.items()}
    record_change(connection, work_order_id, "changed", act, details)
    return read_order(connection, work_order_id)


def cancel_order(connection: psycopg.Connection, work_order_id: str, act: Act) -> WorkOrder:
    """Cancel an open order, and return it. A cancelled order stays as it is. Raises NotFoundError, ConflictError."""
    order = read_order(connection, work_order_id, locked=True)
    if order.status == "cancelled":
        return order
    require_allowed(order, "cancel")
    _update(connection, work_order_id, {"status": "cancelled", "cancelled_at": act.at, "cancelled_by": act.by})
    record_change(connection, work_order_id, "cancelled", act, {"status": [order.status, "cancelled"]})
    return read_order(connection, work_order_id)


def _update(connection: psycopg.Connection, work_order_id: str, values: Mapping[str, Any]) -> None:
    assignments = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values)
    update = sql.SQL("UPDATE work_orders SET {} WHERE work_order_id = %s").format(assignments)
    connection.execute(update, [*values.values(), work_order_id])


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value
