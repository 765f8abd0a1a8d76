"""The surroundings of a healthy compressor: air temperature, load, starts and stops.

Pure functions of time.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from config.errors import ConfigError
from config.sections.fleet import FleetConfig, Station
from config.sections.simulator import EnvironmentConfig
from features.arrays import Doubles
from features.contract import SENSORS
from features.simulator.compressor import HOURS_PER_DAY

DAYS_PER_YEAR = 365.25
DEGREES_PER_HOUR = 15.0  # of longitude, mean solar time


def check_climates(fleet: FleetConfig, config: EnvironmentConfig) -> None:
    """Raise ConfigError when a station of fleet.yaml has no climate in simulator.yaml."""
    missing = sorted(set(fleet.stations) - set(config.climates))
    if missing:
        raise ConfigError(f"simulator.yaml: environment.climates lacks {', '.join(missing)}: give every station of fleet.yaml a climate")


def draw_weather(rng: np.random.Generator, days: int, config: EnvironmentConfig) -> Doubles:
    """Departure of each day's air temperature from the season -> [days + 2] F.

    It is a first-order autoregression.
    """
    shocks = rng.normal(0.0, config.weather_f, days + 2)
    persistence = config.weather_persistence
    weather = np.empty_like(shocks)
    weather[0] = shocks[0]
    for day in range(1, len(shocks)):
        weather[day] = persistence * weather[day - 1] + np.sqrt(1 - persistence**2) * shocks[day]
    return weather


def air_temperature(
    time: Doubles, start: datetime, station_id: str, station: Station, weather: Doubles, config: EnvironmentConfig
) -> Doubles:
    """Air temperature at a station over `time` [n] (days since `start`) -> [n] F.

    It is a yearly and a daily cosine plus `weather` [days + 2].
    """
    climate = config.climates[station_id]
    start_hour = start.hour + start.minute / 60
    hour = start_hour + HOURS_PER_DAY * time + station.longitude / DEGREES_PER_HOUR  # mean solar time
    day_of_year = start.timetuple().tm_yday + time
    season = np.cos(2 * np.pi * (day_of_year - config.hottest_day_of_year) / DAYS_PER_YEAR)
    day = np.cos(2 * np.pi * (hour - config.hottest_hour) / HOURS_PER_DAY)
    departure = np.interp(time, np.arange(len(weather)), weather)
    return climate.mean_f + climate.seasonal_f * season + climate.daily_f * day + departure


def draw_load(rng: np.random.Generator, time: Doubles, amplitude: float, config: EnvironmentConfig) -> Doubles:
    """Load over `time` [n] (days) -> [n] around 1.

    Each level lasts for a drawn dwell. Ramps join the levels.
    """
    dwell = config.load_dwell_days
    changes = int(np.ceil(time[-1] / dwell.low)) + 2
    reached = np.cumsum(rng.uniform(dwell.low, dwell.high, changes))
    levels = 1 + amplitude * rng.uniform(-1, 1, changes + 1)
    ramp = min(config.load_ramp_hours / HOURS_PER_DAY, dwell.low)
    corners = np.column_stack([reached - ramp, reached]).ravel()
    heights = np.column_stack([levels[:-1], levels[1:]]).ravel()
    return np.interp(time, corners, heights)


def draw_stops(rng: np.random.Generator, days: int, stops_per_day: float, config: EnvironmentConfig) -> Doubles:
    """Start and end of each stop -> [stops, 2] days, ascending and apart.

    A stop that would begin during another is left out.
    """
    count = rng.poisson(stops_per_day * days)
    begins = np.sort(rng.uniform(0, days, count))
    ends = begins + rng.uniform(config.stop_hours.low, config.stop_hours.high, count) / HOURS_PER_DAY
    warm_up = max(config.ramp_up_hours.values()) / HOURS_PER_DAY
    apart = np.ones(count, np.bool_)
    apart[1:] = begins[1:] > np.maximum.accumulate(ends)[:-1] + warm_up
    return np.column_stack([begins, ends])[apart]


def running_share(time: Doubles, stops: Doubles, config: EnvironmentConfig) -> Doubles:
    """Share of each sensor's running level over `time` [n] (days), given `stops` [stops, 2] -> [6, n] in 0..1.

    From the begin of a stop it falls in a straight line over the sensor's ramp-down time. From its end it
    rises over the ramp-up time.
    """
    share = np.ones((len(SENSORS), len(time)))
    if len(stops) == 0:
        return share
    latest = np.searchsorted(stops[:, 0], time, side="right") - 1
    stopped_before = latest >= 0
    since_begin = (time - stops[latest, 0]) * HOURS_PER_DAY
    since_end = (time - stops[latest, 1]) * HOURS_PER_DAY
    for row, sensor in enumerate(SENSORS):
        falling = 1 - since_begin / config.ramp_down_hours[sensor]
        rising = since_end / config.ramp_up_hours[sensor]
        level = np.clip(np.where(since_end < 0, falling, rising), 0, 1)
        share[row] = np.where(stopped_before, level, 1.0)
    return share
