"""Draws the compressors of a fleet: identity, healthy levels, and exposure to the field."""

from __future__ import annotations

import numpy as np

from config.errors import ConfigError
from config.sections.fleet import FleetConfig
from config.sections.simulator import FleetSize, UniformRange, UnitsConfig
from features.contract import SENSORS
from features.simulator.compressor import Unit


def draw(rng: np.random.Generator, span: UniformRange) -> float:
    """One value drawn uniformly from `span`, in its unit."""
    return float(rng.uniform(span.low, span.high))


def check_names(fleet: FleetConfig, config: UnitsConfig) -> None:
    """Raise ConfigError when simulator.yaml names a compressor model that fleet.yaml lacks."""
    unknown = sorted(set(config.model_factors) - set(fleet.models))
    if unknown:
        raise ConfigError(f"simulator.yaml: units.model_factors names unknown models {', '.join(unknown)}: use the names of fleet.yaml")


def draw_unit(rng: np.random.Generator, index: int, compressors: int, fleet: FleetConfig, size: FleetSize, config: UnitsConfig) -> Unit:
    """Unit number `index` (from 0) of a demo fleet: healthy levels, disturbed by noise alone.

    Models are assigned in turn. Stations get equal runs of consecutive units.
    """
    model = list(fleet.models)[index % len(fleet.models)]
    return Unit(
        compressor_id=f"{size.id_prefix}{index + 1:0{size.id_digits}d}",
        model=model,
        station_id=list(fleet.stations)[index * len(fleet.stations) // compressors],
        horsepower=round(fleet.models[model].rated_hp),
        age_days=round(draw(rng, config.age_at_start_days)),
        initial_hours=round(draw(rng, config.initial_operating_hours)),
        baseline=np.array([draw(rng, config.baseline[sensor]) for sensor in SENSORS]),
        noise=config.noise_share,
        ambient_gain=0.0,
        load_amplitude=0.0,
        stops_per_day=0.0,
        drift_per_30_days=np.zeros(len(SENSORS)),
        fault_factor=0.0,
    )


def expose(rng: np.random.Generator, unit: Unit, config: UnitsConfig) -> Unit:
    """`unit` in the field, with its model's levels, its own noise and its own faults.

    Unless it is clean, weather, load, stops and drift are added.
    """
    factors = config.model_factors.get(unit.model, {})
    model_factor = np.array([factors.get(sensor, 1.0) for sensor in SENSORS])
    exposure = 0.0 if rng.random() < config.clean_share else 1.0
    return Unit(
        compressor_id=unit.compressor_id,
        model=unit.model,
        station_id=unit.station_id,
        horsepower=unit.horsepower,
        age_days=unit.age_days,
        initial_hours=unit.initial_hours,
        baseline=unit.baseline * model_factor,
        noise=unit.noise * draw(rng, config.noise_factor),
        ambient_gain=exposure * draw(rng, config.ambient_gain),
        load_amplitude=exposure * draw(rng, config.load_amplitude),
        stops_per_day=exposure * draw(rng, config.stops_per_day),
        drift_per_30_days=exposure * rng.normal(0.0, config.drift_per_30_days, len(SENSORS)),
        fault_factor=draw(rng, config.fault_factor),
    )
