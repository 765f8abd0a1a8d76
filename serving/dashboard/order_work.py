"""What a planner does with a work order. Every act goes through the prediction service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from urllib.parse import quote

import streamlit as st

from config.errors import NotWrittenError
from features.contract import EVENT_TYPES, MOST_DOWNTIME_HOURS
from serving.dashboard.charts.times import zone_name
from serving.dashboard.display.formatting import literal
from serving.dashboard.display.orders import EVENT_NAMES
from serving.dashboard.queries.orders import OrderRecord
from serving.dashboard.session import shown_moment
from serving.dashboard.startup import started
from serving.dashboard.states import show_empty
from serving.dashboard.writing import why_not, write
from serving.work_orders.export import FORMATS, TOPIC, export_file
from serving.work_orders.order import ALLOWED, WorkOrder
from serving.work_orders.priority import PRIORITY_NAMES

_OUTCOME: Final = "order_outcome"  # in the session, shown once
_MOST_NAME: Final = 100  # characters, as the service takes
_MOST_NOTE: Final = 2000
_MOST_DESCRIPTION: Final = 20_000
_MOST_COST_USD: Final = 9_999_999_999.0
_TO_NOBODY: Final = "nobody: mark it as exported"
_FILES: Final = (
    ("csv", "CSV", ":material/table:"),
    ("maximo", "Maximo", ":material/data_object:"),
    ("sap", "SAP", ":material/data_object:"),
    ("html", "Page to print", ":material/print:"),
)


def work_panel(record: OrderRecord, zone: tzinfo) -> None:
    """Forms for what the order's status allows. Where nothing can be written, they say why."""
    _show_outcome()
    _files(record.order)
    forms: dict[str, tuple[str, Callable[[OrderRecord, tzinfo], None]]] = {
        "change": ("Change", _change),
        "export": ("Export", _export),
        "complete": ("Complete", _complete),
        "cancel": ("Cancel", _cancel),
        "reopen": ("Reopen", _reopen),
    }
    allowed = [forms[name] for name in forms if name in ALLOWED[record.order.status]]
    if not allowed:
        show_empty("Nothing more to do", "A cancelled order stays as it is. Draft another one on the page of its compressor.")
        return
    reason = why_not()
    if reason:
        st.caption(f":material/info: {reason.capitalize()}")
    for tab, (_, form) in zip(st.tabs([title for title, _ in allowed]), allowed, strict=True):
        with tab:
            form(record, zone)


def changed_values(order: WorkOrder, given: dict[str, Any], zone: tzinfo) -> dict[str, Any]:
    """The fields of a form that differ from the order, as the service takes them. `planned_start` is the station's wall clock. Pure."""
    kept: dict[str, Any] = {
        "planned_start": wall_clock_of(order.planned_start, zone),
        "act_by": order.act_by,
        "assigned_to": order.assigned_to,
        "priority": order.priority,
        "description": order.description,
    }
    changed = {name: value for name, value in given.items() if value != kept[name]}
    if changed.get("planned_start"):
        changed["planned_start"] = utc_text(changed["planned_start"], zone)
    if changed.get("act_by"):
        changed["act_by"] = changed["act_by"].isoformat()
    return changed


def wall_clock_of(moment: datetime | None, zone: tzinfo) -> datetime | None:
    """The station's clock at a moment, to the minute, without its zone."""
    return None if moment is None else moment.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None)


def utc_text(wall_clock: datetime, zone: tzinfo) -> str:
    """A time of the station's clock, as the service takes it."""
    return f"{wall_clock.replace(tzinfo=zone).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _files(order: WorkOrder) -> None:
    """The order as files: for a maintenance system, and to print. They change nothing."""
    with st.container(horizontal=True):
        for wanted, label, icon in _FILES:
            file = export_file(order, wanted, started().settings.work_orders)
            st.download_button(
                label, file.text, file_name=file.name, mime=file.media_type, icon=icon, on_click="ignore", key=f"order-{wanted}"
            )


def _change(record: OrderRecord, zone: tzinfo) -> None:
    order = record.order
    priorities = list(PRIORITY_NAMES)
    with st.form(_key(record, "change"), border=False, enter_to_submit=False):
        first, second = st.columns(2)
        with first:
            planned = st.datetime_input(
                f"Planned start ({_zone(order.planned_start, zone)})",
                wall_clock_of(order.planned_start, zone),
                key=_key(record, "planned"),
            )
            priority = st.selectbox(
                "Priority",
                priorities,
                index=priorities.index(order.priority),
                format_func=lambda number: f"{number} {PRIORITY_NAMES[number]}",
                key=_key(record, "priority"),
            )
        with second:
            assigned = st.text_input("Assigned to", order.assigned_to or "", max_chars=_MOST_NAME, key=_key(record, "assigned"))
            act_by = st.date_input("Act by (UTC day)", order.act_by, key=_key(record, "act_by"))
        description = st.text_area(
            "Description", order.description, max_chars=_MOST_DESCRIPTION, height=180, key=_key(record, "description")
        )
        note = _note(record, "change")
        sent = _submit("Save changes", ":material/save:")
    if sent:
        given = {
            "planned_start": planned,
            "act_by": act_by,
            "assigned_to": assigned.strip() or None,
            "priority": priority,
            "description": description,
        }
        values = changed_values(order, given, zone)
        if not values:
            st.info("Nothing was changed, so nothing was saved", icon=":material/info:")
            return
        _perform(order, "PATCH", "", {**values, "note": note}, "Changes saved")


