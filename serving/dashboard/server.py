"""The pages as an ASGI application, with everything off that would leave this machine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import streamlit as st
from streamlit import config

from config.logs import get_log
from serving.dashboard import registry
from serving.dashboard.charts.repairs import day_loads, repairs_chart
from serving.dashboard.shell import Shell

_SCRIPT: Final = Path(__file__).parent / "entry" / "main.py"
_OPTIONS: Final[dict[str, Any]] = {
    "browser.gatherUsageStats": False,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.showEmailPrompt": False,
    "server.runOnSave": False,
    "server.enableStaticServing": False,
    "server.maxUploadSize": 1,
    "runner.magicEnabled": False,
    "client.toolbarMode": "viewer",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "theme.light.primaryColor": "#005A8D",
    "theme.light.linkColor": "#005A8D",
    "theme.dark.primaryColor": "#56B4E9",
    "theme.dark.linkColor": "#7CC4EE",
    "theme.baseFontSize": 15,
}


def dashboard_app(hosts: Sequence[str]) -> Shell:
    """The application. `hosts` are the names that a browser may call it by."""
    for name, value in _OPTIONS.items():
        config.set_option(name, value)
    config.set_option("server.allowedHosts", list(hosts))
    for name in ("streamlit", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    get_log().info("pages loaded", pages=[entry.path for entry in registry.PAGES])  # before the first visitor asks for them
    repairs_chart(day_loads([], date.min, days=1), 1, dark=False).to_dict()  # Altair loads its schema with its first chart
    return Shell(st.App(_SCRIPT))
