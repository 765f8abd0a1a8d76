"""Lists, exports and reopens the work orders of a home: `altaviz work-orders`. The service's routes do the rest."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from config.errors import InputError
from config.settings import Settings
from serving.alerts.life_cycle import Act
from serving.schemas import ExportFormat, OrderStatus
from serving.warehouse.migrations import migrated_warehouse
from serving.work_orders.completion import reopen_order
from serving.work_orders.export import export_file, export_order
from serving.work_orders.order import OPEN, OrderFilter, WorkOrder, list_orders, read_order, require_allowed

_SHOWN = (
    "work_order_id",
    "compressor_id",
    "status",
    "priority",
    "title",
    "act_by",
    "planned_start",
    "assigned_to",
    "drafted_at",
    "drafted_by",
    "external_id",
)


def listed(settings: Settings, status: OrderStatus | None, compressor_id: str | None) -> dict[str, Any]:
    """`work_orders`, those of one status (None: the open ones). Raises WarehouseError."""
    wanted = OrderFilter((status,) if status else OPEN, compressor_id)
    with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        return {"work_orders": [_row(order) for order in list_orders(connection, wanted)]}


def export(settings: Settings, folder: Path, wanted: ExportFormat, ids: list[str], by: str | None) -> dict[str, Any]:
    """Write a file for each order into `folder`, and mark the orders as exported. Without `ids`, every draft.

    A file is written before its order is marked: a killed run is simply run again. Returns `exported` {order: path}. Raises InputError,
    NotFoundError, ConflictError, WarehouseError.
    """
    exported = {}
    with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        orders = [read_order(connection, name) for name in ids] if ids else list_orders(connection, OrderFilter(("draft",)))
        act = Act(by or _operator(), _moment(connection))
        for order in orders:
            require_allowed(order, "export")
        for order in orders:
            file = export_file(order, wanted, settings.work_orders)
            path = folder / file.name
            try:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(file.text, encoding="utf-8", newline="")
            except OSError as error:
                raise InputError(f"{path} cannot be written ({error.strerror}): choose another folder") from error
            export_order(connection, order.work_order_id, wanted, None, act, settings.work_orders)
            exported[order.work_order_id] = str(path)
    return {"format": wanted, "exported": exported}


def reopen(settings: Settings, work_order_id: str, reason: str | None, by: str | None) -> dict[str, Any]:
    """Take a completion back, and return the order. Raises NotFoundError, ConflictError, WarehouseError."""
    with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        return _row(reopen_order(connection, work_order_id, Act(by or _operator(), _moment(connection), reason)))


def _row(order: WorkOrder) -> dict[str, Any]:
    values = asdict(order)
    return {name: values[name] for name in _SHOWN}


def _moment(connection: psycopg.Connection) -> datetime:
    """The present of the home: a past moment while it replays."""
    row = connection.execute("SELECT date_trunc('second', moment) FROM v_moment").fetchone()
    if row is None:
        raise InputError("the home has no view rules: run `altaviz score` first")
    moment: datetime = row[0]
    return moment


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return "unknown"
