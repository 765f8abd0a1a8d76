"""Addresses of the pages, relative to any of them, so that they also work behind a proxy's path."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import urlencode

import streamlit as st
from markupsafe import Markup

from serving.dashboard.display.units import UnitSystem
from serving.dashboard.session import UNITS, unit_system

COMPRESSOR: Final = "id"  # the query parameters of what is selected
ALERT: Final = "alert"
WORK_ORDER: Final = "order"


def compressor_link(compressor_id: str) -> str:
    """The page of one compressor, in the units chosen."""
    return link("compressor", **{COMPRESSOR: compressor_id})


def link(path: str, **parameters: str | list[str]) -> str:
    """A page with query parameters, and the choice of units. The empty path is the first page."""
    units = {UNITS: UnitSystem.SI.value} if unit_system() is UnitSystem.SI else {}
    query = urlencode({**parameters, **units}, doseq=True)
    return f"{path or './'}?{query}" if query else path or "./"


def go_to(address: str) -> None:
    """Lead the visitor to a page as a link would, so that Back returns here. `address` comes from `link`: it is encoded."""
    st.html(going_to(address), unsafe_allow_javascript=True)


def going_to(address: str) -> Markup:
    """The script that leads to an encoded address. In a script `&` stands for itself, so a second parameter must not become `&amp;`."""
    text = json.dumps(address).replace("<", "\\u003c")
    return Markup(f"<script>window.location.assign({text})</script>")  # noqa: S704 - a JSON string without `<` ends no script
