"""Every state of a sensor on one small machine: refused values, reported faults, begin and end."""

from __future__ import annotations

import numpy as np
import pytest

from features.contract import (
    DISCHARGE_PRESSURE,
    DISCHARGE_TEMP,
    FLAGGED_BAD,
    FROZEN,
    GAS_FLOW,
    HORSEPOWER,
    IMPLAUSIBLE,
    MISSING,
    SENSORS,
    SUCTION_PRESSURE,
    UNIT_CHANGE,
    VIBRATION,
    WRONG_UNIT,
    ZERO,
)
from features.sensor_health.fault import Fault
from features.sensor_health.settings import HealthRules
from tests.features.sensor_health.machine import History, refused, reported


@pytest.mark.parametrize("sensor", SENSORS)
def test_a_sensor_that_repeats_its_value_is_frozen_after_three_hours(health: HealthRules, sensor: str) -> None:
    machine = History(health, 48)
    machine.values[sensor][machine.span(24, 36)] = machine.values[sensor][machine.row(24)]
    found = machine.judge()
    assert reported(found) == {(sensor, FROZEN)}
    assert refused(found, sensor) == {FROZEN: 6 * 9}
    assert min(found.faults) == machine.row(27)
    (fault,) = found.faults[machine.row(30)]
    assert machine.since_h(fault) == 24
    assert max(found.faults) == machine.row(36) - 1


def test_a_frozen_sensor_may_tremble_by_its_resolution(health: HealthRules) -> None:
    machine = History(health, 48)
    tremble = 200.0 + 0.05 * (np.arange(72) % 2)
    machine.values[DISCHARGE_TEMP][machine.span(24, 36)] = tremble
    assert reported(machine.judge()) == {(DISCHARGE_TEMP, FROZEN)}


def test_a_slow_creep_is_not_frozen(health: HealthRules) -> None:
    machine = History(health, 48)
    machine.values[DISCHARGE_TEMP][machine.span(24, 36)] = 200.0 + 0.06 * np.arange(72)
    assert reported(machine.judge()) == set()


def test_all_sensors_frozen_are_each_named(health: HealthRules) -> None:
    machine = History(health, 48)
    for values in machine.values.values():
        values[machine.row(24) :] = values[machine.row(24)]
    found = machine.judge()
    assert reported(found) == {(sensor, FROZEN) for sensor in SENSORS}
    assert {fault.sensor for fault in found.faults[machine.row(47)]} == set(SENSORS)


@pytest.mark.parametrize("sensor", SENSORS)
def test_a_zero_is_none_while_the_others_say_that_the_machine_runs(health: HealthRules, sensor: str) -> None:
    machine = History(health, 48)
    machine.values[sensor][machine.span(24, 36)] = 0.0
    found = machine.judge()
    assert reported(found) == {(sensor, ZERO)}
    assert refused(found, sensor) == {ZERO: 71}  # one alone proves nothing
    assert min(found.faults) == machine.row(25)


def test_zeros_of_all_sensors_are_a_dead_link_from_the_first_one_on(health: HealthRules) -> None:
    machine = History(health, 48)
    for values in machine.values.values():
        values[machine.span(24, 36)] = 0.0
    found = machine.judge()
    assert reported(found) == {(sensor, ZERO) for sensor in SENSORS}
    assert all(refused(found, sensor) == {ZERO: 72} for sensor in SENSORS)


UNITS = [
    (VIBRATION, "in/s", 1 / 25.4, 0.0),
    (DISCHARGE_TEMP, "degC", 1 / 1.8, -32 / 1.8),
    (DISCHARGE_TEMP, "K", 1 / 1.8, 459.67 / 1.8),
    (SUCTION_PRESSURE, "bar", 1 / 14.503774, 0.0),
    (SUCTION_PRESSURE, "kPa", 6.894757, 0.0),
    (DISCHARGE_PRESSURE, "bar", 1 / 14.503774, 0.0),
    (DISCHARGE_PRESSURE, "kPa", 6.894757, 0.0),
    (HORSEPOWER, "kW", 0.745700, 0.0),
    (GAS_FLOW, "MMcf/day", 0.001, 0.0),
    (GAS_FLOW, "m3/day", 28.316847, 0.0),
    (GAS_FLOW, "1000 m3/day", 0.028316847, 0.0),
    (GAS_FLOW, "Mcf/h", 1 / 24, 0.0),
]


