"""Addresses of the pages, relative to any of them, so that they also work behind a proxy's path."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from serving.dashboard.display.units import UnitSystem
from serving.dashboard.session import UNITS, unit_system

COMPRESSOR: Final = "id"  # the query parameter of the selected compressor


def compressor_link(compressor_id: str) -> str:
    """The page of one compressor, in the units chosen."""
    return link("compressor", **{COMPRESSOR: compressor_id})


def link(path: str, **parameters: str) -> str:
    """A page with query parameters, and the choice of units. The empty path is the first page."""
    units = {UNITS: UnitSystem.SI.value} if unit_system() is UnitSystem.SI else {}
    query = urlencode({**parameters, **units})
    return f"{path or './'}?{query}" if query else path or "./"
