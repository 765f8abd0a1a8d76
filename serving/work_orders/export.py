"""Exports an order to the maintenance system: as a file for a person, or as a message through the outbox."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final, get_args

import psycopg

from config.errors import RequestError
from config.sections.planner.work_orders import WorkOrdersConfig
from serving.alerts.life_cycle import Act
from serving.notifications.outbox import enqueue
from serving.schemas import ExportFormat
from serving.work_orders.given_text import require_texts
from serving.work_orders.maximo import to_maximo
from serving.work_orders.order import WorkOrder, read_order, record_change, require_allowed
from serving.work_orders.printing import to_html
from serving.work_orders.sap import to_sap
from serving.work_orders.spreadsheet import to_csv

FORMATS: Final[tuple[ExportFormat, ...]] = get_args(ExportFormat)
TOPIC: Final = "work_order.exported"


@dataclass(frozen=True)
class ExportedFile:
    """An order as text for another system."""

    name: str
    media_type: str
    text: str


def export_file(order: WorkOrder, wanted: str, config: WorkOrdersConfig) -> ExportedFile:
    """The order in one of FORMATS, or as a page to print (html). Raises RequestError for another one. Nothing is written."""
    if wanted == "html":
        return ExportedFile(f"{order.work_order_id}.html", "text/html; charset=utf-8", to_html(order))
    if wanted == "csv":
        return ExportedFile(f"{order.work_order_id}.csv", "text/csv; charset=utf-8", to_csv([order]))
    document = json.dumps(_body(order, wanted, config), ensure_ascii=False, indent=2)
    return ExportedFile(f"{order.work_order_id}.{wanted}.json", "application/json", f"{document}\n")


def export_order(
    connection: psycopg.Connection, work_order_id: str, wanted: str, channel: str | None, act: Act, config: WorkOrdersConfig
) -> WorkOrder:
    """Mark an open order as exported, and send it to `channel` of notifications.yaml if one is named. Returns the order.

    Sending is left to the outbox: a receiver that is down delays nothing. The same content is sent to a channel once. Raises NotFoundError.
    Raises ConflictError for an order that is completed or cancelled, RequestError for an unknown format.
    """
    require_texts({"channel": channel})
    order = read_order(connection, work_order_id, locked=True)
    require_allowed(order, "export")
    body: Any = to_csv([order]) if wanted == "csv" else _body(order, wanted, config)
    connection.execute(
        "UPDATE work_orders SET status = 'exported', exported_at = %s, exported_by = %s WHERE work_order_id = %s",
        [act.at, act.by, work_order_id],
    )
    sent = None
    if channel is not None:
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        payload = {
            "work_order_id": work_order_id,
            "compressor_id": order.compressor_id,
            "title": order.title,
            "priority": order.priority,
            "act_by": None if order.act_by is None else order.act_by.isoformat(),
            "exported_by": act.by,
            "format": wanted,
            "body": body,
        }
        sent = enqueue(connection, channel, TOPIC, f"{work_order_id}~{wanted}~{digest[:16]}", payload)
    record_change(connection, work_order_id, "exported", act, {"format": wanted, "channel": channel, "sent": sent})
    return read_order(connection, work_order_id)


def _body(order: WorkOrder, wanted: str, config: WorkOrdersConfig) -> dict[str, Any]:
    if wanted == "maximo":
        return to_maximo(order, config.maximo)
    if wanted == "sap":
        return to_sap(order, config.sap)
    raise RequestError(("format", f"must be one of {', '.join(FORMATS)}"))
