"""The frame of every page: navigation and style. Then the page itself."""

from __future__ import annotations

from functools import partial

import streamlit as st
from markupsafe import Markup

from serving.dashboard.display.style import STYLE
from serving.dashboard.links import link
from serving.dashboard.registry import PAGES, PageEntry
from serving.dashboard.states import show_page


def run() -> None:
    """Show the page that the address names."""
    st.set_page_config(page_title="Altaviz", page_icon="🩺", layout="wide")
    pages = {entry.path: _page(entry, first=not number) for number, entry in enumerate(PAGES)}
    chosen = st.navigation(list(pages.values()), position="hidden")
    st.html(STYLE)
    st.html(page_links(next(path for path, page in pages.items() if page == chosen)))
    chosen.run()


def page_links(current: str) -> Markup:
    """The navigation. Real links, because Streamlit's own navigation forgets the address's query on the way back."""
    items = Markup("").join(
        Markup('<a href="{0}"{1}>{2}</a>').format(
            link("" if entry is PAGES[0] else entry.path), Markup(' aria-current="page"') if entry.path == current else "", entry.title
        )
        for entry in PAGES
    )
    return Markup('<nav class="az-nav" aria-label="Pages"><b>Altaviz</b>{0}</nav>').format(items)


def _page(entry: PageEntry, *, first: bool) -> st.Page:
    show = partial(show_page, entry.show)
    show.__name__ = entry.path  # type: ignore[attr-defined]  # by which Streamlit tells pages apart
    return st.Page(show, title=entry.title, icon=entry.icon, url_path=entry.path, default=first)
