"""The declared model: names, units, and the law that joins inputs and states."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

import numpy as np
import pytest

from config.sections.simulator import SimulatorConfig
from features.contract import EVENT_TYPES, OPERATING_HOURS, SENSORS
from features.simulator.compressor import EVENTS, INPUTS, OUTPUTS, STATES, Inputs, States, Unit, operating_hours, true_levels
from features.simulator.lives import EndedBy

VIBRATION, TEMP, SUCTION, DISCHARGE, POWER, FLOW = range(6)


def unit(**changes: object) -> Unit:
    values: dict[str, object] = {
        "compressor_id": "C",
        "model": "M",
        "station_id": "S",
        "horsepower": 1340,
        "age_days": 400,
        "initial_hours": 4000.0,
        "baseline": np.array([2.0, 200.0, 60.0, 1000.0, 1400.0, 10000.0]),
        "noise": 0.03,
        "ambient_gain": 0.0,
        "load_amplitude": 0.0,
        "stops_per_day": 0.0,
        "drift_per_30_days": np.zeros(6),
        "fault_factor": 0.0,
    }
    return Unit(**{**values, **changes})  # type: ignore[arg-type]


def levels(
    config: SimulatorConfig, compressor: Unit, *, air_f: float = 75.0, load: float = 1.0, running: float = 1.0, factor: float = 1.0
) -> list[float]:
    inputs = Inputs(np.array([air_f]), np.array([load]), np.full((6, 1), running))
    states = States(np.full((6, 1), factor), np.ones((6, 1)), np.ones((6, 1)))
    return [float(value) for value in true_levels(compressor, inputs, states, config.environment)[:, 0]]


def test_the_declaration_names_what_the_model_takes_holds_and_gives() -> None:
    assert [quantity.name for quantity in INPUTS] == [field.name for field in fields(Inputs)]
    assert [quantity.name for quantity in STATES] == [field.name for field in fields(States)]
    assert tuple(quantity.name for quantity in OUTPUTS) == (*SENSORS, OPERATING_HOURS)
    assert {quantity.name for quantity in EVENTS} <= set(EVENT_TYPES)
    assert set(get_args(EndedBy)) == {"failure", "maintenance", "censored"}


def test_at_reference_air_and_load_a_healthy_unit_runs_at_its_baseline(config: SimulatorConfig) -> None:
    assert levels(config, unit(ambient_gain=0.8)) == pytest.approx([2.0, 200.0, 60.0, 1000.0, 1400.0, 10000.0])


def test_a_hot_day_moves_the_discharge_temperature_and_nothing_else(config: SimulatorConfig) -> None:
    assert levels(config, unit(ambient_gain=0.8), air_f=105.0) == pytest.approx([2.0, 224.0, 60.0, 1000.0, 1400.0, 10000.0])


def test_load_drives_power_and_flow_in_proportion_and_pressure_less(config: SimulatorConfig) -> None:
    loaded = levels(config, unit(), load=1.1)
    assert loaded[POWER] == pytest.approx(1540.0)
    assert loaded[FLOW] == pytest.approx(11000.0)
    assert 1000.0 < loaded[DISCHARGE] < 1050.0
    assert loaded[SUCTION] < 60.0


def test_a_stopped_unit_is_near_idle(config: SimulatorConfig) -> None:
    stopped = levels(config, unit(), running=0.0)
    assert stopped[FLOW] == 0.0
    assert stopped[POWER] == pytest.approx(42.0)
    assert stopped[VIBRATION] == pytest.approx(0.12)


def test_operating_hours_rest_while_the_unit_does() -> None:
    running = np.array([True, True, False, False, True, True])
    assert operating_hours(unit(), running, 30).tolist() == [4000.0, 4000.5, 4001.0, 4001.0, 4001.0, 4001.5]
