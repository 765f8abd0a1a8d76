"""Selects the sensors and rows that need a judge, by rules over all readings at once.

The judge (judge.py) finds a fault only where one of these rules holds. So a sensor that passes the screen has
none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import Bools, Doubles, Ints
from features.rolling import MICROSECONDS_PER_HOUR
from features.sensor_health.readings import SensorReadings
from features.sensor_health.running import ROUNDING, Machine, changes, last_true
from features.sensor_health.settings import HealthRules, SensorBands
from features.sensor_health.units import OTHER_UNITS, SAME_LEVEL

_PROOF: Final = 4  # readings: one before the jump and three after it


def hours_us(hours: float) -> int:
    """Hours as whole microseconds."""
    return round(hours * MICROSECONDS_PER_HOUR)


def same_group(group: Ints) -> Bools:
    """Whether the row before is of the same compressor -> [n]."""
    same = np.zeros(len(group), np.bool_)
    same[1:] = group[1:] == group[:-1]
    return same


def still_since(values: Doubles, group: Ints, bands: SensorBands) -> Ints:
    """Row since which a value has perhaps not changed -> [n]."""
    return last_true(changes(values, group, 2 * bands.resolution * ROUNDING), group)


def missing_since(values: Doubles, group: Ints) -> Ints:
    """Row since which there has been no value -> [n]. With a value, the row itself."""
    present = ~np.isnan(values)
    since = np.where(present, np.arange(len(values)), last_true(present, group) + 1)
    return np.maximum(since, last_true(~same_group(group), group))


def again(found: Bools, ended: Bools, group: Ints, time_us: Ints, rules: HealthRules) -> Bools:
    """Rows of `found` that follow another one within `frozen_hours`.

    No row of `ended` lies between the two.
    """
    rows = np.flatnonzero(found)
    result = np.zeros(len(found), np.bool_)
    if len(rows) > 1:
        earlier, later = rows[:-1], rows[1:]
        last_end = last_true(ended, group)
        near = (group[earlier] == group[later]) & (time_us[later] - time_us[earlier] <= hours_us(rules.frozen_hours))
        result[later[near & (last_end[later] < earlier)]] = True
    return result


def is_outside(values: Doubles, runs: Bools, settled: Bools, bands: SensorBands) -> tuple[Bools, Bools]:
    """Rows whose level proves to be outside what the sensor can show, and rows proved inside."""
    physical = (values >= bands.physical_low) & (values <= bands.physical_high)
    running = (values >= bands.running_low) & (values <= bands.running_high)
    stopped = (values >= bands.stopped_low) & (values <= bands.stopped_high)
    judged = settled & runs
    outside = ~np.isnan(values) & (~physical | (judged & ~running) | (~runs & ~stopped))
    return np.asarray(outside), np.asarray(judged & running & physical)


def steps(readings: SensorReadings, sensor: str, inside: Ints, rules: HealthRules) -> Ints:
    """Rows at which three sound readings may prove a jump of the level.

    The jump is from the sound reading before them, by the factor of a unit.
    """
    group, time_us = readings.group, readings.time_us
    rows = inside[readings.values[sensor][inside] > 0]
    if len(rows) < _PROOF:
        return rows[:0]
    values = readings.values[sensor][rows]
    level = np.log(values)
    jumped = np.abs(level[1:-2] - level[:-3]) >= rules.least_jump * (1 - 1e-9)
    places = np.flatnonzero(jumped & (np.abs(level[3:] - level[:-3]) >= rules.least_jump / 2 * (1 - 1e-9)))
    before, first, last = rows[places], rows[places + 1], rows[places + 3]
    near = (group[before] == group[last]) & (time_us[first] - time_us[before] <= hours_us(rules.frozen_hours))
    places, last = places[near], last[near]
    after = np.sort(values[places[:, None] + np.arange(1, _PROOF)], axis=1)  # [places, 3]
    lasts = np.log(after[:, -1] / after[:, 0]) <= 2 * SAME_LEVEL * (1 + 1e-9)
    wide = (rules.jump_tolerance + SAME_LEVEL) * (1 + 1e-9)
    proven: Ints = last[lasts & _fits_a_unit(sensor, after[:, 1], values[places], wide)]
    return proven


def _fits_a_unit(sensor: str, level: Doubles, before: Doubles, wide: float) -> Bools:
    """Whether `level`, converted from any unit, lies near `before` -> [n].

    `wide` is a natural log.
    """
    fits = np.zeros(len(level), np.bool_)
    for unit in OTHER_UNITS[sensor]:
        converted = unit.factor * level + unit.offset
        fits |= (converted > 0) & (np.abs(np.log(np.maximum(converted, np.finfo(float).tiny) / before)) <= wide)
    return fits


@dataclass(frozen=True)
class Screen:
    """What the screen found for one sensor; every array but `inside` is [n]."""

    runs: Bools  # whether the other sensors show that the machine runs
    suspect: Bools  # rows at which the judge may find something
    inside: Ints  # rows whose level is sound, ascending
    began: Ints  # how far back the state at a row reaches at least


def screen_sensor(readings: SensorReadings, sensor: str, machine: Machine, rules: HealthRules) -> Screen:
    """Apply the rules to all values of one sensor."""
    values, bands, group, time_us = readings.values[sensor], rules.sensors[sensor], readings.group, readings.time_us
    runs = machine.runs_by_others(sensor)
    still, missing = still_since(values, group, bands), missing_since(values, group)
    suspect = (machine.unchanged_since >= 0) | machine.all_zero
    if sensor in readings.flagged:
        suspect |= readings.flagged[sensor]
    suspect |= time_us - time_us[still] >= hours_us(rules.frozen_hours)
    suspect |= np.isnan(values) & (time_us - time_us[np.minimum(missing, len(values) - 1)] >= hours_us(rules.missing_hours))
    zero = (np.abs(values) <= bands.zero) & runs
    suspect |= again(zero, ~np.isnan(values) & ~zero, group, time_us, rules)
    outside, inside = is_outside(values, runs, machine.settled, bands)
    suspect |= again(outside, inside, group, time_us, rules)
    sound = np.flatnonzero(inside)
    suspect[steps(readings, sensor, sound, rules)] = True
    return Screen(runs, suspect, sound, np.minimum(still, missing))
