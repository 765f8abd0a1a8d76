"""The pages in the order of the navigation. A new page is one line here and one module below pages/."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from serving.dashboard.pages import alerts, compressor, data, model, today, work_orders


@dataclass(frozen=True)
class PageEntry:
    """A page of the navigation. `path` is its address below the root; the first page is the root itself."""

    title: str
    path: str
    icon: str  # a Material symbol
    show: Callable[[], None]


PAGES: Final = (
    PageEntry("Today", "today", ":material/today:", today.show),
    PageEntry("Compressor", "compressor", ":material/settings_input_component:", compressor.show),
    PageEntry("Alerts", "alerts", ":material/notifications:", alerts.show),
    PageEntry("Work orders", "work-orders", ":material/assignment:", work_orders.show),
    PageEntry("Data", "data", ":material/rule:", data.show),
    PageEntry("Model", "model", ":material/neurology:", model.show),
)
