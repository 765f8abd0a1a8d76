"""Alerts, to be worked: seen, put aside for a time, given to somebody, closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from math import ceil
from typing import Final

import streamlit as st

from serving.alerts.alarm_load import alarm_load
from serving.alerts.alert_rows import ORDERS, AlertFilter, AlertRow, count_listed, select_alerts
from serving.alerts.kpis import AlarmKpis
from serving.dashboard.alert_work import work_panel
from serving.dashboard.display.alerts import alert_columns, change_columns, frequent_columns, short_name
from serving.dashboard.display.cards import Card, cards
from serving.dashboard.display.formatting import counted, literal, number, percent
from serving.dashboard.display.table import csv_text, html_table
from serving.dashboard.head import show_head
from serving.dashboard.links import ALERT, compressor_link, link
from serving.dashboard.queries.alerts import (
    OPEN,
    SOURCES,
    STATES,
    AlertCounts,
    AlertDetail,
    alert_counts,
    alert_details,
    assignees,
)
from serving.dashboard.queries.fleet import compressor_ids, filter_choices
from serving.dashboard.session import planner, read, shown_moment
from serving.dashboard.startup import started
from serving.dashboard.states import show_empty
from serving.warehouse.alerts import Severity

_MOST_IN_FILE: Final = 100_000
_LOAD_DAYS: Final = 7.0
_SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "warning")
_FILTERS: Final = ("state", "severity", "source", "station", "id", "to", "order", "page")


def show() -> None:
    """The page."""
    show_head("Alerts")
    st.html(cards(count_cards(read(alert_counts))))
    wanted = _filters()
    shown = _list(wanted)
    _work(shown)
    _load()


def count_cards(counts: AlertCounts) -> list[Card]:
    """What has to be done."""
    return [
        Card("To be acknowledged", f"{counts.unacknowledged:,}", f"{counts.critical:,} critical", "critical" if counts.critical else None),
        Card("Escalated", f"{counts.escalated:,}", "nobody acknowledged them in time", "critical" if counts.escalated else None),
        Card("Acknowledged", f"{counts.acknowledged:,}", "the condition lasts"),
        Card("Shelved", f"{counts.shelved:,}", "return by themselves"),
        Card("Resolved", f"{counts.resolved:,}", "of those to be acknowledged"),
        Card("Assigned", f"{counts.assigned:,}", "to a person"),
    ]


def _filters() -> AlertFilter:
    choices, people = read(filter_choices), read(assignees)
    me = planner()
    state, severity = st.columns([2, 1])
    with state:
        states = st.pills("State", STATES, selection_mode="multi", default=OPEN, key="state", bind="query-params")
    with severity:
        severities = st.pills("Severity", _SEVERITIES, selection_mode="multi", key="severity", bind="query-params")
    source, station, compressor, person = st.columns(4)
    with source:
        sources = st.multiselect("Source", SOURCES, key="source", bind="query-params", placeholder="All sources")
    with station:
        stations = st.multiselect("Station", choices.stations, key="station", bind="query-params", placeholder="All stations")
    with compressor:
        compressors = st.multiselect("Compressor", read(compressor_ids), key="id", bind="query-params", placeholder="All compressors")
    with person:
        names = sorted({*people, *([me] if me else [])})
        to = st.selectbox("Assigned to", names, index=None, key="to", bind="query-params", placeholder="Anybody or nobody")
    return AlertFilter(tuple(states) or OPEN, tuple(compressors), tuple(stations), tuple(severities), tuple(sources), to)


def _list(wanted: AlertFilter) -> list[AlertRow]:
    """The order, the page and the file in one row; then the table. Returns the rows shown."""
    rows_per_page, moment = started().settings.dashboard.rows_per_page, shown_moment().moment
    columns = alert_columns(_link_here, compressor_link, [level.name for level in started().settings.thresholds.escalation.levels])
    with st.container(horizontal=True, vertical_alignment="center"):
        order = st.selectbox("Order", ORDERS, key="order", bind="query-params", label_visibility="collapsed", width=240)
        total = read(count_listed, wanted)
        pages = ceil(total / rows_per_page)
        page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
        st.caption(counted(total, "alert"), width="content")
        if total:
            st.download_button(
                "CSV",
                lambda: csv_text(read(select_alerts, wanted, order, _MOST_IN_FILE), columns),
                file_name=f"alerts-{moment.astimezone(UTC):%Y%m%dT%H%M}Z.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
            )
    if not total:
        show_empty("No alert", "Nothing of this choice is open. Take away a filter, or choose the state closed.")
        return []
    rows = read(select_alerts, wanted, order, rows_per_page, (page - 1) * rows_per_page)
    st.html(html_table(rows, columns, f"Alerts, {order}"))
    return rows


def _link_here(alert_id: str) -> str:
    """This page with one alert chosen, and the filters as they are."""
    kept: dict[str, str | list[str]] = {ALERT: alert_id}
    for name in _FILTERS:
        values = st.query_params.get_all(name)
        if values:
            kept[name] = list(values)
    return link("alerts", **kept)


def _work(shown: Sequence[AlertRow]) -> None:
    st.subheader("Work on alerts", anchor=False)
    asked = read(alert_details, tuple(st.query_params.get_all(ALERT)))
    names = {row.alert_id: short_name(row) for row in (*shown, *(item.alert for item in asked))}
    unknown = [alert_id for alert_id in st.query_params.get_all(ALERT) if alert_id not in names]
    if unknown:
        show_empty("No such alert", "The address names an alert that is not there. Its readings may have been corrected.")
    chosen = st.multiselect(
        "Alerts chosen",
        list(names),
        key=ALERT,
        bind="query-params",
        placeholder="Choose alerts of the list above, or follow the link of one",
    )
    details = read(alert_details, tuple(chosen))
    if not details:
        return
    work_panel([item.alert for item in details])
    for item in details:
        _log(item)


def _log(item: AlertDetail) -> None:
    with st.expander(literal(f"Log of {short_name(item.alert)}"), expanded=True):
        st.html(html_table(item.changes, change_columns(), f"Log of {item.alert.alert_id}, oldest first"))


def _load() -> None:
    st.subheader(f"Load of alarms in {_LOAD_DAYS:g} days", anchor=False)
    rules = started().settings.quality.alarm_kpis
    load = read(alarm_load, _LOAD_DAYS, rules)
    if load is None:
        show_empty("Nothing to count", f"There are no readings in the last {_LOAD_DAYS:g} days.")
        return
    st.html(cards(load_cards(load)))
    if load.most_frequent:
        st.markdown("**Most frequent**")
        st.html(html_table(load.most_frequent, frequent_columns(), "Most frequent alarms"))


def load_cards(load: AlarmKpis) -> list[Card]:
    """The load that alarms make, as ISA-18.2 and EEMUA 191 count it."""
    floods = load.as_delivered.floods
    bare = sum(flood.cause is None for flood in floods)
    mix = load.priority_mix.get("critical")
    return [
        Card("Alarms an hour", number(load.by_reading_time.per_hour, 2), f"most in an hour: {load.by_reading_time.most_in_an_hour:g}"),
        Card("Floods", f"{len(floods):,}", f"{bare:,} without a cause"),
        Card("Stale", f"{load.stale:,}", "stood too long"),
        Card("Chattering", f"{load.chattering:,}", f"{percent(load.chattering_share)} of alarms"),
        Card("Fleeting", f"{load.fleeting:,}", f"{percent(load.fleeting_share)} of alerts"),
        Card("Critical", percent(mix.share) if mix else "–", f"commonly {percent(mix.commonly)}" if mix else ""),
        Card("Not acknowledged", f"{load.unacknowledged:,}", f"{percent(load.unacknowledged_share)} of alerts"),
    ]
