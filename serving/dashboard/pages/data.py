"""Can today's answers be trusted? Checks of the readings, faults of sensors, and what was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date
from typing import Final, TypeVar

import streamlit as st

from serving.dashboard.charts.checks import history_chart, history_text
from serving.dashboard.display.cards import Card, cards
from serving.dashboard.display.formatting import counted, literal, local_time, short_date
from serving.dashboard.display.quality import (
    DIMENSIONS,
    check_columns,
    dimension_of,
    failed_first,
    fault_columns,
    file_columns,
    reason_columns,
)
from serving.dashboard.display.table import Column, csv_text, html_table
from serving.dashboard.drawing import draw
from serving.dashboard.head import show_head
from serving.dashboard.links import compressor_link
from serving.dashboard.queries.data import Books, CheckResult, check_days, check_history, checks_of_day, lake_books, sensor_faults
from serving.dashboard.session import is_dark, read
from serving.dashboard.startup import started
from serving.dashboard.states import show_empty

RowT = TypeVar("RowT")

_HISTORY_DAYS: Final = 30


def show() -> None:
    """The page."""
    show_head("Data")
    days = read(check_days)
    if not days:
        show_empty("No checks yet", "Load readings first: `altaviz ingest FOLDER`, then `altaviz features`.")
        return
    day = _chosen_day(days)
    results = read(checks_of_day, day)
    st.html(cards(dimension_cards(results)))
    columns = check_columns(dict(started().settings.quality.checks))
    st.html(html_table(failed_first(results), columns, f"Checks of {day}"))
    _download("checks", results, columns, day)
    st.subheader(f"{_HISTORY_DAYS} days until {days[0]}", anchor=False)
    history = read(check_history, days[0], _HISTORY_DAYS)
    draw(history_chart(history, dark=is_dark()), history_text(history))
    _faults()
    _books(read(lake_books))


def dimension_cards(results: list[CheckResult]) -> list[Card]:
    """One card a dimension: how many of its checks passed."""
    found = []
    for dimension in DIMENSIONS:
        own = [row for row in results if dimension_of(row.metric_name) == dimension]
        failed = sum(row.passed is False for row in own)
        look = "unknown" if not own else "critical" if failed else "healthy"
        value = "no checks" if not own else f"{failed} failed" if failed else "passed"
        found.append(Card(dimension.capitalize(), value, counted(len(own), "check"), look))
    return found


def _chosen_day(days: list[date]) -> date:
    chosen = st.selectbox("Day (UTC)", [day.isoformat() for day in days], key="day", bind="query-params", width=180)
    return date.fromisoformat(chosen)


def _faults() -> None:
    st.subheader("Faults of sensors now", anchor=False)
    faults = read(sensor_faults)
    if not faults:
        show_empty("No fault", "Every sensor of every compressor reports sound values.")
        return
    by_sensor = Counter(f"{row.sensor}: {row.fault.replace('_', ' ')}" for row in faults)
    told = ", ".join(f"{name} ({number})" for name, number in by_sensor.most_common())
    st.caption(literal(told))
    columns = fault_columns(compressor_link)
    st.html(html_table(faults, columns, "Faults of sensors"))
    _download("sensor-faults", faults, columns)


def _books(books: Books) -> None:
    st.subheader("Rows, and what was refused", anchor=False)
    if not books.rows:
        show_empty("Not counted yet", "The next `altaviz features` or `altaviz run` counts the rows.")
        return
    if books.updated_at is not None:
        st.caption(f"Counted at {local_time(books.updated_at, UTC, year=True)}, for readings until {short_date(books.day)}.")
    refused = sum(books.rejected_rows.values())
    st.html(
        cards(
            [
                Card("Rows read", f"{books.rows.get('bronze_rows', 0):,}"),
                Card("Rows kept", f"{books.rows.get('silver_rows', 0):,}"),
                Card("Rows refused", f"{refused:,}"),
                Card("Rows waiting", f"{books.rows.get('pending_rows', 0):,}", "later than the moment"),
                Card("Values removed", f"{sum(books.nulled_values.values()):,}"),
                Card("Files in quarantine", f"{books.quarantined:,}", "", "critical" if books.quarantined else "healthy"),
            ]
        )
    )
    rows, values = st.columns(2)
    with rows:
        _by_reason("Refused rows", "Rows", books.rejected_rows)
    with values:
        _by_reason("Removed values", "Values", books.nulled_values)
    st.subheader("Quarantine", anchor=False)
    if books.quarantine:
        st.html(html_table(books.quarantine, file_columns(), "Files in quarantine"))
        if books.quarantined > len(books.quarantine):
            st.caption(f"The newest {len(books.quarantine)} of {counted(books.quarantined, 'file')}: `altaviz status` names all.")
        _download("quarantine", books.quarantine, file_columns())
    else:
        show_empty("Quarantine is empty", "Every file could be read.")


def _by_reason(title: str, noun: str, numbers: Mapping[str, int]) -> None:
    st.markdown(f"**{title} by reason**")
    if numbers:
        st.html(html_table(sorted(numbers.items(), key=lambda item: -item[1]), reason_columns(noun), f"{title} by reason"))
    else:
        show_empty("None", "Nothing was refused.")


def _download(name: str, rows: Sequence[RowT], columns: Sequence[Column[RowT]], day: date | None = None) -> None:
    suffix = f"-{day:%Y%m%d}" if day else ""
    st.download_button(
        "CSV",
        lambda: csv_text(rows, columns),
        file_name=f"{name}{suffix}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"csv-{name}",
    )
