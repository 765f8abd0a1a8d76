"""Whether a sensor is alive: its values come, are not flagged, and move. Faults: missing, flagged, zero, frozen."""

from __future__ import annotations

import math
from typing import Final

from features.contract import FLAGGED_BAD, FROZEN, MISSING, ZERO
from features.rolling import MICROSECONDS_PER_HOUR
from features.sensor_health.fault import OK, Fault
from features.sensor_health.level import LevelJudge
from features.sensor_health.series import ReadingRun, SensorSeries
from features.sensor_health.settings import HealthRules

_ROUNDING: Final = 1 + 1e-9  # a resolution of 0.01 is no exact number


class LivenessJudge:
    """The memory of one sensor's silence and standstill."""

    def __init__(self, series: SensorSeries, rules: HealthRules) -> None:
        self._series = series
        self._rules = rules
        bands = rules.sensors[series.sensor]
        self._zero_band, self._resolution = bands.zero, bands.resolution * _ROUNDING
        self._missing_us, self._frozen_us = rules.missing_hours * MICROSECONDS_PER_HOUR, rules.frozen_hours * MICROSECONDS_PER_HOUR
        self._report_us = round(rules.report_hours * MICROSECONDS_PER_HOUR)
        self._join_us = round(rules.frozen_hours * MICROSECONDS_PER_HOUR)  # readings further apart are not of one run
        self._zero, self._missing, self._flagged, self._same = ReadingRun(), ReadingRun(), ReadingRun(), ReadingRun()
        self._anchor = math.nan  # value that has not changed since `_same.since_us`
        self._stopped_us = -1  # latest reading of a machine that stands
        self._is_frozen = self._is_link_dead = False

    def resume(self, initial: Fault) -> bool:
        """Go on with a fault of liveness; False for any other fault."""
        run = {ZERO: self._zero, MISSING: self._missing, FLAGGED_BAD: self._flagged}.get(initial.fault)
        if run is not None:
            run.since_us, run.readings = initial.since_us, self._rules.report_readings
            run.last_us = initial.since_us
        elif initial.fault == FROZEN:
            self._is_frozen = True
            self._same.since_us, self._same.readings = initial.since_us, self._rules.frozen_readings
        else:
            return False
        return True

    def extend(self, series: SensorSeries) -> None:
        """Continue with a longer series that begins with the same rows."""
        self._series = series

    @property
    def is_idle(self) -> bool:
        """Whether the readings so far show no fault, and no beginning of one."""
        return not (self._is_frozen or self._zero.readings or self._missing.readings or self._flagged.readings)

    def judge(self, row: int, level: LevelJudge) -> tuple[str, Fault | None] | None:
        """Why the value of the next `row` is refused (OK: it is not), and the fault reported there.

        None if the sensor is alive: then `level` decides.
        """
        series = self._series
        value, now = series.value[row], series.time_us[row]
        if not series.runs[row]:
            self._stopped_us = now
        if series.flagged[row]:
            self._flagged.add(now)
            return FLAGGED_BAD, self._lasting(self._flagged, FLAGGED_BAD, now)
        self._flagged.clear()
        if math.isnan(value):
            self._missing.add(now)
            if now - self._missing.since_us < self._missing_us:
                return OK, self._known(level)
            return OK, self._lasting(self._missing, MISSING, now) or self._known(level)
        self._missing.clear()
        self._track_change(value, now)
        if abs(value) <= self._zero_band and (series.runs[row] or series.all_zero[row]):
            if self._zero.readings and now - self._zero.last_us > self._join_us and not series.all_zero[row]:
                self._zero.clear()
            self._zero.add(now)
            is_refused = self._zero.readings > 1 or series.all_zero[row]
            return (ZERO if is_refused else OK), self._lasting(self._zero, ZERO, now)
        self._zero.clear()
        frozen = self._frozen(row, now, level)
        return None if frozen is None else (FROZEN, frozen)

    def _lasting(self, run: ReadingRun, fault: str, now: int) -> Fault | None:
        """The fault of a run that is long enough to report."""
        if now - run.since_us < self._report_us or run.readings < self._rules.report_readings:
            return None
        return Fault(self._series.sensor, fault, run.since_us)

    def _known(self, level: LevelJudge) -> Fault | None:
        """The fault that lasts while there is no value."""
        if self._is_frozen:
            return Fault(self._series.sensor, FROZEN, self._same.since_us)
        return level.reported

    def _track_change(self, value: float, now: int) -> None:
        if math.isnan(self._anchor) and self._is_frozen:  # the first value after the initial fault
            self._anchor = value
        if abs(value - self._anchor) <= self._resolution:
            self._same.add(now)
            return
        self._anchor, self._is_frozen = value, False
        self._same.clear()
        self._same.add(now)

    def _frozen(self, row: int, now: int, level: LevelJudge) -> Fault | None:
        dead_since = self._series.unchanged_since_us[row]
        if dead_since < 0 and self._is_link_dead:  # the link is back: a sensor of a stopped machine may well stand still
            self._is_frozen = self._is_link_dead = False
        if dead_since >= 0:
            self._is_frozen = self._is_link_dead = True
            return Fault(self._series.sensor, FROZEN, dead_since)
        if level.is_lasting:  # in a coarser unit a sound sensor moves by less than its resolution
            return None
        if not self._is_frozen:
            began = max(self._same.since_us, self._stopped_us)
            lasts = now - began >= self._frozen_us
            self._is_frozen = lasts and self._same.readings >= self._rules.frozen_readings
        return Fault(self._series.sensor, FROZEN, self._same.since_us) if self._is_frozen else None
