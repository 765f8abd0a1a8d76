"""The columns of a compressor's alerts, maintenance and work orders. Rows are dictionaries of serving.warehouse.fleet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any, Final

from markupsafe import Markup

from serving.dashboard.display.formatting import local_time, number, short_date, usd
from serving.dashboard.display.table import Column
from serving.dashboard.display.urgency import badge

Row = dict[str, Any]
_SOURCES: Final = {"threshold": "limit", "own_normal": "own normal", "prediction": "prediction", "data": "data"}


def alert_columns(zone: tzinfo, link_to: Callable[[str], str]) -> list[Column[Row]]:
    """Worst first. The message links to the alert."""
    return [
        Column("Severity", lambda row: row["severity"], lambda row: badge(row["severity"])),
        Column("State", lambda row: row["state"]),
        Column("Alert", lambda row: row["message"], lambda row: _linked(link_to(row["alert_id"]), row["message"]), wide=True),
        Column("From", lambda row: _SOURCES.get(row["source"], row["source"])),
        Column("Since", lambda row: row["raised_at"], lambda row: _when(local_time(row["raised_at"], zone))),
        Column("Assigned to", lambda row: row["assigned_to"]),
    ]


def event_columns(zone: tzinfo) -> list[Column[Row]]:
    """Newest first."""
    return [
        Column("Begun", lambda row: row["event_date"], lambda row: _when(local_time(row["event_date"], zone, year=True))),
        Column("What", lambda row: row["event_type"]),
        Column("Description", lambda row: row["description"], wide=True),
        Column("Standstill (h)", lambda row: row["downtime_hours"], lambda row: number(row["downtime_hours"]), number=True),
        Column("Cost", lambda row: row["cost_usd"], lambda row: usd(row["cost_usd"]), number=True),
    ]


def work_columns(zone: tzinfo, link_to: Callable[[str], str]) -> list[Column[Row]]:
    """Soonest first. The number links to the order."""
    return [
        Column("Work order", lambda row: row["work_order_id"], lambda row: _linked(link_to(row["work_order_id"]), row["work_order_id"])),
        Column("Status", lambda row: row["status"]),
        Column("Priority", lambda row: row["priority"], number=True),
        Column("Title", lambda row: row["title"], wide=True),
        Column("Act by", lambda row: row["act_by"], lambda row: short_date(row["act_by"])),
        Column("Planned start", lambda row: row["planned_start"], lambda row: _when(local_time(row["planned_start"], zone))),
        Column("Assigned to", lambda row: row["assigned_to"]),
    ]


def _linked(address: str, text: str) -> Markup:
    return Markup('<a href="{0}">{1}</a>').format(address, text)


def _when(text: str) -> Markup:
    return Markup('<span class="az-nowrap">{0}</span>').format(text)