def _export(record: OrderRecord, _: tzinfo) -> None:
    order = record.order
    channels = [name for name, channel in started().settings.notifications.channels.items() if TOPIC in channel.topics]
    with st.form(_key(record, "export"), border=False, enter_to_submit=False):
        wanted = st.selectbox("Format", FORMATS, key=_key(record, "format"))
        to = st.selectbox("Send to", [_TO_NOBODY, *channels], key=_key(record, "channel"))
        if not channels:
            st.caption(f"No channel of notifications.yaml takes {TOPIC}. Download a file above, and mark the order here.")
        note = _note(record, "export")
        sent = _submit("Export", ":material/send:")
    if sent:
        channel = None if to == _TO_NOBODY else to
        told = "Marked as exported" if channel is None else f"Exported: the message to {channel} is in the outbox"
        _perform(order, "POST", "/export", {"format": wanted, "channel": channel, "note": note}, told)


def _complete(record: OrderRecord, zone: tzinfo) -> None:
    order, moment = record.order, shown_moment().moment
    begun = order.planned_start if order.planned_start is not None and order.planned_start <= moment else None
    with st.form(_key(record, "complete"), border=False, enter_to_submit=False):
        event_type = st.selectbox("What was done", EVENT_TYPES, format_func=lambda name: EVENT_NAMES[name], key=_key(record, "event_type"))
        first, second, third = st.columns(3)
        with first:
            start = st.datetime_input(
                f"Start ({_zone(begun or moment, zone)})",
                wall_clock_of(begun, zone),
                max_value=wall_clock_of(moment, zone),
                min_value=datetime(2000, 1, 1),
                key=_key(record, "start"),
            )
        with second:
            hours = st.number_input("Standstill (hours)", 0.0, MOST_DOWNTIME_HOURS, None, 1.0, key=_key(record, "hours"))
        with third:
            cost = st.number_input("Cost (USD)", 0.0, _MOST_COST_USD, None, 100.0, key=_key(record, "cost"))
        external_id = st.text_input("Number in the maintenance system", max_chars=_MOST_NAME, key=_key(record, "external"))
        note = _note(record, "complete", "What was found and done")
        sent = _submit("Complete the order", ":material/task_alt:")
    if sent:
        if start is None:
            st.error("Give the start of the work: it tells which readings are from before the repair", icon=":material/error:")
            return
        body = {
            "event_type": event_type,
            "event_date": utc_text(start, zone),
            "downtime_hours": hours,
            "cost_usd": cost,
            "external_id": external_id.strip() or None,
            "note": note,
        }
        _perform(order, "POST", "/complete", body, "Completed: the work is a maintenance event now")


def _cancel(record: OrderRecord, _: tzinfo) -> None:
    with st.form(_key(record, "cancel"), border=False, enter_to_submit=False):
        st.caption("A cancelled order cannot be opened again. Its log is kept.")
        note = _note(record, "cancel")
        sent = _submit("Cancel this order", ":material/block:")
    if sent:
        _perform(record.order, "POST", "/cancel", {"note": note}, "Cancelled")


def _reopen(record: OrderRecord, _: tzinfo) -> None:
    with st.form(_key(record, "reopen"), border=False, enter_to_submit=False):
        st.caption("The maintenance event is withdrawn, and the order is open again. Reopen an order whose completion was wrong.")
        note = _note(record, "reopen")
        sent = _submit("Reopen this order", ":material/undo:")
    if sent:
        _perform(record.order, "POST", "/reopen", {"note": note}, "Reopened: its maintenance event is withdrawn")


def _note(record: OrderRecord, act: str, label: str = "Note (kept in the log)") -> str | None:
    return st.text_input(label, max_chars=_MOST_NOTE, key=_key(record, f"note-{act}")).strip() or None


def _submit(label: str, icon: str) -> bool:
    reason = why_not()
    return st.form_submit_button(label, type="primary", icon=icon, disabled=reason is not None, help=reason)


def _key(record: OrderRecord, name: str) -> str:
    """Of a widget. A change of the order makes new ones, which show what is stored."""
    return f"{name}-{record.order.work_order_id}-{len(record.changes)}"


def _zone(moment: datetime | None, zone: tzinfo) -> str:
    return zone_name(moment or shown_moment().moment, zone)


def _perform(order: WorkOrder, method: str, act: str, body: dict[str, Any], done: str) -> None:
    """Send the act, then read everything anew. The outcome is shown above the forms."""
    try:
        write(method, f"/v1/work-orders/{quote(order.work_order_id, safe='')}{act}", body)
    except NotWrittenError as error:
        st.session_state[_OUTCOME] = (None, str(error))
    else:
        st.session_state[_OUTCOME] = (done, None)
    st.rerun()


def _show_outcome() -> None:
    done, refused = st.session_state.pop(_OUTCOME, (None, None))
    if done:
        st.success(done, icon=":material/check_circle:")
    if refused:
        st.error(literal(refused), icon=":material/error:")
