"""Work orders: what is to be done by when, by whom, and how it ended."""

from __future__ import annotations

from datetime import UTC
from math import ceil
from typing import Final

import streamlit as st
from markupsafe import Markup

from serving.dashboard.charts.repairs import repairs_chart, repairs_text, work_loads
from serving.dashboard.display.cards import cards
from serving.dashboard.display.formatting import counted, zone_of
from serving.dashboard.display.orders import (
    change_columns,
    count_cards,
    day_columns,
    ending_text,
    order_cards,
    order_columns,
    origin_text,
    reasons_list,
    status_badge,
)
from serving.dashboard.display.table import csv_text, html_table
from serving.dashboard.drawing import draw
from serving.dashboard.head import show_head
from serving.dashboard.links import COMPRESSOR, WORK_ORDER, compressor_link, link
from serving.dashboard.order_work import work_panel
from serving.dashboard.queries.fleet import compressor_ids, filter_choices
from serving.dashboard.queries.orders import STATUSES, OrderRecord, order_counts, order_record
from serving.dashboard.session import is_dark, read, shown_moment
from serving.dashboard.startup import started
from serving.dashboard.states import show_empty
from serving.work_orders.order import OPEN, OrderFilter, count_orders, list_orders
from serving.work_orders.priority import PRIORITY_NAMES
from serving.work_orders.workload import workload

_MOST_IN_FILE: Final = 100_000
_DAYS_AHEAD: Final = 10  # as the Today page shows
_FILTERS: Final = ("status", "priority", "station", COMPRESSOR, "page")
_PRIORITIES: Final = {f"{number} {name}": number for number, name in PRIORITY_NAMES.items()}


def show() -> None:
    """The page. The order that the address names stands first."""
    show_head("Work orders")
    asked = st.query_params.get(WORK_ORDER)
    if asked is not None:
        record = read(order_record, asked)
        if record is None:
            show_empty(f"There is no work order {asked}", "Choose another one in the list below.")
        else:
            _order(record)
    st.subheader("All work orders" if asked is not None else "What is open", anchor=False)
    if asked is None:
        st.html(cards(count_cards(read(order_counts))))
    _list(_filters())
    _days()


def _order(record: OrderRecord) -> None:
    """One order: what, why, by when, and the forms that work it."""
    order = record.order
    zone = zone_of(order.time_zone)
    st.html(
        Markup('<h2 class="az-name">{0} {1} <a href="{2}">{3}</a> <span class="az-faint">{4}</span></h2>').format(
            order.work_order_id,
            status_badge(order.status),
            compressor_link(order.compressor_id),
            order.compressor_id,
            " · ".join(part for part in (order.model, order.place) if part),
        )
    )
    st.html(Markup('<div class="az-text"><b>{0}</b></div>').format(order.title))
    st.html(cards(order_cards(order, shown_moment().moment, zone)))
    ending = ending_text(order, zone)
    if ending:
        show_empty(order.status.capitalize(), ending)
    why, work = st.columns([1, 1])
    with why:
        st.html(reasons_list(order))
        st.html(Markup('<span class="az-faint">{0}</span>').format(origin_text(order, zone)))
        if order.external_id:
            st.html(Markup('<span class="az-faint">{0} {1}</span>').format("Number in the maintenance system:", order.external_id))
        with st.expander("Description"):
            st.html(Markup('<div class="az-text">{0}</div>').format(order.description or "none"))
    with work:
        work_panel(record, zone)
    st.subheader("Log", anchor=False)
    st.html(html_table(record.changes, change_columns(zone), f"Log of {order.work_order_id}, oldest first"))
    st.html(Markup('<a class="az-link" href="{0}">{1}</a>').format(_address(None), "Close this order"))


def _filters() -> OrderFilter:
    choices = read(filter_choices)
    status, priority, station, compressor = st.columns([1.6, 2, 1, 1], vertical_alignment="bottom")
    with status:
        statuses = st.pills("Status", STATUSES, selection_mode="multi", default=OPEN, key="status", bind="query-params")
    with priority:
        priorities = st.pills("Priority", list(_PRIORITIES), selection_mode="multi", key="priority", bind="query-params")
    with station:
        stations = st.multiselect("Station", choices.stations, key="station", bind="query-params", placeholder="All stations")
    with compressor:
        chosen = st.selectbox(
            "Compressor", read(compressor_ids), index=None, key=COMPRESSOR, bind="query-params", placeholder="All compressors"
        )
    return OrderFilter(
        tuple(statuses) or STATUSES,
        chosen,
        tuple(stations) or None,
        tuple(_PRIORITIES[name] for name in priorities) or None,
    )


def _list(wanted: OrderFilter) -> None:
    """The page and the file in one row; then the table."""
    rows_per_page, moment = started().settings.dashboard.rows_per_page, shown_moment().moment
    columns = order_columns(moment, _address, compressor_link)
    total = read(count_orders, wanted)
    if not total:
        show_empty("No work order of this choice", "Take away a filter, or draft one: choose a compressor that needs attention on Today.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        pages = ceil(total / rows_per_page)
        page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
        st.caption(f"{counted(total, 'order')}, soonest first. Times are those of the station.", width="content")
        st.download_button(
            "CSV",
            lambda: csv_text(read(list_orders, wanted, _MOST_IN_FILE), columns),
            file_name=f"work-orders-{moment.astimezone(UTC):%Y%m%dT%H%M}Z.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
    rows = read(list_orders, wanted, rows_per_page, (page - 1) * rows_per_page)
    st.html(html_table(rows, columns, "Work orders, soonest first"))


def _days() -> None:
    st.subheader("The days ahead, and crews", anchor=False)
    days = read(workload, started().settings.costs, _DAYS_AHEAD)
    loads = work_loads(days)
    chart, table = st.columns([1, 1.15])
    with chart:
        crews = days[0].crews
        draw(repairs_chart(loads, crews, dark=is_dark()), repairs_text(loads, crews))
    with table:
        st.html(html_table(days, day_columns(_address), "Repairs due and orders planned, by day"))
        st.caption("What is overdue counts on the first day. An order without a planned start counts on the day that its repair is due.")


def _address(work_order_id: str | None) -> str:
    """This page with an order chosen, or with none, and the filters as they are."""
    kept: dict[str, str | list[str]] = {} if work_order_id is None else {WORK_ORDER: work_order_id}
    for name in _FILTERS:
        values = st.query_params.get_all(name)
        if values:
            kept[name] = list(values)
    return link("work-orders", **kept)