@pytest.mark.parametrize(("sensor", "unit", "factor", "offset"), UNITS)
def test_a_change_of_unit_is_named_and_ends_with_three_sound_readings(
    health: HealthRules, sensor: str, unit: str, factor: float, offset: float
) -> None:
    machine = History(health, 60)
    changed = machine.span(24, 36)
    machine.values[sensor][changed] = np.round(machine.values[sensor][changed] * factor + offset, 2)
    found = machine.judge()
    assert reported(found) == {(sensor, UNIT_CHANGE)}
    (fault,) = found.faults[machine.row(30)]
    assert (fault.unit, machine.since_h(fault)) == (unit, 24)
    assert min(found.faults) <= machine.row(25.2)
    assert refused(found, sensor)[UNIT_CHANGE] >= 70
    assert max(found.faults) == machine.row(36) + 1  # the third sound reading ends it


@pytest.mark.parametrize(("sensor", "unit", "factor", "offset"), [row for row in UNITS if row[1] != "kW"])
def test_a_unit_that_was_never_right_is_named_since_the_first_reading(
    health: HealthRules, sensor: str, unit: str, factor: float, offset: float
) -> None:
    machine = History(health, 24)
    machine.values[sensor] = np.round(machine.values[sensor] * factor + offset, 2)
    found = machine.judge()
    assert reported(found) == {(sensor, WRONG_UNIT)}
    (fault,) = found.faults[machine.row(23)]
    assert machine.since_h(fault) == 0
    assert fault.unit == unit


def test_power_in_kilowatts_all_along_lies_among_the_usual_horsepower(health: HealthRules) -> None:
    """A limit: 1400 hp are 1044 kW, which a running unit may show in hp. Only site.yaml can say so."""
    machine = History(health, 24)
    machine.values[HORSEPOWER] *= 0.7457
    assert reported(machine.judge()) == set()


@pytest.mark.parametrize(("sensor", "value"), [(DISCHARGE_TEMP, 2500.0), (DISCHARGE_TEMP, 999.9), (VIBRATION, 106.25), (VIBRATION, -2.5)])
def test_a_broken_input_is_implausible(health: HealthRules, sensor: str, value: float) -> None:
    machine = History(health, 48)
    machine.values[sensor][machine.span(24, 36)] = value
    found = machine.judge()
    assert reported(found) == {(sensor, IMPLAUSIBLE)}
    assert min(found.faults) == machine.row(25)


def test_what_the_source_calls_bad_is_refused_at_once_and_reported_after_an_hour(health: HealthRules) -> None:
    machine = History(health, 48)
    bad = np.zeros(len(machine.time_us), np.bool_)
    bad[machine.span(24, 30)] = True
    machine.flagged[SUCTION_PRESSURE] = bad
    found = machine.judge()
    assert reported(found) == {(SUCTION_PRESSURE, FLAGGED_BAD)}
    assert refused(found, SUCTION_PRESSURE) == {FLAGGED_BAD: 36}
    assert min(found.faults) == machine.row(25)


def test_no_value_for_three_hours_is_missing(health: HealthRules) -> None:
    machine = History(health, 48)
    machine.values[GAS_FLOW][machine.span(24, 30)] = np.nan
    found = machine.judge()
    assert reported(found) == {(GAS_FLOW, MISSING)}
    assert refused(found, GAS_FLOW) == {}  # there is nothing to refuse
    assert (min(found.faults), max(found.faults)) == (machine.row(27), machine.row(30) - 1)


def test_a_sensor_without_any_value_from_the_first_reading_on_is_missing(health: HealthRules) -> None:
    machine = History(health, 24)
    machine.values[GAS_FLOW][:] = np.nan
    found = machine.judge()
    assert reported(found) == {(GAS_FLOW, MISSING)}
    assert found.faults[machine.row(23)] == [Fault(GAS_FLOW, MISSING, int(machine.time_us[0]))]


def test_a_fault_of_thirty_days_stays_reported(health: HealthRules) -> None:
    machine = History(health, 34 * 24, step_min=60)
    machine.values[DISCHARGE_TEMP][machine.row(48) :] = np.round((machine.values[DISCHARGE_TEMP][machine.row(48) :] - 32) / 1.8, 2)
    machine.values[VIBRATION][machine.row(48) :] = 3.21
    found = machine.judge()
    assert {(fault.sensor, fault.fault) for fault in found.faults[machine.row(34 * 24 - 1)]} == {
        (DISCHARGE_TEMP, UNIT_CHANGE),
        (VIBRATION, FROZEN),
    }
    assert all(row in found.faults for row in range(machine.row(55), machine.row(34 * 24)))
