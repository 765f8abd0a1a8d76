"""The simulated compressor: its inputs, states, outputs and events, and the law that joins them.

The form follows NASA's progpy models: a declaration first, then pure functions of time and state. Arrays of
sensors have the shape [6, n]: the sensors of features.contract.SENSORS in their order, over n points in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from config.sections.simulator import EnvironmentConfig
from features.arrays import Doubles
from features.contract import (
    DISCHARGE_PRESSURE,
    DISCHARGE_TEMP,
    GAS_FLOW,
    HORSEPOWER,
    OPERATING_HOURS,
    SENSORS,
    SUCTION_PRESSURE,
    VIBRATION,
)

HOURS_PER_DAY: Final = 24
MINUTES_PER_HOUR: Final = 60
MINUTES_PER_DAY: Final = 1440


@dataclass(frozen=True)
class ModelQuantity:
    """A named quantity of the model and its unit ("1" without a unit)."""

    name: str
    unit: str
    description: str


INPUTS: Final = (
    ModelQuantity("air_f", "F", "air temperature at the station"),
    ModelQuantity("load", "1", "throughput against the nominal one"),
    ModelQuantity("running", "1", "1 while the unit runs, 0 at rest, between while a sensor's level follows a start or stop"),
)
STATES: Final = (
    ModelQuantity("factors", "1", "level of each sensor against the healthy one, from the wear of the running life"),
    ModelQuantity("noise_growth", "1", "noise of each sensor against the healthy one, from the wear of the running life"),
    ModelQuantity("drift", "1", "reading of each sensor against the truth, from the age of its calibration"),
)
OUTPUTS: Final = (
    ModelQuantity(VIBRATION, "mm/s", "vibration velocity (RMS) of the frame"),
    ModelQuantity(DISCHARGE_TEMP, "F", "gas temperature at the discharge flange"),
    ModelQuantity(SUCTION_PRESSURE, "PSI", "gas pressure at the suction flange"),
    ModelQuantity(DISCHARGE_PRESSURE, "PSI", "gas pressure at the discharge flange"),
    ModelQuantity(HORSEPOWER, "hp", "shaft power drawn"),
    ModelQuantity(GAS_FLOW, "Mcf/day", "gas moved"),
    ModelQuantity(OPERATING_HOURS, "h", "hours run since commissioning"),
)
EVENTS: Final = (
    ModelQuantity("failure", "d", "wear reaches its end: the unit stops for 12 to 24 h and comes back as new"),
    ModelQuantity("scheduled", "d", "planned service: wear and calibration are reset"),
    ModelQuantity("unscheduled", "d", "degradation is found and mended before it fails: wear is reset"),
)


@dataclass(frozen=True)
class Unit:
    """The fixed properties of one compressor. Arrays are [6], one value per sensor."""

    compressor_id: str
    model: str
    station_id: str
    horsepower: int  # rated, hp
    age_days: int  # days from the installation to the start
    initial_hours: float  # operating hours at the start
    baseline: Doubles  # healthy levels at reference air temperature and load 1, in the sensors' units
    noise: float  # standard deviation of one reading, part of its level
    ambient_gain: float  # F of discharge temperature per F of air temperature
    load_amplitude: float  # half the swing of the load around 1
    stops_per_day: float
    drift_per_30_days: Doubles  # relative
    fault_factor: float  # rate of telemetry faults against the configured one; 0 for none


@dataclass(frozen=True)
class Inputs:
    """INPUTS over time: air_f and load [n], running [6, n]."""

    air_f: Doubles
    load: Doubles
    running: Doubles


@dataclass(frozen=True)
class States:
    """STATES over time, each [6, n]."""

    factors: Doubles
    noise_growth: Doubles
    drift: Doubles


def true_levels(unit: Unit, inputs: Inputs, states: States, environment: EnvironmentConfig) -> Doubles:
    """The levels of all sensors without noise -> [6, n] in the sensors' units.

    The level is baseline * load^exponent, plus the air's share of the discharge temperature. Factors of wear
    and of running multiply it.
    """
    exponents = np.array([environment.load_exponents[sensor] for sensor in SENSORS])
    idle = np.array([environment.idle_shares[sensor] for sensor in SENSORS])[:, None]
    levels: Doubles = unit.baseline[:, None] * inputs.load[None, :] ** exponents[:, None]
    levels[SENSORS.index(DISCHARGE_TEMP)] += unit.ambient_gain * (inputs.air_f - environment.reference_f)
    levels *= states.factors
    levels *= idle + (1 - idle) * inputs.running
    return levels


def operating_hours(unit: Unit, running: NDArray[np.bool_], interval_min: int) -> Doubles:
    """Hours run at each reading -> [n] h; the counter rests while the unit does."""
    whole_intervals: NDArray[np.int64] = np.cumsum(running) - running
    return unit.initial_hours + whole_intervals * interval_min / MINUTES_PER_HOUR
