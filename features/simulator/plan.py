"""The plan of a simulation: resolved arguments, the time grid, and the weather of each station."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from config.errors import InputError
from config.sections.fleet import FleetConfig
from config.sections.simulator import FleetSize, SimulatorConfig
from features.arrays import Doubles
from features.simulator.compressor import MINUTES_PER_DAY
from features.simulator.environment import air_temperature, check_climates, draw_weather
from features.simulator.units import check_names

Profile = Literal["demo", "history"]


@dataclass(frozen=True)
class FleetRequest:
    """Which fleet to simulate. A value of None comes from the profile in simulator.yaml."""

    profile: Profile = "demo"
    compressors: int | None = None
    days: int | None = None
    interval_min: int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class SimulationPlan:
    """The resolved arguments of a simulation, and what all its units share."""

    profile: Profile
    size: FleetSize
    compressors: int
    days: int
    interval_min: int
    seed: int
    config: SimulatorConfig
    fleet: FleetConfig
    time: Doubles = field(repr=False)  # [n] days since the start
    air_f: dict[str, Doubles] = field(repr=False)  # [n] F by station

    def streams(self, index: int) -> list[np.random.Generator]:
        """Four independent random streams of unit number `index`: identity, lives, surroundings, telemetry."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(get_args(Profile).index(self.profile), index))
        return [np.random.default_rng(child) for child in sequence.spawn(4)]


def resolve(config: SimulatorConfig, fleet: FleetConfig, request: FleetRequest) -> SimulationPlan:
    """The plan of `request`: its arguments checked, and the air temperature of every station.

    Raises InputError when an argument is out of range. Raises ConfigError when simulator.yaml and fleet.yaml
    contradict each other.
    """
    profile = request.profile
    size: FleetSize = config.demo if profile == "demo" else config.history
    seed = size.seed if request.seed is None else request.seed
    compressors = size.compressors if request.compressors is None else request.compressors
    days = size.days if request.days is None else request.days
    interval_min = size.interval_min if request.interval_min is None else request.interval_min
    for name, value in (("compressors", compressors), ("days", days), ("interval-min", interval_min)):
        if value < 1:
            raise InputError(f"--{name} {value}: must be at least 1")
    if seed < 0:
        raise InputError(f"--seed {seed}: must be 0 or more")
    if MINUTES_PER_DAY % interval_min:
        raise InputError(f"--interval-min {interval_min}: must divide a day of {MINUTES_PER_DAY} minutes")
    check_names(fleet, config.units)
    check_climates(fleet, config.environment)

    time = np.arange(days * MINUTES_PER_DAY // interval_min) * interval_min / MINUTES_PER_DAY
    air_f = {}
    for number, (station_id, station) in enumerate(fleet.stations.items()):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(len(get_args(Profile)), number)))
        weather = draw_weather(rng, days, config.environment)
        air_f[station_id] = air_temperature(time, size.start, station_id, station, weather, config.environment)
    return SimulationPlan(profile, size, compressors, days, interval_min, seed, config, fleet, time, air_f)
