"""The rules of silver and gold for the readings of one site: rows, values, features, hourly steps."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from features.arrays import Doubles, Float32s, Ints
from features.contract import (
    ALL_SENSORS_NULL,
    DAY_OF_WEEK,
    DISCHARGE_PRESSURE,
    DUPLICATE,
    FEATURES,
    FUTURE_TIMESTAMP,
    HOUR_OF_DAY,
    IMPLAUSIBLE_TIMESTAMP,
    IS_WEEKEND,
    ISOLATED_SPIKE,
    MERGED,
    MISSING_COMPRESSOR_ID,
    MISSING_TIMESTAMP,
    OUT_OF_RANGE,
    PRESSURE_DIFFERENTIAL,
    SENSOR_FAULTS,
    SENSORS,
    STATUS_FEATURES,
    STATUS_LEVELS,
    SUCTION_PRESSURE,
    WINDOW_STEP_HOURS,
    WINDOW_STEPS,
)
from features.merging import merge_rows
from features.rolling import MICROSECONDS_PER_HOUR, rolling_features
from features.sensor_health.find import FoundFaults, find_faults
from features.sensor_health.readings import SensorReadings
from features.sensor_health.settings import HealthRules
from features.spikes import find_isolated_spikes
from serving.edge.contract import DEFAULT_LIMITS, ZONE_FOLDER, Contract, EdgeInputError
from serving.edge.readings import EPOCH, NEVER, Readings

_SECONDS_PER_DAY: Final = 86_400


def keep_rows(raw: Readings, now_us: int, clock_skew_us: int, earliest_us: int) -> tuple[Readings, dict[str, int]]:
    """The rows that silver keeps, by compressor and time, and the number of rejected rows by reason. The first reason counts."""
    reasons = np.select(
        [
            raw.unit < 0,
            raw.time_us == NEVER,
            raw.time_us < earliest_us,
            raw.time_us > now_us + clock_skew_us,
            np.all([np.isnan(values) for values in raw.sensors.values()], axis=0),
        ],
        [MISSING_COMPRESSOR_ID, MISSING_TIMESTAMP, IMPLAUSIBLE_TIMESTAMP, FUTURE_TIMESTAMP, ALL_SENSORS_NULL],
        "",
    )
    kept = np.flatnonzero(reasons == "")
    ordered = kept[np.lexsort((kept, raw.time_us[kept], raw.unit[kept]))]
    rows = raw.take(ordered)
    merged = merge_rows(rows.unit, rows.time_us, rows.sensors, np.full(len(ordered), np.nan), {})
    rejected = Counter(reasons[reasons != ""].tolist()) + Counter({DUPLICATE: len(merged.duplicates), MERGED: len(merged.contributed)})
    return Readings(rows.unit[merged.kept], rows.time_us[merged.kept], merged.values), dict(rejected)


def judge_values(rows: Readings, contract: Contract) -> tuple[Readings, dict[str, int], FoundFaults]:
    """The rows without the values that silver nulls, their number by reason, and the sensor faults."""
    rule: Any = SimpleNamespace(**contract["spike_rule"])
    found = find_faults(SensorReadings(rows.unit, rows.time_us, rows.sensors, {}), HealthRules.from_dict(contract["sensor_health"]))
    judged: dict[str, Doubles] = {}
    nulled: Counter[str] = Counter()
    for sensor in SENSORS:
        values, physical = rows.sensors[sensor], contract["sensors"][sensor]["physical"]
        possible = np.where((values >= physical["low"]) & (values <= physical["high"]), values, np.nan)
        spikes = find_isolated_spikes(rows.unit, rows.time_us, possible, rule)
        nulled[OUT_OF_RANGE] += int((np.isnan(possible) & ~np.isnan(values)).sum())
        refused = np.isnan(possible)
        for fault in SENSOR_FAULTS:
            faulty = found.refused(sensor, fault) & ~refused
            nulled[fault] += int(faulty.sum())
            refused |= faulty
        nulled[ISOLATED_SPIKE] += int((spikes & ~refused).sum())
        judged[sensor] = np.where(spikes | refused, np.nan, possible)
    return Readings(rows.unit, rows.time_us, judged), {reason: count for reason, count in nulled.items() if count}, found


def gold_features(rows: Readings, contract: Contract, folder: Path) -> dict[str, Doubles]:
    """The features of every row, in the contract's order -> [n] each. A status is 0, 1 or 2. Where gold has null, it is NaN."""
    found = rolling_features(rows.unit, rows.time_us, rows.sensors, contract["delta_tolerance_s"])
    found[PRESSURE_DIFFERENTIAL] = rows.sensors[DISCHARGE_PRESSURE] - rows.sensors[SUCTION_PRESSURE]
    for feature, sensor in STATUS_FEATURES.items():
        found[feature] = _status(rows, sensor, contract)
    found.update(_calendar(rows, contract, folder))
    return {name: found[name] for name in FEATURES}


