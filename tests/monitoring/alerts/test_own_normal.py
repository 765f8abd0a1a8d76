from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from config.settings import Settings
from features.contract import COMPRESSOR_ID, SENSORS, TIMESTAMP
from features.reference_tables.renewals import read_renewals
from features.sensor_health.settings import HealthRules
from monitoring.alerts.engine import AlertEngine, alert_engine
from monitoring.alerts.machine_lives import lives_of
from serving.warehouse.alerts import Alert
from serving.warehouse.machine_lives import FIRST, MachineLife
from tests.features.readings import HEALTHY, MONDAY, compressors
from tests.monitoring.alerts.alerts_of import GOLD_SCHEMA, SILVER_SCHEMA

HOUR = timedelta(hours=1)
LEARNED = 99  # hour after MONDAY: two to settle, 96 to learn from, and the first reading after them
NO_EVENTS = pl.DataFrame(
    schema={COMPRESSOR_ID: pl.String, "event_date": pl.Datetime("us", "UTC"), "event_type": pl.String, "downtime_hours": pl.Float64}
)


@pytest.fixture(scope="module")
def engine(settings: Settings) -> AlertEngine:
    health = HealthRules.of(settings.quality.sensor_health, settings.thresholds)
    return alert_engine(compressors("C-1"), settings.quality.alerts, health, settings.thresholds)


def _find(
    engine: AlertEngine, *spells: tuple[int, dict[str, float]], events: pl.DataFrame = NO_EVENTS
) -> tuple[list[Alert], list[MachineLife]]:
    """Of half-hourly readings: each spell lasts some hours and has some values that are not those of a healthy machine."""
    states = [values for hours, values in spells for _ in range(2 * hours)]
    rows = [
        ("C-1", MONDAY + timedelta(minutes=30 * number), *({**HEALTHY, **values}[sensor] for sensor in SENSORS))
        for number, values in enumerate(states)
    ]
    silver = pl.DataFrame(rows, schema=SILVER_SCHEMA, orient="row")
    return engine.find(silver, pl.DataFrame(schema=GOLD_SCHEMA), None, lives_of(["C-1"], read_renewals(events)))


def _hours(alert: Alert) -> tuple[float | None, ...]:
    moments = (alert.alert_timestamp, alert.raised_at, alert.resolved_at)
    return tuple(None if at is None else (at - MONDAY) / HOUR for at in moments)


def test_a_lasting_change_is_an_alert_in_the_machines_own_spreads(engine: AlertEngine) -> None:
    (alert,), (life,) = _find(engine, (110, {}), (60, {"vibration_mms": 4.0}))
    # level 3, spread at least 3 % of it: 0.09. The median of 12 hours is 3.5 with six of 4.0 among them, and beyond 3.36
    assert (life.life_from, life.began_at, life.levels["vibration_mms"]) == (FIRST, MONDAY, [3.0, 0.09])
    assert life.learned_at == MONDAY + (LEARNED - 1) * HOUR
    assert (alert.alert_type, alert.source, alert.severity, alert.critical_at) == (
        "vibration_mms_above_own_normal",
        "own_normal",
        "warning",
        None,
    )
    assert _hours(alert) == (116, 122, None)
    assert (alert.value, alert.threshold) == (4.0, pytest.approx(3.36))
    assert alert.message == "vibration 4 mm/s is 11.1 own spreads above its level of 3 since 2026-03-02"


def test_back_at_its_level_it_is_resolved_after_the_off_delay(engine: AlertEngine) -> None:
    (alert,), _ = _find(engine, (110, {}), (30, {"vibration_mms": 4.0}), (40, {}))
    # seven hours of 3.0 make the median 3.0, at the reading of hour 147; six hours later it is over
    assert _hours(alert) == (116, 122, 153)


def test_what_passes_is_no_alert(engine: AlertEngine) -> None:
    assert _find(engine, (110, {}), (5, {"vibration_mms": 4.0}), (40, {}))[0] == []


def test_only_the_sides_that_mean_trouble_are_watched(engine: AlertEngine) -> None:
    lower = {"vibration_mms": 2.0, "discharge_temp_f": 150.0, "horsepower_consumption": 1000.0, "gas_flow_mcf": 7000.0}
    assert _find(engine, (110, {}), (60, lower))[0] == []
    (alert,), _ = _find(engine, (110, {}), (60, {"discharge_pressure_psi": 850.0}))
    assert (alert.alert_type, alert.value) == ("discharge_pressure_psi_below_own_normal", 850.0)
    assert "5.0 own spreads below its level of 1000" in alert.message


def test_a_machine_without_enough_settled_hours_has_no_level(engine: AlertEngine) -> None:
    alerts, (life,) = _find(engine, (90, {}), (6, {"vibration_mms": 4.0}))
    assert (alerts, life.learned_at, life.levels) == ([], None, {})
    stopped = {"vibration_mms": 0.1, "horsepower_consumption": 20.0, "gas_flow_mcf": 0.0}
    alerts, (life,) = _find(engine, (90, {}), (24 * 11, stopped), (60, {"vibration_mms": 4.0}))
    assert (alerts, life.learned_at, life.levels) == ([], MONDAY + timedelta(days=14), {})


def test_a_stop_is_no_change(engine: AlertEngine) -> None:
    stopped = {"vibration_mms": 0.1, "suction_pressure_psi": 90.0, "horsepower_consumption": 20.0, "gas_flow_mcf": 0.0}
    assert _find(engine, (110, {}), (30, stopped), (30, {}))[0] == []


def test_a_repair_ends_the_alert_and_begins_a_level(engine: AlertEngine) -> None:
    repaired = pl.DataFrame([("C-1", MONDAY + 130 * HOUR, "unscheduled", 5.0)], schema=NO_EVENTS.schema, orient="row")
    (alert,), (old, new) = _find(engine, (110, {}), (220, {"vibration_mms": 4.0}), events=repaired)
    assert _hours(alert) == (116, 122, 130)
    assert (new.life_from, new.began_at, new.levels["vibration_mms"][0]) == (MONDAY + 130 * HOUR, MONDAY + 135 * HOUR, 4.0)
    assert old.levels["vibration_mms"][0] == 3.0


def test_a_level_is_that_of_the_machines_first_days_and_not_of_the_latest(engine: AlertEngine) -> None:
    slow = [(24, {"vibration_mms": 3.0 + 0.05 * day}) for day in range(1, 20)]
    (alert,), _ = _find(engine, (110, {}), *slow)
    assert alert.message.startswith("vibration 3.95 mm/s is 10.6 own spreads above its level of 3 ")


def test_readings_that_no_lives_are_given_for_are_one_life(engine: AlertEngine) -> None:
    silver = pl.DataFrame([("C-1", MONDAY, *(HEALTHY[sensor] for sensor in SENSORS))], schema=SILVER_SCHEMA, orient="row")
    alerts, lives = engine.find(silver, pl.DataFrame(schema=GOLD_SCHEMA))
    assert (alerts, lives) == ([], [MachineLife("C-1", FIRST, MONDAY, None, {})])
    assert silver[TIMESTAMP].to_list() == [MONDAY]
