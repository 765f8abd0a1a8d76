"""Whether the machine runs at each reading, and for long enough to judge a level.

Power, flow and vibration vote on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.arrays import Bools, Doubles, Ints
from features.contract import GAS_FLOW, VIBRATION
from features.rolling import MICROSECONDS_PER_HOUR, group_starts
from features.sensor_health.readings import SensorReadings
from features.sensor_health.settings import HealthRules
from features.sensor_health.units import OTHER_UNITS

Votes = dict[str, NDArray[np.int8]]

# In these units, readings near zero may be noise of a stopped machine: they are no vote for running.
_TOO_CLOSE_TO_ZERO: Final = 1e-3
ROUNDING: Final = 1 + 1e-9  # a resolution of 0.01 is no exact number


def running_votes(values: Mapping[str, Doubles], rules: HealthRules) -> Votes:
    """The vote of each sensor of `runs_above`: 1 runs, -1 stands, 0 undecided -> [n] each.

    A power or flow in another unit still shows that the machine runs. A low vibration denies nothing: it may be
    in in/s.
    """
    votes: Votes = {}
    for sensor, least in rules.runs_above.items():
        value = values[sensor]
        runs = value >= least
        stands = value < least
        if sensor == VIBRATION:
            stands = np.zeros(len(value), np.bool_)
        elif sensor == GAS_FLOW:
            bands = rules.sensors[sensor]
            for unit in OTHER_UNITS[sensor]:
                with np.errstate(over="ignore"):  # 1e308 is no measurement, and refused as such
                    converted = unit.factor * value + unit.offset
                usual = (converted >= bands.usual_low) & (converted <= bands.usual_high) & (value > _TOO_CLOSE_TO_ZERO)
                runs |= usual
                stands &= ~usual
        votes[sensor] = runs.astype(np.int8) - stands.astype(np.int8)
    return votes


def machine_runs(votes: Votes, without: str | None = None) -> Bools:
    """Whether most votes say that the machine runs, `without` one sensor -> [n]."""
    counted = [vote for sensor, vote in votes.items() if sensor != without]
    return np.asarray(np.sum(counted, axis=0) > 0)


def last_true(mask: Bools, group: Ints) -> Ints:
    """Row of the newest true value at or before each row, within its compressor -> [n].

    -1 where there is none.
    """
    rows = np.where(mask, np.arange(len(mask)), -1)
    last = np.maximum.accumulate(rows) if len(rows) else rows
    return np.where(last >= first_rows(group), last, -1)


def first_rows(group: Ints) -> Ints:
    """First row of the compressor of each row -> [n]."""
    starts = group_starts(group)
    lengths = np.diff(np.append(starts, len(group)))
    return np.repeat(starts, lengths)


def settled(runs: Bools, group: Ints, time_us: Ints, settle_hours: float) -> Bools:
    """Whether the machine is known to have run for `settle_hours` -> [n].

    The first reading after a longer gap counts as a start: nobody knows what went before.
    """
    long = int(settle_hours * MICROSECONDS_PER_HOUR)
    after_gap = np.ones(len(runs), np.bool_)
    after_gap[1:] = (group[1:] != group[:-1]) | (np.diff(time_us) > long)
    stopped = last_true(~runs | after_gap, group)
    return runs & (stopped >= 0) & (time_us - time_us[np.maximum(stopped, 0)] >= long)


def changes(values: Doubles, group: Ints, limit: float) -> Bools:
    """Whether a value differs by more than `limit` from the row before -> [n].

    The first row of a compressor counts as a change, a gap does not.
    """
    changed = np.ones(len(values), np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):  # infinite values are no measurement, and refused as such
        changed[1:] = (group[1:] != group[:-1]) | (np.abs(np.diff(values)) > limit)
    return changed


def _without_frozen(votes: Votes, moved: Mapping[str, Bools], readings: SensorReadings, rules: HealthRules) -> Votes:
    """`votes` without those of sensors that stood still while another one moved.

    Otherwise a frozen power would keep a stopped machine running. They count for an hour longer
    (`report_hours`) than it takes to call a sensor frozen. So that decision falls while the machine is known
    to run.
    """
    group, time_us = readings.group, readings.time_us
    long = round((rules.frozen_hours + rules.report_hours) * MICROSECONDS_PER_HOUR)
    last_move = last_true(np.logical_or.reduce(list(moved.values())), group)
    link_lives = time_us - time_us[last_move] < long
    for sensor, vote in votes.items():
        still = last_true(moved[sensor], group)
        vote[link_lives & (time_us - time_us[still] > long)] = 0
    return votes


def dead_since(moved: Mapping[str, Bools], readings: SensorReadings, rules: HealthRules) -> Ints:
    """When any sensor changed last, where none has for `dead_link_hours` -> [n] microseconds.

    -1 elsewhere. moved: by sensor, where its value differs from the one before.
    """
    group, time_us = readings.group, readings.time_us
    last = last_true(np.logical_or.reduce(list(moved.values())), group)
    lasts = time_us - time_us[last] >= round(rules.dead_link_hours * MICROSECONDS_PER_HOUR)
    return np.where(lasts & (np.arange(len(last)) - last >= rules.frozen_readings - 1), time_us[last], -1)


def reads_zero(readings: SensorReadings, rules: HealthRules) -> Bools:
    """Rows with at least two values, all of them zero -> [n]."""
    count = np.zeros(len(readings.group), np.int8)
    zero = np.ones(len(readings.group), np.bool_)
    for sensor, values in readings.values.items():
        present = ~np.isnan(values)
        count += present
        zero &= ~present | (np.abs(values) <= rules.sensors[sensor].zero)
    return np.asarray(zero & (count > 1))


@dataclass(frozen=True)
class Machine:
    """What the machine does at each reading. Every array is [n]."""

    votes: Votes
    runs: Bools
    settled: Bools
    all_zero: Bools
    unchanged_since: Ints  # `dead_since`

    @classmethod
    def of(cls, readings: SensorReadings, rules: HealthRules) -> Machine:
        """The state at every reading."""
        moved = {
            sensor: changes(values, readings.group, rules.sensors[sensor].resolution * ROUNDING)
            for sensor, values in readings.values.items()
        }
        votes = _without_frozen(running_votes(readings.values, rules), moved, readings, rules)
        runs = machine_runs(votes)
        return cls(
            votes,
            runs,
            settled(runs, readings.group, readings.time_us, rules.settle_hours),
            reads_zero(readings, rules),
            dead_since(moved, readings, rules),
        )

    def runs_by_others(self, sensor: str) -> Bools:
        """Whether the machine runs, by the votes of sensors other than `sensor` -> [n]."""
        return machine_runs(self.votes, without=sensor) if sensor in self.votes else self.runs
