"""Charts onto the page."""

from __future__ import annotations

from typing import Any

import streamlit as st


def draw(chart: Any, text: str) -> None:
    """Show an Altair chart, and `text` to screen readers. Altair's check of the finished chart is left out: it takes longer than the rest."""
    st.vega_lite_chart(spec=chart.to_dict(validate=False), theme=None, alt=text)
