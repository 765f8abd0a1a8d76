"""Shows work orders."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from config.plain_text import plain_text
from pipelines.runtime.console import open_console


def show_orders(result: dict[str, Any]) -> None:
    """One line per order."""
    console = open_console()
    if not result["work_orders"]:
        console.print("there are no such work orders")
        return
    table = Table("order", "compressor", "status", "priority", "by", "planned", "crew", "title")
    for order in result["work_orders"]:
        planned = order["planned_start"]
        table.add_row(
            order["work_order_id"],
            order["compressor_id"],
            order["status"],
            str(order["priority"]),
            str(order["act_by"] or "-"),
            "-" if planned is None else f"{planned:%Y-%m-%d %H:%M}",
            plain_text(order["assigned_to"] or "-"),
            plain_text(order["title"]),
        )
    console.print(table)


def show_exported(result: dict[str, Any]) -> None:
    """The file of each order."""
    console = open_console()
    if not result["exported"]:
        console.print("there is no draft to export")
    for work_order_id, path in result["exported"].items():
        console.print(f"{work_order_id}: {path}", soft_wrap=True)
