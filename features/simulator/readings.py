"""The readings of one simulated compressor: identity, lives, surroundings and telemetry over time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.arrays import Doubles
from features.contract import HORSEPOWER, SENSORS
from features.simulator.compressor import Inputs, States, Unit, operating_hours, true_levels
from features.simulator.environment import draw_load, draw_stops, running_share
from features.simulator.lives import Event, Life, draw_lives, script_lives
from features.simulator.plan import SimulationPlan
from features.simulator.telemetry import DECIMALS, add_faults, add_noise, calibration_drift, draw_arrivals
from features.simulator.units import draw_unit, expose
from features.simulator.wear import wear_over_time


@dataclass(frozen=True)
class SimulatedUnit:
    """One compressor with its lives and events, and the readings that arrived.

    The time grid's steps [m] have readings: `values` [7, m]. The truth is `runs` [m], whether the unit ran,
    and `stuck` [6, m], which sensors repeated their last value.
    """

    unit: Unit
    lives: list[Life]
    events: list[Event]
    steps: NDArray[np.int64] = field(repr=False)
    values: Doubles = field(repr=False)
    runs: NDArray[np.bool_] = field(repr=False)
    stuck: NDArray[np.bool_] = field(repr=False)


def simulate_unit(plan: SimulationPlan, index: int) -> SimulatedUnit:
    """Unit number `index` (from 0) of the fleet.

    It depends on the seed and its own number alone, not on other units.
    """
    config, time = plan.config, plan.time
    identity, living, surroundings, transmission = plan.streams(index)
    unit = draw_unit(identity, index, plan.compressors, plan.fleet, plan.size, config.units)
    if plan.profile == "demo":
        lives, events = script_lives(living, index + 1, plan.days, config)
        stops = np.empty((0, 2))
        downtime = np.empty((0, 2))  # as in the field exports, a unit reports healthy levels from the moment of its failure on
    else:
        unit = expose(identity, unit, config.units)
        lives, events = draw_lives(living, plan.days, config)
        stops = draw_stops(surroundings, plan.days, unit.stops_per_day, config.environment)
        downtime = np.array([(event.time, event.end) for event in events]).reshape(-1, 2)

    load = draw_load(surroundings, time, unit.load_amplitude, config.environment)
    running = np.minimum(running_share(time, stops, config.environment), running_share(time, downtime, config.environment))
    factors, noise_growth = wear_over_time(time, lives, config.modes)
    calibrated = np.array([event.time for event in events if event.event_type == "scheduled"])
    states = States(factors, noise_growth, calibration_drift(time, calibrated, unit))
    levels = true_levels(unit, Inputs(plan.air_f[unit.station_id], load, running), states, config.environment)

    readings = add_noise(transmission, levels, states, unit)
    stuck = np.zeros(readings.shape, np.bool_)
    arrived = np.ones(len(time), np.bool_)
    if plan.profile == "history":
        readings, stuck = add_faults(transmission, time, readings, unit, config.faults)
        arrived = draw_arrivals(transmission, time, unit, config.faults)
        for event in events:
            if event.silent:
                arrived &= (time < event.time) | (time >= event.end)
    runs = running[SENSORS.index(HORSEPOWER)] > 0
    hours = operating_hours(unit, runs, plan.interval_min)
    values = np.round(np.vstack([readings, hours])[:, arrived], DECIMALS)
    return SimulatedUnit(unit, lives, events, np.flatnonzero(arrived), values, runs[arrived], stuck[:, arrived])
