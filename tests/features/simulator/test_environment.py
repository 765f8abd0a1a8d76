"""Air temperature, load, starts and stops."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from config.errors import ConfigError
from config.loader import CONFIG_DIR, load_section
from config.sections.fleet import FleetConfig
from config.sections.simulator import SimulatorConfig
from config.sections.thresholds import ThresholdsConfig
from features.simulator.environment import air_temperature, check_climates, draw_load, draw_stops, draw_weather, running_share
from tests.features.simulator.conftest import Simulated


def test_air_is_warmest_in_the_afternoon_of_the_station_and_in_summer(config: SimulatorConfig, fleet: FleetConfig) -> None:
    start = datetime(2025, 1, 1, 6, tzinfo=UTC)
    time = np.arange(0, 365, 1 / 24)
    air = air_temperature(time, start, "STATION-B", fleet.stations["STATION-B"], np.zeros(367), config.environment)
    daily = air[: 364 * 24].reshape(-1, 24)
    warmest_utc = (6 + int(daily[180].argmax())) % 24
    assert warmest_utc in (22, 23, 0)  # 16 h solar time at 102 degrees west is 22:48 UTC
    assert abs(int(daily.mean(axis=1).argmax()) + 1 - 205) <= 2
    assert air.max() == pytest.approx(65 + 19 + 13, abs=0.3)


def test_weather_departs_from_the_season_for_days_on_end(config: SimulatorConfig) -> None:
    weather = draw_weather(np.random.default_rng(0), 5000, config.environment)
    assert weather.std() == pytest.approx(config.environment.weather_f, rel=0.1)
    assert np.corrcoef(weather[1:], weather[:-1])[0, 1] == pytest.approx(config.environment.weather_persistence, abs=0.05)


def test_load_keeps_its_level_and_its_bounds(config: SimulatorConfig) -> None:
    time = np.arange(0, 60, 1 / 144)
    load = draw_load(np.random.default_rng(2), time, 0.08, config.environment)
    assert load.min() >= 0.92
    assert load.max() <= 1.08
    assert np.mean(np.diff(load) == 0) > 0.9
    assert len(np.unique(load[np.append(np.diff(load) == 0, False)])) > 10


def test_stops_do_not_overlap(config: SimulatorConfig) -> None:
    stops = draw_stops(np.random.default_rng(3), 300, 2.0, config.environment)
    assert len(stops) > 200
    assert (stops[1:, 0] > stops[:-1, 1]).all()


def test_temperature_follows_a_stop_slower_than_power(config: SimulatorConfig) -> None:
    time = np.array([0.9, 1.0, 1.0 + 1 / 24, 1.0 + 2 / 24, 1.0 + 5.9 / 24, 1.0 + 6.75 / 24, 1.5])
    share = running_share(time, np.array([[1.0, 1.25]]), config.environment)
    power, temp = share[4], share[1]
    assert power.tolist() == pytest.approx([1, 1, 0, 0, 0, 1, 1])
    assert temp == pytest.approx([1, 1, 0.75, 0.5, 0, 0.5, 1])


def test_a_healthy_unit_on_a_hot_day_crosses_the_bare_warning_while_degrading_ones_stay_below(history: Simulated) -> None:
    warning = load_section(CONFIG_DIR / "thresholds.yaml", ThresholdsConfig, environ={}).limits("discharge_temp_f").warning
    lives = history.lives.with_columns(pl.col("start", "onset", "end").dt.replace_time_zone("UTC").dt.cast_time_unit("us"))
    hourly = history.readings.sort("compressor_id", "timestamp").with_columns(
        hourly=pl.col("discharge_temp_f").rolling_median_by("timestamp", "1h").over("compressor_id")
    )
    lived = hourly.sort("timestamp").join_asof(
        lives.sort("start"), left_on="timestamp", right_on="start", by="compressor_id", check_sortedness=False
    )
    healthy = lived.filter(pl.col("onset").is_null() | (pl.col("timestamp") < pl.col("onset")))
    alarming = healthy.filter(pl.col("hourly") >= warning)
    assert alarming["compressor_id"].n_unique() >= 2
    assert 0.0005 < alarming.height / healthy.height < 0.1
    assert alarming["timestamp"].dt.hour().is_in([19, 20, 21, 22, 23, 0, 1, 2]).mean() > 0.6  # type: ignore[operator]
    last_days = lived.filter((pl.col("ended_by") == "failure") & (pl.col("timestamp") > pl.col("end") - pl.duration(days=3)))
    missed = last_days.group_by("compressor_id", "life").agg((pl.col("hourly") >= warning).any()).filter(~pl.col("hourly"))
    assert missed.height >= 5


def test_a_station_without_climate_is_a_configuration_error(config: SimulatorConfig, fleet: FleetConfig) -> None:
    climates = {station: climate for station, climate in config.environment.climates.items() if station != "STATION-C"}
    with pytest.raises(ConfigError, match="climates lacks STATION-C"):
        check_climates(fleet, config.environment.model_copy(update={"climates": climates}))
