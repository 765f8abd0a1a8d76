"""Work orders as tables, cards and sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from markupsafe import Markup

from serving.dashboard.display.cards import Card
from serving.dashboard.display.formatting import DASH, counted, day_from, days, local_time, number, short_date, usd, zone_of
from serving.dashboard.display.table import Column
from serving.dashboard.queries.orders import OrderCounts
from serving.work_orders.basis import fault_sentence
from serving.work_orders.order import OrderChange, WorkOrder
from serving.work_orders.priority import PRIORITY_NAMES
from serving.work_orders.workload import WorkDay

_STATUSES: Final = {
    "draft": ("info", "○", "draft"),
    "exported": ("info", "→", "exported"),
    "completed": ("healthy", "✓", "completed"),
    "cancelled": ("unknown", "×", "cancelled"),
}
_PRIORITIES: Final = {1: ("critical", "▲"), 2: ("warning", "◆")}
_MOST_SHOWN: Final = 60  # characters of a value in the log; a longer text was written anew
EVENT_NAMES: Final = {
    "scheduled": "scheduled: a planned repair or service",
    "unscheduled": "unscheduled: a repair that nobody had planned",
    "inspection": "inspection: looked at, no life renewed",
    "failure": "failure: it broke before the repair",
}


def order_columns(moment: datetime, link_to: Callable[[str], str], compressor_link: Callable[[str], str]) -> list[Column[WorkOrder]]:
    """Soonest first. The number leads to the order, the compressor to its page. Times are those of the station."""
    return [
        Column("Work order", lambda row: row.work_order_id, lambda row: _linked(link_to(row.work_order_id), row.work_order_id)),
        Column("Status", lambda row: row.status, lambda row: status_badge(row.status)),
        Column("Priority", lambda row: row.priority, lambda row: priority_text(row)),
        Column("Compressor", lambda row: row.compressor_id, lambda row: _compressor(row, compressor_link(row.compressor_id))),
        Column("What", lambda row: row.title, wide=True),
        Column("Act by", lambda row: row.act_by, lambda row: _act_by(row, moment)),
        Column("Planned start", lambda row: row.planned_start, lambda row: _when(row.planned_start, zone_of(row.time_zone))),
        Column("Assigned to", lambda row: row.assigned_to),
        Column("At stake", lambda row: row.cost_at_stake_usd, lambda row: usd(row.cost_at_stake_usd), number=True),
        Column("Saving", lambda row: row.expected_saving_usd, lambda row: usd(row.expected_saving_usd), number=True),
        Column("Parts (days)", lambda row: row.parts_lead_days, in_page=False),
        Column("Station", lambda row: row.station_id, in_page=False),
        Column("Model", lambda row: row.model, in_page=False),
        Column("Description", lambda row: row.description, in_page=False),
        Column("Drafted at", lambda row: row.drafted_at, in_page=False),
        Column("Drafted by", lambda row: row.drafted_by, in_page=False),
        Column("Exported at", lambda row: row.exported_at, in_page=False),
        Column("Number elsewhere", lambda row: row.external_id, in_page=False),
        Column("Event", lambda row: row.event_type, in_page=False),
        Column("Begun at", lambda row: row.event_date, in_page=False),
        Column("Standstill (h)", lambda row: row.downtime_hours, in_page=False),
        Column("Cost (USD)", lambda row: row.cost_usd, in_page=False),
    ]


def change_columns(zone: tzinfo) -> list[Column[OrderChange]]:
    """The log of an order."""
    return [
        Column("When", lambda row: row.changed_at, lambda row: _when(row.changed_at, zone, year=True)),
        Column("What", lambda row: row.change),
        Column("Who", lambda row: row.changed_by),
        Column("More", lambda row: details_text(row.details, zone) or None, wide=True),
        Column("Note", lambda row: row.note, wide=True),
    ]


def day_columns(link_to: Callable[[str], str]) -> list[Column[WorkDay]]:
    """The days ahead: what is due, what is planned, and whether the crews can do it."""
    return [
        Column("Day (UTC)", lambda row: row.day, lambda row: Markup('<span class="az-nowrap">{0}</span>').format(short_date(row.day))),
        Column("Due", lambda row: row.due_repairs, number=True),
        Column("Without an order", lambda row: row.due_unordered, number=True),
        Column("Without a start", lambda row: row.due_unplanned, number=True),
        Column("Orders planned", lambda row: " ".join(row.planned_work_orders), lambda row: _planned(row.planned_work_orders, link_to)),
        Column("Crews", lambda row: row.crews, lambda row: f"{row.crews:g}", number=True),
        Column("Load", lambda row: "too much" if row.is_overloaded else None, _overload),
    ]


def count_cards(counts: OrderCounts) -> list[Card]:
    """What is open in the fleet."""
    return [
        Card("Drafts", f"{counts.drafts:,}", "not in the maintenance system yet"),
        Card("Exported", f"{counts.exported:,}", "to be done"),
        Card("Emergencies", f"{counts.emergencies:,}", "priority 1", "critical" if counts.emergencies else None),
        Card("Overdue", f"{counts.overdue:,}", "the day to act by is over", "warning" if counts.overdue else None),
        Card("Not planned", f"{counts.not_planned:,}", "without a start"),
        Card("Not assigned", f"{counts.unassigned:,}", "to a person"),
        Card("At stake", usd(counts.cost_at_stake_usd), "if all of them fail"),
    ]


def order_cards(order: WorkOrder, moment: datetime, zone: tzinfo) -> list[Card]:
    """The numbers of one order."""
    urgency, _ = _PRIORITIES.get(order.priority, (None, ""))
    is_open = order.status in ("draft", "exported")
    life = ""
    if order.rul_lower_days is not None and order.rul_upper_days is not None:
        life = f"{order.rul_lower_days:.1f} to {order.rul_upper_days:.1f} when drafted"
    repair = "" if order.planned_cost_usd is None else f"the planned repair: {usd(order.planned_cost_usd)}"
    return [
        Card("Priority", f"{order.priority}", PRIORITY_NAMES[order.priority], urgency),
        Card("Act by", short_date(order.act_by), (day_from(order.act_by, moment) if is_open else order.status) or "no date"),
        Card("Planned start", local_time(order.planned_start, zone), order.assigned_to or "not assigned"),
        Card(
            "Parts take",
            DASH if order.parts_lead_days is None else counted(round(order.parts_lead_days), "day"),
            _parts_note(order, moment),
        ),
        Card("Cost at stake", usd(order.cost_at_stake_usd), repair),
        Card("Saving", usd(order.expected_saving_usd), "planned instead of failed"),
        Card("Remaining life", days(order.rul_days), life),
    ]


def _parts_note(order: WorkOrder, moment: datetime) -> str:
    """When parts have to be ordered for the planned start, else for the day to act by; and that it is too late for it."""
    work = order.planned_start.astimezone(UTC).date() if order.planned_start is not None else order.act_by
    if order.status not in ("draft", "exported") or work is None or order.parts_lead_days is None:
        return ""
    order_by = work - timedelta(days=float(order.parts_lead_days))
    if order_by < moment.astimezone(UTC).date():
        return f"too late for {short_date(work)}, unless they are in stock"
    return f"order them by {short_date(order_by)}"


def reasons_list(order: WorkOrder) -> Markup:
    """Why the order was drafted: a person's reason, those of the prediction, and faults of sensors."""
    lines = [f"{order.drafted_by}: {order.draft_reason}"] if order.draft_reason else []
    lines += order.reasons
    lines += [f"Check the sensor too. {fault_sentence(fault)}" for fault in order.data_faults]
    items = Markup("").join(Markup("<li>{0}</li>").format(line) for line in lines or ["no reason was kept"])
    return Markup('<b>Why</b><ul class="az-reasons">{0}</ul>').format(items)


