"""The frame of every page: navigation and style. Then the page itself."""

from __future__ import annotations

from functools import partial

import streamlit as st

from serving.dashboard.display.style import STYLE
from serving.dashboard.registry import PAGES, PageEntry
from serving.dashboard.states import show_page


def run() -> None:
    """Show the page that the address names."""
    st.set_page_config(page_title="Altaviz", page_icon="🩺", layout="wide")
    chosen = st.navigation([_page(entry, first=not number) for number, entry in enumerate(PAGES)], position="top")
    st.html(STYLE)
    chosen.run()


def _page(entry: PageEntry, *, first: bool) -> st.Page:
    show = partial(show_page, entry.show)
    show.__name__ = entry.path  # type: ignore[attr-defined]  # by which Streamlit tells pages apart
    return st.Page(show, title=entry.title, icon=entry.icon, url_path=entry.path, default=first)
