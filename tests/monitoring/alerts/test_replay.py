"""A replay of a week gives the same alerts in one go, in steps, and with late files.

The weeks are drawn, the same ones at each run: `derandomize` keeps the suite repeatable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import Settings
from features.contract import COMPRESSOR_ID, PRESSURE_DIFFERENTIAL, SENSORS, TEMP_DELTA, TIMESTAMP
from features.reference_tables.renewals import read_renewals
from features.sensor_health.settings import HealthRules
from monitoring.alerts.engine import AlertEngine, alert_engine
from monitoring.alerts.grouping import window_start
from monitoring.alerts.machine_lives import Lives, changed_lives, learns_since, lives_of, with_learned
from serving.warehouse.alerts import Alert
from serving.warehouse.machine_lives import FIRST, MachineLife
from tests.features.readings import HEALTHY, MONDAY, compressors
from tests.monitoring.alerts.alerts_of import SILVER_SCHEMA

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
repairs = st.fixed_dictionaries({name: st.lists(st.tuples(st.integers(1, 160), st.integers(0, 20)), max_size=2) for name in IDS})
Week = tuple[tuple[list[tuple[str, int, set[str]]], list[tuple[str, int, set[str]]]], int]
Repairs = dict[str, list[tuple[int, int]]]


def _week(drawn: Week) -> pl.DataFrame:
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


@dataclass(frozen=True)
class Fleet:
    """What a run stores, and the repairs that it knows: (hour, hours of downtime) after MONDAY, by compressor."""

    engine: AlertEngine
    repairs: Mapping[str, Sequence[tuple[int, int]]]
    alerts: list[Alert] = field(default_factory=list)
    stored: Lives = field(default_factory=dict)

    @property
    def lives(self) -> Lives:
        """The lives by the repairs."""
        rows = [
            (name, MONDAY + hour * HOUR, "unscheduled", float(down)) for name, own in self.repairs.items() for hour, down in sorted(own)
        ]
        schema = {COMPRESSOR_ID: pl.String, "event_date": pl.Datetime("us", "UTC"), "event_type": pl.String, "downtime_hours": pl.Float64}
        return lives_of(IDS, read_renewals(pl.DataFrame(rows, schema=schema, orient="row")))

    def whole(self, readings: pl.DataFrame) -> Fleet:
        """After all `readings` in one go."""
        alerts, learned = self.engine.find(readings, _gold(readings), None, self.lives)
        return replace(self, alerts=alerts, stored=_by_compressor(self.lives, learned))

    def advance(self, readings: pl.DataFrame, changed: datetime | None) -> Fleet:
        """After an hourly run over all `readings`, of which the oldest new one is at `changed` (pipelines.lakehouse.alert_sync)."""
        moved = changed_lives(self.lives, self.stored)
        since = {}
        for name in IDS:
            moments = [max(moment, MONDAY) for moment in (moved.get(name), changed) if moment is not None]
            if not moments:
                continue
            moment = window_start(min(moments), self.engine.rules)
            while live := [alert.alert_timestamp for alert in self.alerts if alert.compressor_id == name and _is_live(alert, moment)]:
                moment = window_start(min(live), self.engine.rules)
            since[name] = moment
        lives = with_learned(self.lives, self.stored, since)
        own = [readings.clear()]
        for name, moment in since.items():
            begin = moment - self.engine.lookback
            if (learns := learns_since(lives[name], moment)) is not None:
                begin = min(begin, learns if learns == FIRST else learns - self.engine.state_lookback)
            own.append(readings.filter(pl.col(COMPRESSOR_ID) == name, pl.col(TIMESTAMP) >= begin))
        part = pl.concat(own)
        found, learned = self.engine.find(part, _gold(part), since, lives)
        kept = [alert for alert in self.alerts if alert.compressor_id not in since or alert.alert_timestamp < since[alert.compressor_id]]
        by_key = {(alert.compressor_id, alert.alert_timestamp, alert.alert_type): alert for alert in (*kept, *found)}
        return replace(self, alerts=[by_key[key] for key in sorted(by_key)], stored=self.stored | _by_compressor(lives, learned))


def _by_compressor(lives: Lives, learned: Sequence[MachineLife]) -> Lives:
    known = {(life.compressor_id, life.life_from): life for life in learned}
    return {name: [known.get((name, life.life_from), life) for life in own] for name, own in lives.items()}


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
    """The engine with own normals that are learned within a day."""
    shipped: Settings = request.getfixturevalue("settings")
    short = {"learn_hours": 12, "window_hours": 4, "least_hours": 2, "on_delay_hours": 2, "off_delay_hours": 2, "join_hours": 3}
    short |= {"learn_within_days": 2}
    own = shipped.quality.alerts.own_normal
    own = own.model_copy(update={name: getattr(own, name).model_copy(update={"value": value}) for name, value in short.items()})
    rules = shipped.quality.alerts.model_copy(update={"grouping": request.param, "own_normal": own})
    health = HealthRules.of(shipped.quality.sensor_health, shipped.thresholds)
    return alert_engine(compressors(*IDS), rules, health, shipped.thresholds)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(week=weeks, repairs=repairs, hours=st.lists(st.integers(1, 30), min_size=7, max_size=7))
def test_steps_of_any_length_end_in_the_alerts_of_one_go(engine: AlertEngine, week: Week, repairs: Repairs, hours: list[int]) -> None:
    readings, fleet = _week(week), Fleet(engine, repairs)
    whole, done = fleet.whole(readings), MONDAY
    for until in (*(MONDAY + sum(hours[: number + 1]) * HOUR for number in range(len(hours))), MONDAY + timedelta(days=7)):
        present = readings.filter(pl.col(TIMESTAMP) < until)
        fleet = fleet.advance(present, done)
        assert fleet == fleet.whole(present)
        assert _changes(fleet.alerts, until) == _changes(whole.alerts, until)
        done = until
    assert fleet == whole


@pytest.mark.parametrize("engine", [True], indirect=True, ids=["grouped"])
@settings(max_examples=1, deadline=None, derandomize=True)
@given(week=weeks, repairs=repairs)
def test_a_week_hour_by_hour_raises_each_alert_once_and_takes_none_back(engine: AlertEngine, week: Week, repairs: Repairs) -> None:
    readings, fleet = _week(week), Fleet(engine, repairs)
    log: list[tuple[datetime, str, str, str]] = []
    for hour in range(7 * 24):
        until = MONDAY + (hour + 1) * HOUR
        fleet = fleet.advance(readings.filter(pl.col(TIMESTAMP) < until), until - HOUR)
        added = _changes(fleet.alerts, until)
        assert added[: len(log)] == log
        assert all(moment >= until - HOUR for moment, *_ in added[len(log) :])
        log = added
    assert fleet == fleet.whole(readings)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(week=weeks, repairs=repairs, told=repairs, seed=st.integers(0, 2**32 - 1))
def test_late_files_and_late_repairs_end_in_the_alerts_of_one_go(
    engine: AlertEngine, week: Week, repairs: Repairs, told: Repairs, seed: int
) -> None:
    readings, fleet = _week(week), Fleet(engine, told)
    arrival = np.random.default_rng(seed).choice(4, size=readings.height, p=[0.8, 0.1, 0.05, 0.05])
    for file in range(4):
        new = readings.filter(pl.Series(arrival == file))
        present = readings.filter(pl.Series(arrival <= file))
        oldest: datetime | None = new[TIMESTAMP].min()  # type: ignore[assignment]
        fleet = fleet.advance(present, oldest)
        assert fleet == fleet.whole(present)
    corrected = replace(fleet, repairs=repairs).advance(readings, None)
    assert corrected == corrected.whole(readings)


def test_the_drawn_weeks_hold_alerts_of_every_kind(engine: AlertEngine) -> None:
    """Else the tests above would say little."""
    spells_of = [("healthy", 24, set[str]()), ("storm", 4, set[str]()), ("critical", 30, {"vibration_mms"}), ("stopped", 9, set[str]())]
    spells_of += [("healthy", 30, set[str]()), ("warning", 30, {"discharge_temp_f"})]
    readings = _week(((spells_of * 2, spells_of), 1))
    alerts = Fleet(engine, {"C-1": [(80, 5)], "C-2": []}).whole(readings).alerts
    assert {alert.source for alert in alerts} == {"threshold", "own_normal"}
    assert {alert.severity for alert in alerts} == {"warning", "critical"}
    assert any(alert.suppressed for alert in alerts) == engine.rules.grouping
    by_window: Counter[tuple[str, datetime]] = Counter(
        (alert.compressor_id, window_start(alert.raised_at, engine.rules)) for alert in alerts
    )
    assert (max(by_window.values()) <= 5) == engine.rules.grouping
