"""Drafts a work order from a compressor's newest prediction at the moment.

A compressor has one open order, unless another is asked for. So a double click makes one order. A sender's key makes a draft repeatable.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from config.errors import ConflictError, RequestError
from config.sections.costs import CostsConfig
from config.sections.planner.work_orders import Priority, WorkOrdersConfig
from serving.alerts.life_cycle import Act
from serving.work_orders.basis import Basis, read_basis
from serving.work_orders.given_text import require_texts
from serving.work_orders.order import ALLOWED, WorkOrder, find_order, read_order, record_change
from serving.work_orders.priority import priority_of
from serving.work_orders.wording import description_of, title_of


@dataclass(frozen=True)
class DraftRequest:
    """What a person asks for. None leaves a field to the prediction and the rules."""

    compressor_id: str
    reason: str | None = None  # needed without a usable prediction
    draft_key: str | None = None  # the sender's: a repeated draft returns its order
    another: bool = False  # although the compressor has an open order
    title: str | None = None
    description: str | None = None
    priority: Priority | None = None
    act_by: date | None = None
    planned_start: datetime | None = None
    assigned_to: str | None = None


def draft_order(connection: psycopg.Connection, request: DraftRequest, act: Act, costs: CostsConfig, config: WorkOrdersConfig) -> WorkOrder:
    """Draft an order from the newest prediction at the connection's moment (v_moment), and return it.

    A key that was used before returns its order. Raises NotFoundError for an unknown compressor, and ConflictError with the id of the open order.
    Raises RequestError without usable numbers and without a reason, or for a key of another compressor.
    """
    require_texts(vars(request))
    lock_orders(connection, request.compressor_id)
    known = find_order(connection, request.draft_key) if request.draft_key else None
    if known is not None:
        if known.compressor_id != request.compressor_id:
            raise RequestError(("draft_key", f"was used for {known.work_order_id} of {known.compressor_id}: send a new key"))
        return known
    basis = read_basis(connection, request.compressor_id)
    if not request.another:
        _require_none_open(connection, request.compressor_id)
    if not basis.has_numbers and not request.reason:
        status = basis.prediction_status or "never scored"
        raise RequestError(("reason", f"{basis.compressor_id} has no usable prediction ({status}): write why the order is needed"))
    row = _row(basis, request, act, costs, config)
    insert = sql.SQL("INSERT INTO work_orders ({}) VALUES ({}) RETURNING work_order_id").format(
        sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join([sql.Placeholder()] * len(row))
    )
    values = [Jsonb(value) if isinstance(value, list) else value for value in row.values()]
    found = connection.execute(insert, values).fetchone()
    work_order_id = str(found[0]) if found else ""
    record_change(connection, work_order_id, "drafted", act, {"priority": row["priority"], "act_by": _text(row["act_by"])})
    return read_order(connection, work_order_id)


def lock_orders(connection: psycopg.Connection, compressor_id: str) -> None:
    """Wait until no other transaction drafts an order of this compressor. Others then wait for this one."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('altaviz.work_orders'), hashtext(%s))", [compressor_id])


def open_order(connection: psycopg.Connection, compressor_id: str) -> str | None:
    """The id of the compressor's oldest open order."""
    query = "SELECT work_order_id FROM work_orders WHERE compressor_id = %s AND status IN ('draft', 'exported') ORDER BY 1 LIMIT 1"
    row = connection.execute(query, [compressor_id]).fetchone()
    return str(row[0]) if row else None


def _require_none_open(connection: psycopg.Connection, compressor_id: str) -> None:
    found = open_order(connection, compressor_id)
    if found is not None:
        raise ConflictError(f"{compressor_id} has the open order {found}", "open", (*ALLOWED["draft"], "draft another one (another: true)"))


def _row(basis: Basis, request: DraftRequest, act: Act, costs: CostsConfig, config: WorkOrdersConfig) -> dict[str, Any]:
    act_by = request.act_by or basis.act_by
    today = basis.moment.astimezone(UTC).date()
    priority = request.priority or priority_of(basis.health, act_by, basis.failure_probability, today, config.priority)
    return {
        "compressor_id": basis.compressor_id,
        "priority": priority,
        "title": request.title or title_of(basis, act_by),
        "description": request.description or description_of(basis, act_by, request.reason, act.by, costs),
        "draft_reason": request.reason,
        "draft_key": request.draft_key,
        "health": basis.health,
        "prediction_status": basis.prediction_status,
        "reasons": basis.reasons,
        "data_faults": basis.data_faults,
        "act_by": act_by,
        "planned_start": request.planned_start,
        "parts_lead_days": costs.planned.lead_days.value,
        "cost_at_stake_usd": costs.unplanned.usd,
        "planned_cost_usd": costs.planned.repair_usd.value,
        "expected_saving_usd": basis.expected_saving_usd,
        "rul_days": basis.rul_days,
        "rul_lower_days": basis.rul_lower_days,
        "rul_upper_days": basis.rul_upper_days,
        "failure_probability": basis.failure_probability,
        "horizon_days": basis.horizon_days,
        "prediction_timestamp": basis.prediction_timestamp,
        "model_version": basis.model_version,
        "assigned_to": request.assigned_to,
        "drafted_at": act.at,
        "drafted_by": act.by,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
