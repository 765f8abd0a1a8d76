"""The plan of a simulation: its arguments as resolved, the time grid, and the weather that all units of a station share."""

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
class SimulationPlan:
    """The arguments of a simulation as resolved, and what all its units share."""

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


def resolve(
    config: SimulatorConfig,
    fleet: FleetConfig,
    profile: Profile,
    compressors: int | None,
    days: int | None,
    interval_min: int | None,
    seed: int,
) -> SimulationPlan:
    """The arguments with the profile's defaults for what is None, checked, and the air temperature of every station.

    Raises InputError when an argument is out of range, ConfigError when simulator.yaml and fleet.yaml do not fit together.
    """
    size: FleetSize = config.demo if profile == "demo" else config.history
    chosen = {
        "compressors": size.compressors if compressors is None else compressors,
        "days": size.days if days is None else days,
        "interval-min": size.interval_min if interval_min is None else interval_min,
    }
    for name, value in chosen.items():
        if value < 1:
            raise InputError(f"--{name} {value}: must be at least 1")
    if seed < 0:
        raise InputError(f"--seed {seed}: must be 0 or more")
    if MINUTES_PER_DAY % chosen["interval-min"]:
        raise InputError(f"--interval-min {chosen['interval-min']}: must divide a day of {MINUTES_PER_DAY} minutes")
    check_names(fleet, config.units)
    check_climates(fleet, config.environment)

    steps = chosen["days"] * MINUTES_PER_DAY // chosen["interval-min"]
    time = np.arange(steps) * chosen["interval-min"] / MINUTES_PER_DAY
    air_f = {}
    for number, (station_id, station) in enumerate(fleet.stations.items()):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(len(get_args(Profile)), number)))
        weather = draw_weather(rng, chosen["days"], config.environment)
        air_f[station_id] = air_temperature(time, size.start, station_id, station, weather, config.environment)
    return SimulationPlan(profile, size, chosen["compressors"], chosen["days"], chosen["interval-min"], seed, config, fleet, time, air_f)
