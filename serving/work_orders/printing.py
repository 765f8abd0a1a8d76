"""A work order as one HTML page to print, without scripts and without files from elsewhere. Every value is escaped."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from config.plain_text import plain_text
from serving.work_orders.basis import fault_sentence
from serving.work_orders.order import WorkOrder
from serving.work_orders.priority import PRIORITY_NAMES

_BLANKS = ("Started at", "Ran again at", "Type (scheduled, unscheduled, inspection, failure)", "Cost, USD", "Found and done", "Signed")


def to_html(order: WorkOrder) -> str:
    """The page. Times are those of the station, UTC without its zone. A completed order shows what was done, an open one has room for it."""
    zone = order.time_zone or "UTC"
    done = None
    if order.status == "completed":
        done = [
            ("Started at", _time(order.event_date, zone)),
            ("Ran again at", _time(order.completed_at, zone)),
            ("Type", order.event_type or "-"),
            ("Downtime", _number(order.downtime_hours, "h", 1)),
            ("Cost", _number(order.cost_usd, "USD", 0)),
            ("Found and done", order.completion_note or "-"),
            ("Reported by", order.completed_by or "-"),
        ]
    return _template().render(
        order=order,
        priority_name=PRIORITY_NAMES[order.priority],
        facts=_facts(order, zone),
        faults=[fault_sentence(fault) for fault in order.data_faults],
        done=done,
        blanks=[(name, "") for name in _BLANKS],
    )


def _facts(order: WorkOrder, zone: str) -> list[tuple[str, str]]:
    life = "no usable prediction"
    if order.rul_days is not None:
        life = f"{order.rul_days:.1f} days ({order.rul_lower_days:.1f} to {order.rul_upper_days:.1f})"
        life += f", predicted {_time(order.prediction_timestamp, zone)}"
    return [
        ("Compressor", f"{order.compressor_id}, {order.model or 'unknown model'}"),
        ("Station", order.place),
        ("Repair by", "-" if order.act_by is None else f"{order.act_by:%a %Y-%m-%d} (UTC day)"),
        ("Planned start", _time(order.planned_start, zone)),
        ("Assigned to", order.assigned_to or "-"),
        ("Remaining life", life),
        ("Parts", _number(order.parts_lead_days, "days to arrive", 0)),
        ("Cost of an unplanned stop", _number(order.cost_at_stake_usd, "USD", 0)),
        ("Cost of the planned repair", _number(order.planned_cost_usd, "USD", 0)),
        ("Expected saving", _number(order.expected_saving_usd, "USD", 0)),
        ("Drafted", f"{_time(order.drafted_at, zone)} by {order.drafted_by}"),
    ]


def _time(moment: datetime | None, zone: str) -> str:
    return "-" if moment is None else moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z")


def _number(value: float | None, unit: str, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f} {unit}"


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("serving.work_orders", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: "\n".join(map(plain_text, value.splitlines())) if isinstance(value, str) else value,
    )
    return environment.get_template("order.html.jinja")
