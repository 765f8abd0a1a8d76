"""What telemetry does to true levels: noise, jitter, spikes, stuck sensors, dropouts and lost rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from config.sections.simulator import FaultsConfig, UniformRange
from features.arrays import Doubles
from features.contract import SENSORS
from features.simulator.compressor import HOURS_PER_DAY, States, Unit

DRIFT_PERIOD_DAYS = 30
DECIMALS = 2  # of a reading, as transmitters send it


def calibration_drift(time: Doubles, calibrated: Doubles, unit: Unit) -> Doubles:
    """Reading over truth at `time` [n] -> [6, n].

    It grows with the days since the last of `calibrated` [k], or since the start.
    """
    moments = np.concatenate([[0.0], calibrated])
    age = time - moments[np.searchsorted(moments, time, side="right") - 1]
    return 1 + np.outer(unit.drift_per_30_days, age / DRIFT_PERIOD_DAYS)


def add_noise(rng: np.random.Generator, levels: Doubles, states: States, unit: Unit) -> Doubles:
    """`levels` [6, n] as a sound sensor reads them, with drift and noise.

    The noise is normal, in proportion to the level.
    """
    noise: Doubles = rng.standard_normal(levels.shape)
    noise *= unit.noise * states.noise_growth
    noise += 1
    noise *= levels
    noise *= states.drift
    return noise


def add_faults(
    rng: np.random.Generator, time: Doubles, readings: Doubles, unit: Unit, config: FaultsConfig
) -> tuple[Doubles, NDArray[np.bool_]]:
    """Change `readings` [6, n] in place: jitter, spikes, stuck sensors and missing values (NaN).

    Returns them, and where a sensor was stuck [6, n].
    """
    chance = rng.random(readings.shape) / max(unit.fault_factor, np.finfo(float).tiny)
    jittered = chance < config.jitter_share
    spiked = ~jittered & (chance < config.jitter_share + config.spike_share)
    dropped = ~jittered & ~spiked & (chance < config.jitter_share + config.spike_share + config.dropout_share)
    readings[jittered] *= rng.uniform(1 - config.jitter, 1 + config.jitter, int(jittered.sum()))
    readings[spiked] *= rng.uniform(config.spike_factor.low, config.spike_factor.high, int(spiked.sum()))
    stuck = np.zeros(readings.shape, np.bool_)
    for row in range(len(SENSORS)):
        for first, last in _draw_spans(rng, time, config.stuck_per_day * unit.fault_factor, config.stuck_hours):
            readings[row, first:last] = readings[row, first]
            stuck[row, first:last] = True
        for first, last in _draw_spans(rng, time, config.outages_per_day * unit.fault_factor, config.outage_hours):
            readings[row, first:last] = np.nan
    readings[dropped] = np.nan
    return readings, stuck


def draw_arrivals(rng: np.random.Generator, time: Doubles, unit: Unit, config: FaultsConfig) -> NDArray[np.bool_]:
    """Which rows arrive -> [n] bool: all but those in a communication gap."""
    arrived = np.ones(len(time), np.bool_)
    for first, last in _draw_spans(rng, time, config.gaps_per_day * unit.fault_factor, config.gap_hours):
        arrived[first:last] = False
    return arrived


def _draw_spans(rng: np.random.Generator, time: Doubles, per_day: float, hours: UniformRange) -> list[tuple[int, int]]:
    """Index spans [first, last) of random faults, `per_day` on average. Each begins at a reading."""
    end = time[-1]
    begins = rng.uniform(0, end, rng.poisson(per_day * end))
    ends = begins + rng.uniform(hours.low, hours.high, len(begins)) / HOURS_PER_DAY
    spans = zip(np.searchsorted(time, begins).tolist(), np.searchsorted(time, ends).tolist(), strict=True)
    return [(first, last) for first, last in spans if first < last]
