"""Stops, load, damage, gaps and noise are no faults. Odd inputs do not break the rules."""

from __future__ import annotations

import numpy as np
import pytest

from features.contract import DISCHARGE_TEMP, GAS_FLOW, HORSEPOWER, MISSING, SENSORS, UNIT_CHANGE, VIBRATION
from features.sensor_health.settings import HealthRules
from tests.features.sensor_health.machine import History, refused, reported


@pytest.mark.parametrize("step_min", [1, 10, 60])
@pytest.mark.parametrize("hours", [2, 6, 30])
def test_a_stop_and_a_start_are_no_fault(health: HealthRules, step_min: int, hours: int) -> None:
    machine = History(health, 72, step_min)
    machine.stop(24, 24 + hours)
    found = machine.judge()
    assert reported(found) == set()
    assert all(refused(found, sensor) == {} for sensor in SENSORS)


@pytest.mark.parametrize("step_min", [1, 10, 60])
def test_a_machine_that_runs_has_no_fault(health: HealthRules, step_min: int) -> None:
    found = History(health, 72, step_min).judge()
    assert (found.verdicts, found.faults) == ({}, {})


def test_zeros_of_a_stopped_machine_are_no_fault(health: HealthRules) -> None:
    machine = History(health, 48)
    machine.stop(24, 30)
    for sensor in (HORSEPOWER, GAS_FLOW, VIBRATION):
        machine.values[sensor][machine.span(24, 30)] = 0.0
    assert reported(machine.judge()) == set()


def test_vibration_that_triples_within_days_is_no_change_of_unit(health: HealthRules) -> None:
    machine = History(health, 120)
    growth = 1 + 2 * (np.arange(len(machine.time_us)) / len(machine.time_us)) ** 1.5
    machine.values[VIBRATION] = np.round(machine.values[VIBRATION] * growth, 2)
    assert reported(machine.judge()) == set()


@pytest.mark.parametrize("level", [8.0, 12.0, 15.0])
def test_a_failing_machine_shakes_hard_without_a_fault(health: HealthRules, level: float) -> None:
    machine = History(health, 48, noise=0.06)
    machine.values[VIBRATION] = np.round(machine.values[VIBRATION] * level / 3, 2)
    assert reported(machine.judge()) == set()


@pytest.mark.parametrize("step", [0.75, 0.85, 1.2, 1.34])
def test_a_step_of_load_is_no_change_of_unit(health: HealthRules, step: float) -> None:
    machine = History(health, 48)
    for sensor, exponent in zip(SENSORS, (0.7, 0.3, -0.3, 0.4, 1.0, 1.0), strict=True):
        machine.values[sensor][machine.row(24) :] = np.round(machine.values[sensor][machine.row(24) :] * step**exponent, 2)
    assert reported(machine.judge()) == set()


def test_a_repair_that_calms_a_shaking_machine_is_no_change_of_unit(health: HealthRules) -> None:
    machine = History(health, 72)
    machine.values[VIBRATION][: machine.row(24)] = np.round(machine.values[VIBRATION][: machine.row(24)] * 4, 2)
    machine.stop(24, 42)
    assert reported(machine.judge()) == set()


def test_a_change_of_unit_during_a_stop_is_named_once_the_machine_has_settled(health: HealthRules) -> None:
    machine = History(health, 60)
    machine.stop(24, 30)
    machine.values[DISCHARGE_TEMP][machine.row(27) :] = np.round((machine.values[DISCHARGE_TEMP][machine.row(27) :] - 32) / 1.8, 2)
    found = machine.judge()
    assert reported(found) == {(DISCHARGE_TEMP, UNIT_CHANGE)}
    assert min(found.faults) <= machine.row(30 + 2 + 1.2)


def test_a_change_of_unit_stays_through_a_stop(health: HealthRules) -> None:
    machine = History(health, 60)
    machine.stop(30, 40)
    machine.values[DISCHARGE_TEMP][machine.row(24) :] = np.round((machine.values[DISCHARGE_TEMP][machine.row(24) :] - 32) / 1.8, 2)
    found = machine.judge()
    assert all(row in found.faults for row in range(machine.row(26), machine.row(60)))


def test_a_gap_is_no_fault_and_hides_none(health: HealthRules) -> None:
    machine = History(health, 72)
    machine.drop(24, 44)
    assert reported(machine.judge()) == set()
    machine = History(health, 72)
    machine.values[DISCHARGE_TEMP][machine.row(20) :] = np.round((machine.values[DISCHARGE_TEMP][machine.row(20) :] - 32) / 1.8, 2)
    machine.drop(24, 44)
    found = machine.judge()
    assert reported(found) == {(DISCHARGE_TEMP, UNIT_CHANGE)}
    assert len(machine.time_us) - 1 in found.faults


def test_single_missing_values_are_no_fault(health: HealthRules) -> None:
    machine = History(health, 48)
    for place, values in enumerate(machine.values.values()):
        values[place::7] = np.nan
    assert reported(machine.judge()) == set()


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e308])
def test_values_that_are_no_number_of_this_world_break_nothing(health: HealthRules, value: float) -> None:
    machine = History(health, 48)
    for values in machine.values.values():
        values[machine.span(24, 36)] = value
    found = machine.judge()
    assert {sensor for sensor, _ in reported(found)} == set(SENSORS)
    assert all(sum(refused(found, sensor).values()) >= 71 for sensor in SENSORS)


def test_infinite_values_within_a_change_of_unit_break_nothing(health: HealthRules) -> None:
    machine = History(health, 48)
    machine.values[HORSEPOWER][: machine.row(24)] = np.round(machine.values[HORSEPOWER][: machine.row(24)] / 1.341, 2)
    machine.values[HORSEPOWER][machine.span(26, 28)] = np.inf
    assert reported(machine.judge()) == {(HORSEPOWER, UNIT_CHANGE)}


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_compressor_with_hardly_a_reading_has_no_fault(health: HealthRules, rows: int) -> None:
    found = History(health, 48).judge(slice(0, rows))
    assert (found.rows, found.verdicts, found.faults) == (rows, {}, {})


def test_without_power_and_flow_the_vibration_tells_that_it_runs(health: HealthRules) -> None:
    machine = History(health, 48)
    machine.values[HORSEPOWER][:] = machine.values[GAS_FLOW][:] = np.nan
    machine.values[DISCHARGE_TEMP][machine.span(24, 36)] = 201.5
    found = machine.judge()
    assert reported(found) == {(DISCHARGE_TEMP, "frozen"), (HORSEPOWER, MISSING), (GAS_FLOW, MISSING)}


def test_where_nothing_tells_that_the_machine_runs_only_the_link_can_be_dead(health: HealthRules) -> None:
    machine = History(health, 48)
    for sensor in (HORSEPOWER, GAS_FLOW, VIBRATION):
        machine.values[sensor][:] = np.nan
    machine.values[DISCHARGE_TEMP][machine.span(24, 36)] = 201.5
    assert {fault for _, fault in reported(machine.judge())} == {MISSING}


def test_a_frozen_power_does_not_say_that_a_stopped_machine_runs(health: HealthRules) -> None:
    machine = History(health, 60)
    machine.stop(30, 40)
    machine.values[HORSEPOWER][machine.row(20) :] = 1412.5
    assert reported(machine.judge()) == {(HORSEPOWER, "frozen")}


def test_gas_of_a_cold_night_is_no_fault(health: HealthRules) -> None:
    machine = History(health, 48)
    machine.values[DISCHARGE_TEMP] = np.round(machine.values[DISCHARGE_TEMP] * 0.72, 2)
    assert reported(machine.judge()) == set()
