"""What wear does to the sensors: the signature of each failure mode over a life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from config.sections.simulator import Effect, FailureMode
from features.arrays import Doubles
from features.contract import SENSORS
from features.simulator.lives import Degradation, Life


def relative_change(effect: Effect, wear: Doubles) -> Doubles:
    """Change of a sensor's level at `wear`, relative to the level.

    amplitude * (wear/scale)^exponent, or amplitude * sin(wear).
    """
    if effect.shape == "sine":
        return effect.amplitude * np.sin(wear)
    change: Doubles = effect.amplitude * (wear / effect.scale) ** effect.exponent
    return change


def signature(down: Degradation, mode: FailureMode, elapsed_days: Doubles) -> tuple[Doubles, Doubles]:
    """Factors on levels and noise of all sensors, `elapsed_days` [n] after the onset -> two arrays [6, n]."""
    progress = elapsed_days / down.duration
    wear = mode.wear_at_failure * progress
    factors = np.ones((len(SENSORS), len(elapsed_days)))
    noise_growth = np.ones_like(factors)
    for row, sensor in enumerate(SENSORS):
        effect = mode.effects.get(sensor)
        if effect is not None:
            factors[row] += down.severity * down.effect_gains[row] * relative_change(effect, wear)
        noise_growth[row] += mode.noise_growth.get(sensor, 0.0) * progress
    return factors, noise_growth


def wear_over_time(time: Doubles, lives: Sequence[Life], modes: Mapping[str, FailureMode]) -> tuple[Doubles, Doubles]:
    """Factors on levels and noise over `time` [n] -> two arrays [6, n].

    `time` is in days since the start, ascending. A healthy life has factor 1.
    """
    factors = np.ones((len(SENSORS), len(time)))
    noise_growth = np.ones_like(factors)
    for life in lives:
        if life.degradation is None:
            continue
        first, last = np.searchsorted(time, [life.degradation.onset, life.end])
        span = slice(int(first), int(last))
        elapsed = time[span] - life.degradation.onset
        factors[:, span], noise_growth[:, span] = signature(life.degradation, modes[life.degradation.mode], elapsed)
    return factors, noise_growth
