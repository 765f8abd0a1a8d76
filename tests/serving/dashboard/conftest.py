"""A home with a small fleet, and pages that run on it in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from config.settings import load_settings
from serving.dashboard.startup import ApiPlace, Startup, start_with
from serving.schemas import Compressor, MaintenanceEvent, Prediction, StationRow
from serving.warehouse.connection import Warehouse
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.tables import start_replay, upsert_compressors, upsert_events, upsert_predictions, upsert_stations
from tests.folders import TemporaryDirectory

NOW: Final = datetime(2026, 3, 9, 6, tzinfo=UTC)
REASON: Final = "vibration 24 h mean up 66% in 6 days to 6.895 mm/s (critical): 8.8 days off the predicted life"
UNTRUSTED: Final = "<img src=x onerror=alert(1)>"
ShowPage = Callable[..., AppTest]


def prediction(compressor_id: str, at: datetime, rul_days: float, act_by: date | None = None, reason: str = REASON) -> Prediction:
    """A prediction with numbers around `rul_days`."""
    health = "critical" if rul_days <= 7 else "warning" if rul_days <= 14 else "healthy"
    return Prediction(
        compressor_id,
        at,
        "1",
        "ok",
        rul_days,
        max(rul_days - 3, 0.0),
        min(rul_days + 3, 30.0),
        0.8 if health == "critical" else 0.01,
        0.9,
        health,  # type: ignore[arg-type]
        3.0,
        [reason],
        {"renewed_at": (NOW - timedelta(days=20)).isoformat(), "min_steps": 18},
        act_by,
        None if act_by is None else 16_554.0,
    )


def fill_fleet(connection: psycopg.Connection) -> None:
    """Two stations and four compressors: one critical, one in its warning, one healthy, one without a prediction and with a hostile name."""
    upsert_stations(connection, [StationRow("S-1", "Permian Basin", "Midland", 31.9973, -102.0779, "America/Chicago"), StationRow("S-2")])
    upsert_compressors(connection, [Compressor(name, "Ariel JGK/4", 1480.0, None, "S-1") for name in ("C-1", "C-2", "C-3")])
    upsert_compressors(connection, [Compressor(UNTRUSTED, "Ajax DPC-360", 1340.0, None, "S-2")])
    lives = [prediction("C-1", NOW - timedelta(days=day), 2.0 + day, date(2026, 3, 12)) for day in range(3)]
    upsert_predictions(connection, [*lives, prediction("C-2", NOW, 10.0), prediction("C-3", NOW, 25.0)])
    upsert_events(connection, [MaintenanceEvent("C-1", NOW - timedelta(days=20), "failure", UNTRUSTED, 22.0, "critical", 66_939.0)])
    for table in ("sensor_readings_agg", "alert_history"):
        connection.execute("SELECT ensure_month_partitions(%s, %s)", [table, [NOW]])
    for name in ("C-1", "C-2", "C-3"):
        for hour in range(48):
            connection.execute(
                "INSERT INTO sensor_readings_agg (compressor_id, window_type, agg_timestamp, reading_count, vibration_avg, vibration_min, "
                "vibration_max, discharge_temp_avg, discharge_pressure_avg, suction_pressure_avg, horsepower_avg, gas_flow_avg) "
                "VALUES (%s, '1hr', %s, 6, %s, 2, 9, 212, 1100, 60, 1400, 9000)",
                [name, NOW - timedelta(hours=hour), 8.2 if name == "C-1" else 3.0],
            )
    connection.execute(
        "INSERT INTO alert_history (compressor_id, alert_type, alert_timestamp, raised_at, last_seen, severity, message, value, threshold, "
        "source, reading_count) VALUES ('C-1', 'vibration_mms_high', %s, %s, %s, 'critical', %s, 8.2, 8, 'threshold', 6)",
        [NOW - timedelta(hours=3), NOW - timedelta(hours=3), NOW, f"vibration 8.2 mm/s {UNTRUSTED}"],
    )
    start_replay(connection, NOW)


@pytest.fixture(scope="session")
def fleet_home() -> Iterator[tuple[Path, Warehouse]]:
    """A home whose embedded warehouse holds the fleet."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        with migrated_warehouse(load_settings(home, environ={}).database, home) as warehouse:
            with warehouse.connection() as connection:
                fill_fleet(connection)
            yield home, warehouse


@pytest.fixture(scope="session")
def fleet(fleet_home: tuple[Path, Warehouse]) -> Iterator[Startup]:
    """The pages' start on that home, with a service that is not there."""
    with ExitStack() as resources:
        yield Startup(load_settings(fleet_home[0], environ={}), None, ApiPlace(None, "the prediction service is starting"), resources)
        st.cache_resource.clear()


@pytest.fixture
def rows(fleet_home: tuple[Path, Warehouse]) -> Iterator[psycopg.Connection]:
    """A connection whose changes are taken back."""
    with fleet_home[1].connection() as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def show(fleet: Startup) -> Iterator[ShowPage]:
    """Run a page of the registry with query parameters."""
    main = sys.modules["__main__"]  # a page takes its place, and processes that a later test spawns would run that page

    def run(path: str, startup: Startup = fleet, **query: str) -> AppTest:
        start_with(startup)
        st.cache_data.clear()
        script = (
            "from serving.dashboard.registry import PAGES\nfrom serving.dashboard.states import show_page\n"
            f"show_page(next(entry.show for entry in PAGES if entry.path == {path!r}))"
        )
        app = AppTest.from_string(script, default_timeout=30)
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    yield run
    sys.modules["__main__"] = main
