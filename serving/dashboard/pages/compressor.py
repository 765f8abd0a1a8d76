"""One compressor: what is predicted, why, and what its sensors show."""

from __future__ import annotations

import streamlit as st

from serving.dashboard.head import show_head
from serving.dashboard.links import COMPRESSOR
from serving.dashboard.queries.fleet import compressor_ids
from serving.dashboard.session import read
from serving.dashboard.states import show_empty


def show() -> None:
    """The page."""
    show_head("Compressor")
    known = read(compressor_ids)
    asked = st.query_params.get(COMPRESSOR)
    if asked is not None and asked not in known:
        show_empty("No such compressor", "The address names a compressor that is not in service. Choose one below.")
    chosen = st.selectbox("Compressor", known, index=None, key=COMPRESSOR, bind="query-params", placeholder="Choose a compressor")
    if chosen is None:
        return
    st.header(chosen)
