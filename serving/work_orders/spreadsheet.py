"""Work orders as a CSV file that people open in a spreadsheet. No text in it can be taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from config.plain_text import plain_text, spreadsheet_text
from serving.work_orders.basis import fault_sentence
from serving.work_orders.order import WorkOrder
from serving.work_orders.priority import PRIORITY_NAMES

COLUMNS: Final = (
    "work_order_id",
    "status",
    "priority",
    "priority_name",
    "compressor_id",
    "model",
    "station_id",
    "basin",
    "town",
    "title",
    "description",
    "act_by",
    "planned_start",
    "assigned_to",
    "reasons",
    "data_faults",
    "rul_days",
    "rul_lower_days",
    "rul_upper_days",
    "failure_probability",
    "horizon_days",
    "prediction_timestamp",
    "model_version",
    "parts_lead_days",
    "cost_at_stake_usd",
    "planned_cost_usd",
    "expected_saving_usd",
    "drafted_at",
    "drafted_by",
    "external_id",
)


def to_csv(orders: Iterable[WorkOrder]) -> str:
    """The orders, one a line, below their column names. Times are UTC; lines end as RFC 4180 has it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for order in orders:
        values = {name: getattr(order, name, None) for name in COLUMNS} | {
            "priority_name": PRIORITY_NAMES[order.priority],
            "reasons": "; ".join(order.reasons),
            "data_faults": "; ".join(map(fault_sentence, order.data_faults)),
        }
        writer.writerow(_cell(values[name]) for name in COLUMNS)
    return file.getvalue()


def _cell(value: Any) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, int | float):
        return value
    lines = (spreadsheet_text(plain_text(line)) for line in str(value).splitlines())
    return "\n".join(lines)
