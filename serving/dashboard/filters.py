"""The filter bar that the lists share. Every choice stands in the address: as the page shows it, so no option has a `format_func`."""

from __future__ import annotations

import streamlit as st

from serving.dashboard.display.urgency import URGENCIES
from serving.dashboard.queries.fleet import FleetFilter, filter_choices
from serving.dashboard.session import read


def filter_bar(*, with_urgency: bool = True) -> FleetFilter:
    """Stations, basins, models, urgencies: what the visitor has chosen."""
    choices = read(filter_choices)
    station, basin, model, urgency = st.columns([1, 1, 1, 1.5], vertical_alignment="bottom")
    with station:
        stations = st.multiselect("Station", choices.stations, key="station", bind="query-params", placeholder="All stations")
    with basin:
        basins = st.multiselect("Basin", choices.basins, key="basin", bind="query-params", placeholder="All basins")
    with model:
        models = st.multiselect("Model", choices.models, key="model", bind="query-params", placeholder="All models")
    urgencies: list[str] = []
    if with_urgency:
        with urgency:
            urgencies = st.pills(
                "Urgency",
                URGENCIES,
                selection_mode="multi",
                key="urgency",
                bind="query-params",
            )
    return FleetFilter(tuple(stations), tuple(basins), tuple(models), tuple(urgencies))
