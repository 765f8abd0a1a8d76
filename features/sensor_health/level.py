"""Whether the values of a sensor lie where they can lie, in the right unit. Faults: unit_change, wrong_unit, implausible."""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Final

from features.contract import IMPLAUSIBLE, UNIT_CHANGE, WRONG_UNIT
from features.rolling import MICROSECONDS_PER_HOUR
from features.sensor_health.fault import OK, Fault
from features.sensor_health.jump import RECENT, SoundLevels
from features.sensor_health.series import ReadingRun, SensorSeries
from features.sensor_health.settings import HealthRules
from features.sensor_health.units import SAME_LEVEL, OtherUnit, likeliest_unit, possible_units, unit_named

_ONE_LEVEL: Final = 0.25  # natural log: how far a level, converted back, may move within hours


class LevelJudge:
    """The memory of one sensor's level and unit."""

    def __init__(self, series: SensorSeries, rules: HealthRules, *, was_sound: bool) -> None:
        """`was_sound`: some reading before `series` was sound."""
        self._series = series
        self._rules = rules
        self._bands = rules.sensors[series.sensor]
        self._report_us = round(rules.report_hours * MICROSECONDS_PER_HOUR)
        self._join_us = round(rules.frozen_hours * MICROSECONDS_PER_HOUR)  # readings further apart are not of one run
        self._levels = SoundLevels(series, rules)
        self._outside = ReadingRun()
        self._fault: Fault | None = None
        self.is_lasting = False  # until sound readings end it; else the next sound one does
        self._is_reported = False
        self._unit: OtherUnit | None = None
        self._bad: deque[float] = deque(maxlen=2 * RECENT)  # last values with the fault
        self._sound_in_a_row = 0
        self._was_sound = was_sound

    def resume(self, initial: Fault) -> None:
        """Go on with a fault of level or unit."""
        self._fault, self.is_lasting, self._is_reported = initial, True, True
        self._unit = unit_named(initial.sensor, initial.unit) if initial.unit else None

    def extend(self, series: SensorSeries) -> None:
        """Continue with a longer series that begins with the same rows."""
        self._series = series
        self._levels.extend(series)

    @property
    def is_idle(self) -> bool:
        """Whether the readings so far show no fault, and no beginning of one."""
        return not (self.is_lasting or self._outside.readings)

    @property
    def reported(self) -> Fault | None:
        """The fault of level or unit, once it is reported."""
        return self._fault if self._is_reported else None

    def judge(self, row: int) -> tuple[str, Fault | None]:
        """Why the value of the next `row` is refused (OK: it is not), and the fault reported there."""
        value, now = self._series.value[row], self._series.time_us[row]
        evidence = self._evidence(row, value)
        if self.is_lasting:
            return self._check_recovery(value, evidence, now)
        if evidence is None:
            return OK, None
        if evidence:
            self._outside.clear()
            self._fault, self._was_sound = None, True
            jump = self._levels.jump(row)
            if jump is None:
                return OK, None
            self._unit, since = jump
            self._outside = ReadingRun(since, now, RECENT)
            self._bad.clear()
            self._bad.extend(self._levels.recent_values)
            self._fault, self.is_lasting = Fault(self._series.sensor, UNIT_CHANGE, since, self._unit.name), True
            return UNIT_CHANGE, self._report(now)
        if self._outside.readings and now - self._outside.last_us > self._join_us:
            self._outside.clear()
        if not self._outside.readings:
            self._bad.clear()
        self._outside.add(now)
        self._bad.append(value)
        if self._outside.readings < 2:
            return OK, None
        self._fault = self._level_fault()
        reported = self._report(now)
        self.is_lasting = reported is not None
        return self._fault.fault, reported

    def _level_fault(self) -> Fault:
        """The fault of the last values outside the band: another unit, or an impossible level."""
        bands, sensor, known = self._bands, self._series.sensor, self._levels.expected(self._outside.since_us)
        level, units = median(self._bad), possible_units(self._series.sensor, self._bad, self._bands.resolution)
        unit = likeliest_unit(units, level, known or math.sqrt(bands.usual_low * bands.usual_high), bands.usual_low, bands.usual_high)
        if unit is not None and known is not None and abs(math.log(unit.converted(level) / known)) > _ONE_LEVEL:
            unit = None
        self._unit = unit
        if unit is None:
            return Fault(sensor, IMPLAUSIBLE, self._outside.since_us)
        if self._was_sound:
            return Fault(sensor, UNIT_CHANGE, self._outside.since_us, unit.name)
        return Fault(sensor, WRONG_UNIT, self._series.first_us, unit.name)

    def _report(self, now: int) -> Fault | None:
        """The fault of level or unit, once it has lasted for long enough."""
        if self._fault is not None and not self._is_reported:
            lasts = now - self._fault.since_us >= self._report_us
            self._is_reported = lasts and self._outside.readings >= self._rules.report_readings
        return self._fault if self._is_reported else None

    def _evidence(self, row: int, value: float) -> bool | None:
        """Whether the level is sound. None if the machine's state leaves it open."""
        bands, series = self._bands, self._series
        if not bands.physical_low <= value <= bands.physical_high:
            return False
        if series.settled[row] and series.runs[row]:
            return bands.running_low <= value <= bands.running_high
        if not series.runs[row] and not bands.stopped_low <= value <= bands.stopped_high:
            return False
        return None

    def _check_recovery(self, value: float, evidence: bool | None, now: int) -> tuple[str, Fault | None]:
        """End the fault after `recovery_readings` sound readings in a row."""
        fault = self._fault
        assert fault is not None
        if evidence is None:
            return fault.fault, self._report(now)
        if not (evidence and self._is_sound_again(value)):
            self._sound_in_a_row = 0
            self._outside.add(now)
            self._bad.append(value)
            return fault.fault, self._report(now)
        self._sound_in_a_row += 1
        if self._sound_in_a_row < self._rules.recovery_readings:
            return fault.fault, self._report(now)
        self._fault, self._unit, self._sound_in_a_row, self._was_sound = None, None, 0, True
        self.is_lasting = self._is_reported = False
        self._outside.clear()
        self._levels.clear()
        return OK, None

    def _is_sound_again(self, value: float) -> bool:
        """Whether a value inside the running band is in the right unit again.

        It is if it would be outside the band in the wrong unit. It is, too, if it continues the bad values once they
        are converted.
        """
        if self._unit is None:
            return True
        bands = self._bands
        if not bands.running_low <= self._unit.converted(value) <= bands.running_high:
            return True
        if not self._bad or value <= 0:
            return False
        before = median(self._bad)
        converted = self._unit.converted(before)
        if not (0 < before < math.inf and 0 < converted < math.inf):
            return False
        return abs(math.log(value) - math.log(converted)) <= SAME_LEVEL < abs(math.log(value) - math.log(before))