def origin_text(order: WorkOrder, zone: tzinfo) -> str:
    """Where the order came from."""
    told = f"Drafted {local_time(order.drafted_at, zone)} by {order.drafted_by}"
    if order.prediction_timestamp is None:
        return f"{told}, without a usable prediction."
    return f"{told}, from the prediction of {local_time(order.prediction_timestamp, zone)} by model version {order.model_version}."


def ending_text(order: WorkOrder, zone: tzinfo) -> str | None:
    """How the order ended; None while it is open."""
    if order.status == "cancelled":
        return f"{local_time(order.cancelled_at, zone)} by {order.cancelled_by}"
    if order.status != "completed":
        return None
    cost = "no cost given" if order.cost_usd is None else usd(order.cost_usd)
    still = "no standstill given" if order.downtime_hours is None else f"{number(order.downtime_hours)} h of standstill"
    lake = "The lake has it." if order.event_loaded_at else "The lake takes it in with the next altaviz run."
    note = f" {order.completion_note}" if order.completion_note else ""
    return f"{order.event_type}, begun {local_time(order.event_date, zone)}, {still}, {cost}. Told by {order.completed_by}.{note} {lake}"


def status_badge(status: str) -> Markup:
    """Symbol and word on a colour."""
    look = _STATUSES[status]
    return Markup('<span class="az-badge az-{0}"><span aria-hidden="true">{1}</span> {2}</span>').format(*look)


