from __future__ import annotations

import pytest

from config.settings import Settings
from monitoring.alerts.engine import AlertEngine
from monitoring.alerts.grouping import window_start
from tests.features.readings import reading
from tests.monitoring.alerts.alerts_of import alerts_of, at, limits_engine, minutes, spans

STORM = {  # in the order of how far they lie beyond their limits
    "discharge_temp_f": 270.0,
    "gas_flow_mcf": 4000.0,
    "suction_pressure_psi": 25.0,
    "vibration_mms": 6.9,
    "discharge_pressure_psi": 1310.0,
    "horsepower_consumption": 1801.0,
}


@pytest.fixture(scope="module")
def engine(settings: Settings) -> AlertEngine:
    """All on-delays are 0, so that a single reading can raise alerts of all sensors."""
    engine = limits_engine(settings)
    at_once = [
        type(item)(item.column, item.name, item.unit, item.direction, item.rules.with_columns(on_us=item.rules["on_us"] * 0))
        for item in engine.quantities
    ]
    return AlertEngine(engine.rules, engine.health, at_once)


def test_of_six_alerts_at_one_reading_the_five_worst_are_raised_and_the_sixth_is_named(engine: AlertEngine) -> None:
    alerts = alerts_of(engine, [reading(0, **STORM), *(reading(10 * step) for step in (1, 2, 3))])
    assert {alert.alert_type.rsplit("_", 1)[0] for alert in alerts} == {*STORM} - {"horsepower_consumption"}
    named = {alert.alert_type: alert.suppressed for alert in alerts if alert.suppressed}
    assert named == {"discharge_temp_f_high": ["horsepower_consumption_high"]}


def test_a_window_is_full_for_what_comes_later_however_bad_it_is(engine: AlertEngine) -> None:
    five = {sensor: value for sensor, value in STORM.items() if sensor != "discharge_temp_f"}
    hot = {"discharge_temp_f": 270.0}
    rows = [reading(0, **five), *(reading(10 * step, **hot) for step in (1, 2, 3)), *(reading(10 * step) for step in range(4, 8))]
    late = alerts_of(engine, rows)[-1]
    assert (late.alert_type, spans([late]), minutes([late.critical_at])) == ("discharge_temp_f_high", [(10, 30, 30, 60)], (30,))


def test_what_is_left_out_and_lasts_is_raised_in_the_next_window(engine: AlertEngine) -> None:
    lasting = {"horsepower_consumption": STORM["horsepower_consumption"]}
    rows = [reading(0, **STORM), *(reading(10 * step, **lasting) for step in (1, 2, 3, 4)), *(reading(10 * step) for step in range(5, 9))]
    alerts = alerts_of(engine, rows)
    assert [alert.suppressed for alert in alerts] == [[]] * 6
    (late,) = [alert for alert in alerts if alert.alert_type == "horsepower_consumption_high"]
    assert (spans([late]), late.reading_count) == ([(0, 30, 40, 70)], 5)


def test_without_grouping_nothing_is_left_out(engine: AlertEngine) -> None:
    rules = engine.rules.model_copy(update={"grouping": False})
    ungrouped = AlertEngine(rules, engine.health, engine.quantities)
    alerts = alerts_of(ungrouped, [reading(0, **STORM), *(reading(10 * step) for step in (1, 2, 3))])
    assert len(alerts) == 6
    assert [alert.suppressed for alert in alerts] == [[]] * 6


def test_an_alert_is_settled_when_its_window_is_over_and_all_that_it_names(engine: AlertEngine) -> None:
    rows = [reading(0, **STORM), *(reading(10 * step, horsepower_consumption=1750.0) for step in range(1, 9))]
    leader = next(alert for alert in alerts_of(engine, rows) if alert.suppressed)
    assert (minutes([leader.resolved_at]), leader.settled_at) == ((30,), None)
    leader = next(alert for alert in alerts_of(engine, [*rows, *(reading(10 * step) for step in range(9, 12))]) if alert.suppressed)
    assert minutes([leader.resolved_at, leader.settled_at]) == (30, 110)


def test_windows_are_those_of_the_clock(engine: AlertEngine) -> None:
    assert [window_start(at(minute), engine.rules) for minute in (0, 29.9, 30, 1439)] == [at(0), at(0), at(30), at(1410)]
