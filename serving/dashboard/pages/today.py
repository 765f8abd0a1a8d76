"""Which compressors need attention, by when, and why."""

from __future__ import annotations

import dataclasses
from datetime import UTC
from math import ceil
from typing import Final

import streamlit as st

from serving.dashboard.charts.fleet_map import fleet_map, map_text, station_marks
from serving.dashboard.charts.repairs import day_loads, repairs_chart, repairs_text
from serving.dashboard.display.cards import Card, cards
from serving.dashboard.display.fleet_table import fleet_columns
from serving.dashboard.display.formatting import counted
from serving.dashboard.display.table import csv_text, html_table
from serving.dashboard.drawing import draw
from serving.dashboard.filters import filter_bar
from serving.dashboard.head import show_head
from serving.dashboard.links import compressor_link
from serving.dashboard.queries.fleet import ORDERS, FleetFilter, StationCount, fleet_page, repairs_by_day, station_counts
from serving.dashboard.session import is_dark, read, shown_moment
from serving.dashboard.startup import started
from serving.dashboard.states import show_empty

_ATTENTION: Final = "needs attention"
_ALL: Final = "all"
_DAYS_AHEAD: Final = 10  # of the chart of repairs; the model plans 7
_MOST_IN_FILE: Final = 100_000


def show() -> None:
    """The page."""
    show_head("Today")
    whole_fleet = read(station_counts, FleetFilter(), started().settings.dashboard.silent_hours)
    if not whole_fleet:
        show_empty("No compressors", "Load a fleet first: `altaviz demo` simulates one, `altaviz ingest FOLDER` loads your own.")
        return
    wanted = filter_bar()
    _list(wanted, whole_fleet)
    counts = read(station_counts, wanted, started().settings.dashboard.silent_hours)
    st.subheader("Fleet", anchor=False)
    st.html(cards(fleet_cards(counts)))
    places, repairs = st.columns([1.15, 1])
    with places:
        _map(counts)
    with repairs:
        _repairs(wanted)


def fleet_cards(counts: list[StationCount]) -> list[Card]:
    """The fleet's numbers, from its counts by station and urgency."""
    by_urgency = {
        name: sum(count.compressors for count in counts if count.health_status == name)
        for name in ("critical", "warning", "healthy", "unknown")
    }
    total, silent = sum(by_urgency.values()), sum(count.silent for count in counts)
    alerts, waiting = sum(count.open_alerts for count in counts), sum(count.unacknowledged_alerts for count in counts)
    return [
        Card("Compressors", f"{total:,}", counted(len({count.station_id for count in counts}), "station")),
        *(Card(name.capitalize(), f"{number:,}", "", name) for name, number in by_urgency.items()),
        Card("Repairs due", f"{sum(count.due for count in counts):,}", "with a date to act by"),
        Card("Saving at stake", f"${sum(count.saving_usd for count in counts):,.0f}", "planned instead of failed"),
        Card("Open alerts", f"{alerts:,}", f"{waiting:,} not acknowledged"),
        Card("Data faults", f"{sum(count.faulty for count in counts):,}", f"{silent:,} silent"),
    ]


def _list(wanted: FleetFilter, whole_fleet: list[StationCount]) -> None:
    """The scope, the order, the page and the file in one row; then the table."""
    settings, moment = started().settings.dashboard, shown_moment().moment
    with st.container(horizontal=True, vertical_alignment="center"):
        wanted = _with_scope(wanted, whole_fleet)
        order = st.selectbox("Order", ORDERS, key="order", bind="query-params", label_visibility="collapsed", width=220)
        total = sum(count.compressors for count in read(station_counts, wanted, settings.silent_hours))
        pages = ceil(total / settings.rows_per_page)
        page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
        columns = fleet_columns(moment, compressor_link)
        if total:
            st.download_button(
                "CSV",
                lambda: csv_text(read(fleet_page, wanted, order, 0, _MOST_IN_FILE), columns),
                file_name=f"fleet-{moment.astimezone(UTC):%Y%m%dT%H%M}Z.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
            )
    if not total:
        if wanted.attention:
            show_empty(
                "Nothing needs attention", "No compressor of this choice is urgent, due, faulty or has an alert. Show all to see them."
            )
        else:
            show_empty("No compressor matches", "Take away a filter.")
        return
    first = (page - 1) * settings.rows_per_page
    rows = read(fleet_page, wanted, order, first, settings.rows_per_page)
    st.html(html_table(rows, columns, f"Compressors, {order}"))
    if pages > 1:
        st.caption(f"{first + 1:,} to {first + len(rows):,} of {counted(total, 'compressor')}")


def _with_scope(wanted: FleetFilter, counts: list[StationCount]) -> FleetFilter:
    scope = st.segmented_control(
        "Show",
        [_ATTENTION, _ALL],
        default=_ATTENTION,
        required=True,
        key="show",
        bind="query-params",
        label_visibility="collapsed",
    )
    attention, total = sum(count.attention for count in counts), sum(count.compressors for count in counts)
    st.caption(f"{attention:,} of {total:,} need attention", width="content")
    return dataclasses.replace(wanted, attention=scope != _ALL)


def _map(counts: list[StationCount]) -> None:
    st.subheader("Stations", anchor=False)
    marks = station_marks(counts)
    if not marks:
        show_empty("No map", "No station of this choice has a latitude and a longitude.")
        return
    draw(fleet_map(marks, dark=is_dark()), map_text(marks))


def _repairs(wanted: FleetFilter) -> None:
    st.subheader("Repairs due, and crews", anchor=False)
    planned = started().settings.costs.planned
    crews = planned.crews.value / max(planned.crew_days.value, 1.0)
    loads = day_loads(read(repairs_by_day, wanted), shown_moment().moment.astimezone(UTC).date(), _DAYS_AHEAD)
    draw(repairs_chart(loads, crews, dark=is_dark()), repairs_text(loads, crews))
