"""The head of every page: its title, the units, and who is looking. Then what must be known before anything else."""

from __future__ import annotations

from urllib.parse import quote, unquote

import streamlit as st
from markupsafe import Markup

from serving.dashboard.display.units import UnitSystem
from serving.dashboard.session import PLANNER, UNITS, planner
from serving.dashboard.startup import started

_COOKIE = "altaviz_planner"
_MOST_CHARACTERS = 100  # as the warehouse keeps
_COOKIE_S = 365 * 86_400


def show_head(title: str) -> None:
    """Title at the left, choices at the right. The browser keeps the name, the address keeps the units."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.title(title, anchor=False, width="content")
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right", width="content"):
            st.segmented_control(
                "Units",
                [system.value for system in UnitSystem],
                default=UnitSystem.US.value,
                required=True,
                key=UNITS,
                bind="query-params",
                label_visibility="collapsed",
            )
            _ask_name()


def _ask_name() -> None:
    if PLANNER not in st.session_state:
        st.session_state[PLANNER] = _kept()
    name = planner()
    with st.popover(name or "Your name", icon=":material/person:", type="tertiary" if name else "secondary"):
        st.text_input(
            "Your name",
            key=PLANNER,
            max_chars=_MOST_CHARACTERS,
            autocomplete="name",
            persist_state="session",
            help="Recorded with every alert that you work on and every work order that you draft.",
        )
        if started().api.problem:
            st.caption(f":material/cloud_off: Nothing can be written now: {started().api.problem}.")
    if name and name != _kept():
        st.html(_keep(name), unsafe_allow_javascript=True)


def _kept() -> str:
    kept = st.context.cookies.get(_COOKIE)
    return unquote(kept)[:_MOST_CHARACTERS] if isinstance(kept, str) else ""


def _keep(name: str) -> Markup:
    """A script that lets this browser remember the name. It holds no quote, bracket or markup of the name itself."""
    cookie = Markup(f'"{_COOKIE}={quote(name, safe="")}; max-age={_COOKIE_S}; path=/; SameSite=Strict"')  # noqa: S704 - quoted
    return Markup("<script>document.cookie = {0};</script>").format(cookie)