def priority_text(order: WorkOrder) -> Markup:
    """Number and name; the urgent ones on a colour."""
    text = f"{order.priority} {PRIORITY_NAMES[order.priority]}"
    if order.priority not in _PRIORITIES or not order.is_open:
        return Markup('<span class="az-nowrap">{0}</span>').format(text)
    return Markup('<span class="az-badge az-{0}"><span aria-hidden="true">{1}</span> {2}</span>').format(*_PRIORITIES[order.priority], text)


def details_text(details: Mapping[str, Any], zone: tzinfo) -> str:
    """Details of a change as a sentence: `planned start: – → Tue 10 Mar 08:00 CDT`."""
    return "; ".join(_detail(name.replace("_", " "), value, zone) for name, value in details.items() if value is not None)


def _detail(name: str, value: Any, zone: tzinfo) -> str:
    if not isinstance(value, list):
        return f"{name}: {_text(value, zone)}"
    shown = [_text(item, zone) for item in value]
    if any(len(text) > _MOST_SHOWN or "\n" in text for text in shown):
        return f"{name}: written anew"
    return f"{name}: {' → '.join(shown)}"


def _text(value: Any, zone: tzinfo) -> str:
    if value in (None, ""):
        return DASH
    if isinstance(value, str) and "T" in value:
        try:
            return local_time(datetime.fromisoformat(value), zone)
        except ValueError:
            return value
    return "yes" if value is True else "no" if value is False else str(value)


def _linked(address: str, text: str) -> Markup:
    return Markup('<a href="{0}">{1}</a>').format(address, text)


def _compressor(row: WorkOrder, address: str) -> Markup:
    place = " · ".join(part for part in (row.station_id, row.model) if part)
    return Markup('<a href="{0}">{1}</a><span class="az-sub">{2}</span>').format(address, row.compressor_id, place)


def _act_by(row: WorkOrder, moment: datetime) -> Markup:
    if row.act_by is None:
        return Markup('<span class="az-faint">{0}</span>').format(DASH)
    ahead = day_from(row.act_by, moment) if row.is_open else ""
    return Markup('<span class="az-nowrap">{0}</span><span class="az-sub">{1}</span>').format(short_date(row.act_by), ahead)


def _when(moment: datetime | None, zone: tzinfo, *, year: bool = False) -> Markup:
    return Markup('<span class="az-nowrap">{0}</span>').format(local_time(moment, zone, year=year))


def _planned(work_order_ids: Sequence[str], link_to: Callable[[str], str]) -> Markup:
    if not work_order_ids:
        return Markup('<span class="az-faint">{0}</span>').format("none")
    return Markup(" ").join(_linked(link_to(name), name) for name in work_order_ids)


def _overload(row: WorkDay) -> Markup:
    if not row.is_overloaded:
        return Markup("")
    return Markup('<span class="az-badge az-warning"><span aria-hidden="true">◆</span> {0}</span>').format("more than the crews can do")