def _status(rows: Readings, sensor: str, contract: Contract) -> Doubles:
    """Level by the limits of the compressor's model, which are inclusive. A sensor without a critical limit is never critical."""
    sign = 1.0 if contract["sensors"][sensor]["direction"] == "high" else -1.0
    models = [contract["compressors"][name]["model"] for name in sorted(contract["compressors"])]
    limits = [contract["limits"].get(model, contract["limits"][DEFAULT_LIMITS])[sensor] for model in models]  # by unit
    value = sign * rows.sensors[sensor]
    level = np.zeros(len(value))
    for kind in ("warning", "critical"):
        limit = np.array([np.inf if item[kind] is None else sign * item[kind] for item in limits])
        level[value >= limit[rows.unit]] = STATUS_LEVELS.index(kind)
    return np.where(np.isnan(value), np.nan, level)


def _calendar(rows: Readings, contract: Contract, folder: Path) -> dict[str, Doubles]:
    """Hour, weekday and weekend in the time zone of each compressor's station."""
    zones = [contract["compressors"][name]["time_zone"] for name in sorted(contract["compressors"])]  # by unit
    utc = rows.time_us // 1_000_000
    local = utc.copy()
    for name in sorted(set(zones)):
        inside = np.array([zone == name for zone in zones])[rows.unit]
        moments, places = np.unique(utc[inside], return_inverse=True)
        local[inside] += _offsets(moments, name, folder)[places]
    weekday = (local // _SECONDS_PER_DAY + 3) % 7 + 1  # 1970 began on a Thursday
    hour = local % _SECONDS_PER_DAY // 3600
    return {HOUR_OF_DAY: hour.astype(float), DAY_OF_WEEK: weekday.astype(float), IS_WEEKEND: (weekday >= 6).astype(float)}


def _offsets(moments: Ints, name: str, folder: Path) -> Ints:
    """Seconds that local time is ahead of UTC at `moments` (seconds since 1970) -> [n]. Uses the zone file of this folder."""
    try:
        with (folder / ZONE_FOLDER / name).open("rb") as stream:
            zone = ZoneInfo.from_file(stream, key=name)
    except (OSError, ValueError) as error:
        raise EdgeInputError(f"{folder / ZONE_FOLDER / name} cannot be read: export the folder again") from error
    # a day inside what datetime can say, so that no offset leads out of it
    low, high = ((edge.replace(tzinfo=UTC) - EPOCH).total_seconds() for edge in (datetime.min, datetime.max))
    inside = np.clip(moments, int(low) + _SECONDS_PER_DAY, int(high) - _SECONDS_PER_DAY).tolist()
    offsets = [(EPOCH + timedelta(seconds=moment)).astimezone(zone).utcoffset() for moment in inside]
    return np.array([0 if offset is None else offset.total_seconds() for offset in offsets], np.int64)


def hourly_steps(rows: Readings, features: dict[str, Doubles], as_of_us: int, units: int) -> tuple[Float32s, Ints]:
    """Each feature's last value in each hour before `as_of_us` -> [units, steps, features] float32, NaN without a value.

    Also the time of each unit's newest row [units], NEVER without one.
    """
    age = as_of_us - rows.time_us
    inside = np.flatnonzero((age >= 0) & (age < WINDOW_STEPS * WINDOW_STEP_HOURS * MICROSECONDS_PER_HOUR))
    step = WINDOW_STEPS - 1 - age[inside] // (WINDOW_STEP_HOURS * MICROSECONDS_PER_HOUR)
    steps = np.full((units, WINDOW_STEPS, len(FEATURES)), np.nan, np.float32)
    newest = np.full(units, NEVER, np.int64)
    # rows ascend in time, and of several that are assigned to one place the last stays
    for column, name in enumerate(FEATURES):
        values = features[name][inside]
        known = ~np.isnan(values)
        steps[rows.unit[inside][known], step[known], column] = values[known].astype(np.float32)
    newest[rows.unit[inside]] = rows.time_us[inside]
    return steps, newest
