"""Each failure mode has its own signature, and it grows with the wear."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from config.sections.simulator import Effect, FailureMode, SimulatorConfig
from features.contract import SENSORS
from features.simulator.lives import Degradation, Life
from features.simulator.wear import relative_change, signature, wear_over_time

VIBRATION, TEMP, SUCTION, DISCHARGE, POWER, FLOW = range(6)


def nominal(mode: str, duration: float = 10.0, onset: float = 0.0) -> Degradation:
    return Degradation(mode, onset, duration, 1.0, (1.0,) * 6)


def at_failure(config: SimulatorConfig, mode: str) -> tuple[np.ndarray, np.ndarray]:
    factors, noise = signature(nominal(mode), config.modes[mode], np.array([10.0]))
    return factors[:, 0], noise[:, 0]


def test_a_power_effect_grows_with_its_exponent_and_a_sine_turns_back() -> None:
    wear = np.array([0.0, 1.0, 2.0])
    assert relative_change(Effect(amplitude=0.5, exponent=2.0, scale=2.0), wear).tolist() == [0.0, 0.125, 0.5]
    assert relative_change(Effect(shape="sine", amplitude=0.3), wear) == pytest.approx([0.0, 0.25244, 0.27279], abs=1e-5)


def test_every_pair_of_modes_differs_clearly_at_the_failure(config: SimulatorConfig) -> None:
    shapes = {mode: np.concatenate(at_failure(config, mode)) - 1 for mode in config.modes}
    for first, second in combinations(shapes, 2):
        a, b = shapes[first], shapes[second]
        assert np.abs(a - b).max() > 0.2, (first, second)


def test_signatures_are_those_of_the_field(config: SimulatorConfig) -> None:
    bearing, cooling, valve, ring, packing, fouling = (
        at_failure(config, mode)
        for mode in ("bearing_wear", "cooling_degradation", "valve_failure", "ring_wear", "packing_leak", "fouling")
    )
    assert bearing[0][VIBRATION] > 2.5
    assert cooling[0][TEMP] > 1.4
    assert cooling[0][VIBRATION] == 1.0
    assert valve[0][DISCHARGE] < 0.8
    assert valve[1][VIBRATION] > 4
    assert ring[0][DISCHARGE] < 0.8
    assert ring[0][VIBRATION] > 1.5
    assert packing[0][SUCTION] < 0.7
    assert packing[0][VIBRATION] == 1.0
    assert fouling[0][DISCHARGE] > 1.2
    assert fouling[0][TEMP] > 1.2


@pytest.mark.parametrize("duration", [3.0, 4.5])
def test_the_rapid_bearing_failure_is_the_demo_law_scaled_in_time(config: SimulatorConfig, duration: float) -> None:
    mode = config.modes["bearing_rapid"]
    factors, noise = signature(nominal("bearing_rapid", duration), mode, np.array([duration / 3, 2 * duration / 3, duration]))
    assert factors[VIBRATION] == pytest.approx([1.35355, 2.0, 2.83712], abs=1e-5)
    assert factors[TEMP] == pytest.approx([1.15, 1.3, 1.45])
    assert factors[DISCHARGE] == pytest.approx([1.25244, 1.27279, 1.04234], abs=1e-5)
    assert factors[FLOW] == pytest.approx([1.1, 1.2, 1.3])
    assert (noise == 1).all()


def test_severity_and_own_gain_scale_a_signature(config: SimulatorConfig) -> None:
    mode: FailureMode = config.modes["cooling_degradation"]
    severe = Degradation("cooling_degradation", 0.0, 10.0, 1.2, (1.0, 0.9, 1.0, 1.0, 1.0, 1.0))
    factors, _ = signature(severe, mode, np.array([10.0]))
    assert factors[TEMP, 0] == pytest.approx(1 + 1.2 * 0.9 * mode.effects["discharge_temp_f"].amplitude)


def test_a_signature_is_clearly_visible_beyond_forty_percent(config: SimulatorConfig) -> None:
    for mode in config.modes.values():
        factors, _ = signature(nominal("any"), mode, np.array([4.0]))
        assert np.abs(factors - 1).max() > 0.09, mode.description


def test_wear_begins_at_the_onset_and_is_gone_in_the_next_life(config: SimulatorConfig) -> None:
    time = np.arange(0, 20, 1.0)
    lives = [Life(1, 0.0, 15.0, "failure", nominal("bearing_wear", 10.0, 5.0)), Life(2, 16.0, 20.0, "censored", None)]
    factors, _ = wear_over_time(time, lives, config.modes)
    vibration = factors[VIBRATION]
    assert (vibration[:6] == 1).all()
    assert (np.diff(vibration[5:15]) > 0).all()
    assert (vibration[15:] == 1).all()
    assert factors.shape == (len(SENSORS), 20)
