"""A replay of a week gives the same alerts in one go, in steps, and with late files.

The weeks are drawn, the same ones at each run: `derandomize` keeps the suite repeatable.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import Settings
from features.contract import COMPRESSOR_ID, PRESSURE_DIFFERENTIAL, SENSORS, TEMP_DELTA, TIMESTAMP
from monitoring.alerts.engine import AlertEngine
from monitoring.alerts.grouping import window_start
from serving.warehouse.alerts import Alert
from tests.features.readings import HEALTHY, MONDAY
from tests.monitoring.alerts.alerts_of import SILVER_SCHEMA, alert_engine

IDS = ("C-1", "C-2")
STEP_MINUTES = {"C-1": 10, "C-2": 30}
HOUR = timedelta(hours=1)
WARNING = {"vibration_mms": 6.9, "discharge_temp_f": 250.0, "suction_pressure_psi": 25.0, "discharge_pressure_psi": 1350.0}
WARNING |= {"horsepower_consumption": 1850.0, "gas_flow_mcf": 5000.0}
CRITICAL = {**WARNING, "vibration_mms": 9.0, "discharge_temp_f": 270.0, "suction_pressure_psi": 15.0, "discharge_pressure_psi": 1450.0}
STOPPED = {"vibration_mms": 0.1, "horsepower_consumption": 20.0, "gas_flow_mcf": 0.0, "suction_pressure_psi": 15.0}
LIMITS_LESS_DEADBAND = {"vibration_mms": 5.8, "discharge_temp_f": 235.0, "gas_flow_mcf": 6200.0}
STATES = ("healthy", "warning", "critical", "storm", "deadband", "flapping", "stopped", "null", "silent")

spells = st.lists(st.tuples(st.sampled_from(STATES), st.integers(1, 30), st.sets(st.sampled_from(SENSORS), max_size=3)), min_size=4)
weeks = st.tuples(st.tuples(spells, spells), st.integers(0, 2**32 - 1))


def _week(drawn: tuple[tuple[list[tuple[str, int, set[str]]], ...], int]) -> pl.DataFrame:
    """A week of both compressors. Their spells repeat until it is over; each lasts some readings."""
    own_spells, seed = drawn
    draw = np.random.default_rng(seed)
    rows = []
    for name, spells_of in zip(IDS, own_spells, strict=True):
        states = [spell for spell in spells_of for _ in range(spell[1])]
        for number in range(7 * 1440 // STEP_MINUTES[name]):
            state, _, sensors = states[number % len(states)]
            values: dict[str, float | None] = dict(HEALTHY)
            if state == "silent":
                continue
            if state == "stopped":
                values |= STOPPED
            elif state == "storm" or (state == "flapping" and draw.random() < 0.5):
                values |= WARNING
            elif state != "healthy":
                by_state = {"warning": WARNING, "critical": CRITICAL, "deadband": LIMITS_LESS_DEADBAND, "null": dict.fromkeys(SENSORS)}
                values |= {sensor: by_state.get(state, HEALTHY).get(sensor, HEALTHY[sensor]) for sensor in sensors}
            rows.append((name, MONDAY + timedelta(minutes=number * STEP_MINUTES[name]), *(values[sensor] for sensor in SENSORS)))
    return pl.DataFrame(rows, schema=SILVER_SCHEMA, orient="row")


def _gold(silver: pl.DataFrame) -> pl.DataFrame:
    rise = pl.when(pl.col("discharge_temp_f") > 240).then(25.0).otherwise(0.0).alias(TEMP_DELTA)
    difference = (pl.col("discharge_pressure_psi") - pl.col("suction_pressure_psi")).alias(PRESSURE_DIFFERENTIAL)
    return silver.select(COMPRESSOR_ID, TIMESTAMP, difference, rise)


def _find(engine: AlertEngine, silver: pl.DataFrame, since: dict[str, datetime] | None = None) -> list[Alert]:
    return engine.find(silver, _gold(silver), since)


def _advance(engine: AlertEngine, stored: list[Alert], readings: pl.DataFrame, changed: datetime) -> list[Alert]:
    """What an hourly run stores, of all `readings` of which the oldest new one is at `changed` (pipelines.lakehouse.alert_sync)."""
    since = {}
    for name in IDS:
        moment = window_start(changed, engine.rules)
        while live := [alert.alert_timestamp for alert in stored if alert.compressor_id == name and _is_live(alert, moment)]:
            moment = window_start(min(live), engine.rules)
        since[name] = moment
    own = [readings.filter(pl.col(COMPRESSOR_ID) == name, pl.col(TIMESTAMP) >= since[name] - engine.lookback) for name in IDS]
    found = _find(engine, pl.concat(own), since)
    kept = [alert for alert in stored if alert.alert_timestamp < since[alert.compressor_id]]
    by_key = {(alert.compressor_id, alert.alert_type, alert.alert_timestamp): alert for alert in (*kept, *found)}
    return sorted(by_key.values(), key=lambda alert: (alert.compressor_id, alert.alert_timestamp, alert.alert_type))


def _is_live(alert: Alert, moment: datetime) -> bool:
    return alert.alert_timestamp < moment and (alert.settled_at is None or alert.settled_at >= moment)


def _changes(alerts: Sequence[Alert], until: datetime) -> list[tuple[datetime, str, str, str]]:
    """What readings before `until` changed: when, what, of which alert."""
    changes = []
    for alert in alerts:
        moments = {"raised": alert.raised_at, "became_critical": alert.critical_at, "resolved": alert.resolved_at}
        for change, moment in moments.items():
            if moment is not None and moment < until:
                changes.append((moment, change, alert.compressor_id, f"{alert.alert_type} {alert.alert_timestamp}"))
    return sorted(changes)


@pytest.fixture(scope="module", params=[True, False], ids=["grouped", "ungrouped"])
def engine(request: pytest.FixtureRequest) -> AlertEngine:
    shipped: Settings = request.getfixturevalue("settings")
    return alert_engine(shipped, grouping=request.param)


@settings(max_examples=5, deadline=None, derandomize=True)
@given(week=weeks, hours=st.lists(st.integers(1, 30), min_size=8, max_size=8))
def test_steps_of_any_length_end_in_the_alerts_of_one_go(engine: AlertEngine, week: tuple, hours: list[int]) -> None:
    readings = _week(week)
    whole = _find(engine, readings)
    stored: list[Alert] = []
    done = MONDAY
    for until in (*(MONDAY + sum(hours[: number + 1]) * HOUR for number in range(len(hours))), MONDAY + timedelta(days=7)):
        present = readings.filter(pl.col(TIMESTAMP) < until)
        stored = _advance(engine, stored, present, done)
        assert stored == _find(engine, present)
        assert _changes(stored, until) == _changes(whole, until)
        done = until
    assert stored == whole


@pytest.mark.parametrize("engine", [True], indirect=True, ids=["grouped"])
@settings(max_examples=2, deadline=None, derandomize=True)
@given(week=weeks)
def test_a_week_hour_by_hour_raises_each_alert_once_and_takes_none_back(engine: AlertEngine, week: tuple) -> None:
    readings = _week(week)
    stored: list[Alert] = []
    log: list[tuple[datetime, str, str, str]] = []
    for hour in range(7 * 24):
        until = MONDAY + (hour + 1) * HOUR
        stored = _advance(engine, stored, readings.filter(pl.col(TIMESTAMP) < until), until - HOUR)
        added = _changes(stored, until)
        assert added[: len(log)] == log
        assert all(moment >= until - HOUR for moment, *_ in added[len(log) :])
        log = added
    assert stored == _find(engine, readings)


@settings(max_examples=5, deadline=None, derandomize=True)
@given(week=weeks, seed=st.integers(0, 2**32 - 1))
def test_late_files_end_in_the_alerts_of_one_go(engine: AlertEngine, week: tuple, seed: int) -> None:
    readings = _week(week)
    arrival = np.random.default_rng(seed).choice(4, size=readings.height, p=[0.8, 0.1, 0.05, 0.05])
    stored: list[Alert] = []
    for file in range(4):
        new = readings.filter(pl.Series(arrival == file))
        if new.is_empty():
            continue
        present = readings.filter(pl.Series(arrival <= file))
        oldest: datetime = new[TIMESTAMP].min()  # type: ignore[assignment]
        stored = _advance(engine, stored, present, oldest)
        assert stored == _find(engine, present)


def test_what_lasted_is_not_forgotten_when_its_window_was_full(engine: AlertEngine) -> None:
    """A storm of all quantities at once, which are more than a window takes."""
    storm = [("healthy", 20, set[str]()), ("storm", 12, set[str]()), ("healthy", 20, set[str]())]
    readings = _week(((storm, storm), 1))
    alerts = _find(engine, readings)
    first = [alert for alert in alerts if alert.compressor_id == "C-1" and alert.alert_timestamp < MONDAY + timedelta(hours=6)]
    by_window: dict[datetime, int] = {}
    for alert in first:
        window = window_start(alert.raised_at, engine.rules)
        by_window[window] = by_window.get(window, 0) + 1
    assert len(first) == 8
    assert max(by_window.values()) == (5 if engine.rules.grouping else 8)
