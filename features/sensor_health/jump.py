"""Jumps of a sound level by the factor of a unit, told apart from a change of load."""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Final

from features.rolling import MICROSECONDS_PER_HOUR
from features.sensor_health.series import SensorSeries
from features.sensor_health.settings import HealthRules
from features.sensor_health.units import SAME_LEVEL, OtherUnit, likeliest_unit, possible_units

RECENT: Final = 3  # readings whose median is the level after a jump
_LOAD_MOVES: Final = (0.25, 3.0)  # movement of another sensor by load, relative to this one's jump


class SoundLevels:
    """The last sound values of one sensor: the level before, and the recent readings."""

    def __init__(self, series: SensorSeries, rules: HealthRules) -> None:
        self._series = series
        self._rules = rules
        self._resolution = rules.sensors[series.sensor].resolution
        self._join_us = round(rules.frozen_hours * MICROSECONDS_PER_HOUR)  # readings further apart do not prove a jump
        self._recent: deque[int] = deque(maxlen=RECENT)  # rows of the last sound values
        self._level: deque[int] = deque(maxlen=rules.level_readings)  # rows of those before

    def extend(self, series: SensorSeries) -> None:
        """Continue with a longer series that begins with the same rows."""
        self._series = series

    def clear(self) -> None:
        """Forget all levels."""
        self._recent.clear()
        self._level.clear()

    @property
    def recent_values(self) -> list[float]:
        """The recent sound values, oldest first."""
        return [self._series.value[row] for row in self._recent]

    def expected(self, since_us: int) -> float | None:
        """The sound level before `since_us`.

        None with too few readings, or if it is so old that a stop or a repair may have moved it.
        """
        rows = [*self._level, *self._recent]
        if len(rows) < self._rules.least_level_readings or since_us - self._series.time_us[rows[-1]] > self._join_us:
            return None
        return median(self._series.value[row] for row in rows)

    def jump(self, row: int) -> tuple[OtherUnit, int] | None:
        """The unit that the recent values have jumped to, and since when. Adds `row` to the levels."""
        value, time = self._series.value, self._series.time_us
        if len(self._recent) == RECENT:
            self._level.append(self._recent[0])
        self._recent.append(row)
        if len(self._recent) < RECENT or len(self._level) < self._rules.least_level_readings:
            return None
        last, first = self._level[-1], self._recent[0]
        if not self._is_step(value[last], value[first], value[row], time[first] - time[last]):
            return None
        after = [value[known] for known in self._recent]
        level, before = median(after), median(value[known] for known in self._level)
        if abs(math.log(level / before)) < self._rules.least_jump or abs(math.log(value[last] / before)) > SAME_LEVEL:
            return None
        if any(abs(math.log(item / level)) > SAME_LEVEL for item in after) or self._is_load(math.log(level / before)):
            return None
        near = math.exp(self._rules.jump_tolerance)
        units = possible_units(self._series.sensor, after, self._resolution)
        unit = likeliest_unit(units, level, before, before / near, before * near)
        return None if unit is None else (unit, time[first])

    def _is_load(self, jump: float) -> bool:
        """Whether another sensor that follows the load has moved along."""
        for values in self._series.others.values():
            now = [values[row] for row in self._recent if values[row] > 0]
            before = [values[row] for row in self._level if values[row] > 0]
            if now and before:
                moved = math.log(median(now) / median(before)) / jump
                if _LOAD_MOVES[0] <= moved <= _LOAD_MOVES[1]:
                    return True
        return False

    def _is_step(self, before: float, first: float, last: float, gap_us: int) -> bool:
        """Whether sound readings are far enough from the one before, and soon enough after it."""
        if min(before, first, last) <= 0 or gap_us > self._join_us:
            return False
        least = self._rules.least_jump
        return abs(math.log(first / before)) >= least and abs(math.log(last / before)) >= least / 2
