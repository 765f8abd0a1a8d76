"""What the telemetry does to true levels."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from config.sections.simulator import FaultsConfig, SimulatorConfig, UniformRange
from features.contract import SENSORS
from features.simulator.compressor import States
from features.simulator.telemetry import add_faults, add_noise, calibration_drift, draw_arrivals
from tests.features.simulator.conftest import Simulated
from tests.features.simulator.test_compressor import unit

TIME = np.arange(0, 30, 1 / 144)


def only(config: SimulatorConfig, **rates: float) -> FaultsConfig:
    """The shipped faults with every rate zero but those given."""
    silent = dict.fromkeys(("jitter_share", "spike_share", "dropout_share", "outages_per_day", "stuck_per_day", "gaps_per_day"), 0.0)
    return config.faults.model_copy(update={**silent, **rates})


def longest_run(values: np.ndarray) -> int:
    breaks = np.flatnonzero(np.concatenate([[True], np.diff(values) != 0, [True]]))
    return int(np.diff(breaks).max())


def test_noise_is_in_proportion_to_the_level_and_grows_with_wear() -> None:
    levels = np.full((6, 20_000), 100.0)
    growth = np.ones_like(levels)
    growth[0] = 3.0
    noisy = add_noise(np.random.default_rng(0), levels, States(np.ones_like(levels), growth, np.ones_like(levels)), unit(noise=0.03))
    assert noisy.std(axis=1) == pytest.approx([9.0, 3.0, 3.0, 3.0, 3.0, 3.0], rel=0.03)
    assert noisy.mean(axis=1) == pytest.approx([100.0] * 6, rel=0.01)


def test_drift_grows_slowly_and_is_gone_after_a_calibration() -> None:
    drift = calibration_drift(
        np.array([0.0, 30.0, 59.0, 60.0, 75.0]), np.array([60.0]), unit(drift_per_30_days=np.array([0.01, 0, 0, 0, 0, -0.02]))
    )
    assert drift[0] == pytest.approx([1.0, 1.01, 1.0 + 0.01 * 59 / 30, 1.0, 1.005])
    assert drift[5, 1] == pytest.approx(0.98)
    assert (drift[1] == 1).all()


def test_spikes_are_isolated_factors(config: SimulatorConfig) -> None:
    readings, _ = add_faults(
        np.random.default_rng(0), TIME, np.full((6, len(TIME)), 10.0), unit(fault_factor=1.0), only(config, spike_share=0.01)
    )
    spiked = readings[readings != 10.0]
    assert spiked.size == pytest.approx(0.01 * readings.size, rel=0.25)
    assert spiked.min() >= 15.0
    assert spiked.max() <= 40.0


def test_a_stuck_sensor_repeats_its_last_value(config: SimulatorConfig) -> None:
    noisy = np.random.default_rng(1).normal(100, 3, (6, len(TIME)))
    faults = only(config, stuck_per_day=0.2).model_copy(update={"stuck_hours": UniformRange(low=12, high=12, unit="h")})
    stuck, where = add_faults(np.random.default_rng(0), TIME, noisy.copy(), unit(fault_factor=1.0), faults)
    assert longest_run(noisy[0]) == 1
    assert longest_run(stuck[0]) >= 72  # 12 h of ten minutes
    assert (where >= (stuck != noisy)).all()
    assert where[0].sum() >= 72


def test_dropouts_are_missing_values_and_gaps_are_missing_rows(config: SimulatorConfig) -> None:
    readings, _ = add_faults(
        np.random.default_rng(0), TIME, np.full((6, len(TIME)), 10.0), unit(fault_factor=1.0), only(config, dropout_share=0.02)
    )
    assert np.isnan(readings).mean() == pytest.approx(0.02, rel=0.2)
    arrived = draw_arrivals(np.random.default_rng(0), TIME, unit(fault_factor=1.0), only(config, gaps_per_day=0.5))
    assert 0.7 < arrived.mean() < 1.0


def test_a_unit_without_faults_sends_what_it_measures(config: SimulatorConfig) -> None:
    levels = np.full((6, len(TIME)), 10.0)
    assert (add_faults(np.random.default_rng(0), TIME, levels.copy(), unit(fault_factor=0.0), config.faults)[0] == levels).all()
    assert draw_arrivals(np.random.default_rng(0), TIME, unit(fault_factor=0.0), config.faults).all()


def test_a_history_has_gaps_missing_values_spikes_and_stuck_sensors(history: Simulated) -> None:
    readings = history.readings.sort("compressor_id", "timestamp")
    steps = readings.select(pl.col("timestamp").diff().over("compressor_id").dt.total_minutes())["timestamp"]
    assert steps.max() > 60  # type: ignore[operator]
    assert history.report.rows < 24 * 120 * 144
    missing = readings.select(pl.col(sensor).is_null().mean() for sensor in SENSORS).row(0)
    assert all(0.001 < share < 0.03 for share in missing)
    vibration = readings.filter(pl.col("vibration_mms") > 0.5).with_columns(
        ratio=pl.col("vibration_mms") / pl.col("vibration_mms").rolling_median(7).over("compressor_id")
    )
    assert vibration.filter(pl.col("ratio") > 1.5).height > 50
    same = readings.select((pl.col("gas_flow_mcf").diff().over("compressor_id") == 0) & (pl.col("gas_flow_mcf") > 1000))["gas_flow_mcf"]
    assert same.rle().struct.unnest().filter(pl.col("value"))["len"].max() >= 17  # type: ignore[operator]


def test_a_history_has_stops_with_power_and_flow_near_nothing(history: Simulated) -> None:
    stopped = history.readings.filter(pl.col("horsepower_consumption") < 100)
    assert 0.001 < stopped.height / history.readings.height < 0.05
    assert stopped["gas_flow_mcf"].median() == 0.0
    assert stopped["vibration_mms"].median() < 0.5  # type: ignore[operator]


def test_after_some_failures_a_unit_is_silent_and_after_others_it_sends_idle_readings(history: Simulated) -> None:
    failures = history.events.filter(pl.col("event_type") == "failure")
    counts = [
        history.readings.filter(
            (pl.col("compressor_id") == compressor_id)
            & pl.col("timestamp").is_between(
                pl.lit(time).dt.replace_time_zone("UTC"), pl.lit(time).dt.replace_time_zone("UTC") + pl.duration(hours=12), closed="left"
            )
        ).height
        for compressor_id, time in failures.select("compressor_id", "event_date").iter_rows()
    ]
    assert counts.count(0) >= 5
    assert counts.count(72) >= 5
