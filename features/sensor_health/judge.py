"""Judges one sensor of one compressor, reading by reading, in order of time.

The rule is causal: what is said of a reading depends on it and on those before, never on what comes later. A fault of level or unit stays, also through
a stop, until sound readings end it; so a verdict needs no longer memory than the fault itself, which travels with the readings (contract.DATA_FAULTS).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from features.contract import FLAGGED_BAD, FROZEN, IMPLAUSIBLE, MISSING, UNIT_CHANGE, WRONG_UNIT, ZERO
from features.rolling import MICROSECONDS_PER_HOUR
from features.sensor_health.fault import Fault
from features.sensor_health.settings import HealthRules
from features.sensor_health.units import SAME_LEVEL, OtherUnit, likeliest_unit, possible_units, unit_named

OK: Final = ""
_RECENT: Final = 3  # readings whose median is the level after a jump
_ONE_LEVEL: Final = 0.25  # natural log: so far a level may move within hours, converted back
_LOAD_MOVES: Final = (0.25, 3.0)  # what load does to another sensor, as parts of the jump of this one


@dataclass(frozen=True)
class SensorSeries:
    """One sensor of one compressor, oldest reading first; every list is [n]."""

    sensor: str
    first_us: int  # the oldest reading of the compressor that is known
    time_us: list[int]
    value: list[float]  # as it was loaded, NaN where nothing was
    runs: list[bool]  # whether the other sensors show that the machine runs
    settled: list[bool]  # whether it has run for long enough to judge a level
    all_zero: list[bool]  # every sensor reads zero
    unchanged_since_us: list[int]  # of a dead link: when any sensor changed last; -1: the link is alive
    flagged: list[bool]  # the source itself calls the value bad
    others: Mapping[str, list[float]] = field(default_factory=dict)  # sensors that move with the load


@dataclass
class _Run:
    """Readings in a row that show the same."""

    since_us: int = 0
    last_us: int = 0
    readings: int = 0

    def add(self, time_us: int) -> None:
        if not self.readings:
            self.since_us = time_us
        self.last_us = time_us
        self.readings += 1

    def clear(self) -> None:
        self.readings = 0


class SensorJudge:
    """The memory of one sensor: what its values have shown so far."""

    def __init__(self, series: SensorSeries, rules: HealthRules, initial: Fault | None = None, *, was_sound: bool = False) -> None:
        """`initial` is the fault that was known before the first reading of `series`; `was_sound`: some reading before was sound."""
        self._series = series
        self._rules = rules
        self._bands = rules.sensors[series.sensor]
        self._report_us = round(rules.report_hours * MICROSECONDS_PER_HOUR)
        self._join_us = round(rules.frozen_hours * MICROSECONDS_PER_HOUR)  # readings further apart are not of one run
        self._zero, self._missing, self._flagged, self._outside, self._same = _Run(), _Run(), _Run(), _Run(), _Run()
        self._anchor = math.nan  # value that has not changed since `_same.since_us`
        self._stopped_us = -1  # newest reading of a machine that stands
        self._is_frozen = self._is_link_dead = False
        self._fault: Fault | None = None  # of level or unit
        self._stays = False  # until sound readings end it; else the next sound one does
        self._is_reported = False
        self._unit: OtherUnit | None = None
        self._bad: deque[float] = deque(maxlen=2 * _RECENT)  # newest values with the fault
        self._sound_in_a_row = 0
        self._was_sound = was_sound
        self._recent: deque[int] = deque(maxlen=_RECENT)  # rows of the newest sound values
        self._level: deque[int] = deque(maxlen=rules.level_readings)  # rows of those before
        if initial is not None:
            self._go_on(initial)

    def judge(self, row: int) -> tuple[str, Fault | None]:
        """What the value of the next `row` is refused for (OK: nothing), and the fault that is reported of the sensor there."""
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
            if now - self._missing.since_us < self._rules.missing_hours * MICROSECONDS_PER_HOUR:
                return OK, self._known()
            return OK, self._lasting(self._missing, MISSING, now) or self._known()
        self._missing.clear()
        self._look_for_change(value, now)
        if abs(value) <= self._bands.zero and (series.runs[row] or series.all_zero[row]):
            if self._zero.readings and now - self._zero.last_us > self._join_us and not series.all_zero[row]:
                self._zero.clear()
            self._zero.add(now)
            is_refused = self._zero.readings > 1 or series.all_zero[row]
            return (ZERO if is_refused else OK), self._lasting(self._zero, ZERO, now)
        self._zero.clear()
        frozen = self._frozen(row, now)
        if frozen is not None:
            return FROZEN, frozen
        return self._judge_level(row, value, now)

    def extend(self, series: SensorSeries) -> None:
        """Go on with a longer series, which begins with the rows of the one before."""
        self._series = series

    @property
    def is_idle(self) -> bool:
        """Whether nothing of what was seen so far is a fault, or the beginning of one."""
        begun = (self._zero, self._missing, self._flagged, self._outside)
        return not (self._stays or self._is_frozen or any(run.readings for run in begun))

    def _go_on(self, initial: Fault) -> None:
        run = {ZERO: self._zero, MISSING: self._missing, FLAGGED_BAD: self._flagged}.get(initial.fault)
        self._was_sound = initial.fault != WRONG_UNIT
        if run is not None:
            run.since_us, run.readings = initial.since_us, self._rules.report_readings
            run.last_us = initial.since_us
        elif initial.fault == FROZEN:
            self._is_frozen = True
            self._same.since_us, self._same.readings = initial.since_us, self._rules.frozen_readings
        else:
            self._fault, self._stays, self._is_reported = initial, True, True
            self._unit = unit_named(initial.sensor, initial.unit) if initial.unit else None

    def _lasting(self, run: _Run, fault: str, now: int) -> Fault | None:
        if now - run.since_us < self._report_us or run.readings < self._rules.report_readings:
            return None
        return Fault(self._series.sensor, fault, run.since_us)

    def _known(self) -> Fault | None:
        """The fault that goes on while there is no value."""
        if self._is_frozen:
            return Fault(self._series.sensor, FROZEN, self._same.since_us)
        return self._fault if self._is_reported else None

    def _look_for_change(self, value: float, now: int) -> None:
        if math.isnan(self._anchor) and self._is_frozen:  # the first value after what was known before
            self._anchor = value
        if abs(value - self._anchor) <= self._bands.resolution * (1 + 1e-9):
            self._same.add(now)
            return
        self._anchor, self._is_frozen = value, False
        self._same.clear()
        self._same.add(now)

    def _frozen(self, row: int, now: int) -> Fault | None:
        dead_since = self._series.unchanged_since_us[row]
        if dead_since < 0 and self._is_link_dead:  # the link is back: a stopped sensor may well stand still
            self._is_frozen = self._is_link_dead = False
        if dead_since >= 0:
            self._is_frozen = self._is_link_dead = True
            return Fault(self._series.sensor, FROZEN, dead_since)
        if self._stays:  # in a coarser unit a sound sensor moves by less than its resolution
            return None
        if not self._is_frozen:
            began = max(self._same.since_us, self._stopped_us)
            lasts = now - began >= self._rules.frozen_hours * MICROSECONDS_PER_HOUR
            self._is_frozen = lasts and self._same.readings >= self._rules.frozen_readings
        return Fault(self._series.sensor, FROZEN, self._same.since_us) if self._is_frozen else None

    def _judge_level(self, row: int, value: float, now: int) -> tuple[str, Fault | None]:
        evidence = self._evidence(row, value)
        if self._stays:
            return self._look_for_recovery(value, evidence, now)
        if evidence is None:
            return OK, None
        if evidence:
            self._outside.clear()
            self._fault, self._was_sound = None, True
            jump = self._jump(row)
            if jump is None:
                return OK, None
            self._unit, since = jump
            self._outside = _Run(since, now, _RECENT)
            self._bad.clear()
            self._bad.extend(self._series.value[known] for known in self._recent)
            self._fault, self._stays = Fault(self._series.sensor, UNIT_CHANGE, since, self._unit.name), True
            return UNIT_CHANGE, self._told(now)
        if self._outside.readings and now - self._outside.last_us > self._join_us:
            self._outside.clear()
        if not self._outside.readings:
            self._bad.clear()
        self._outside.add(now)
        self._bad.append(value)
        if self._outside.readings < 2:
            return OK, None
        self._fault = self._level_fault()
        told = self._told(now)
        self._stays = told is not None
        return self._fault.fault, told

    def _level_fault(self) -> Fault:
        """What the newest values outside the band are: in another unit, or nothing that this sensor can show."""
        bands, sensor, known = self._bands, self._series.sensor, self._expected_level()
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

    def _told(self, now: int) -> Fault | None:
        """The fault of level or unit, once it has lasted for long enough."""
        if self._fault is not None and not self._is_reported:
            lasts = now - self._fault.since_us >= self._report_us
            self._is_reported = lasts and self._outside.readings >= self._rules.report_readings
        return self._fault if self._is_reported else None

    def _evidence(self, row: int, value: float) -> bool | None:
        """Whether the level is sound; None where the machine's state lets nobody tell."""
        bands, series = self._bands, self._series
        if not bands.physical_low <= value <= bands.physical_high:
            return False
        if series.settled[row] and series.runs[row]:
            return bands.running_low <= value <= bands.running_high
        if not series.runs[row] and not bands.stopped_low <= value <= bands.stopped_high:
            return False
        return None

    def _look_for_recovery(self, value: float, evidence: bool | None, now: int) -> tuple[str, Fault | None]:
        fault = self._fault
        assert fault is not None
        if evidence is None:
            return fault.fault, self._told(now)
        if not (evidence and self._is_sound_again(value)):
            self._sound_in_a_row = 0
            self._outside.add(now)
            self._bad.append(value)
            return fault.fault, self._told(now)
        self._sound_in_a_row += 1
        if self._sound_in_a_row < self._rules.recovery_readings:
            return fault.fault, self._told(now)
        self._fault, self._unit, self._sound_in_a_row, self._was_sound = None, None, 0, True
        self._stays = self._is_reported = False
        self._outside.clear()
        self._recent.clear()
        self._level.clear()
        return OK, None

    def _is_sound_again(self, value: float) -> bool:
        """Whether a value inside the running band can be no value in the wrong unit, or follows on from one when that is converted."""
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

    def _expected_level(self) -> float | None:
        """The sound level before, None where too few readings tell one, or where it is so old that a stop or a repair may have moved it."""
        rows = [*self._level, *self._recent]
        if len(rows) < self._rules.least_level_readings or self._outside.since_us - self._series.time_us[rows[-1]] > self._join_us:
            return None
        return median(self._series.value[row] for row in rows)

    def _jump(self, row: int) -> tuple[OtherUnit, int] | None:
        """The unit that the newest sound values have jumped to, and since when; also takes `row` into the levels."""
        value, time = self._series.value, self._series.time_us
        if len(self._recent) == _RECENT:
            self._level.append(self._recent[0])
        self._recent.append(row)
        if len(self._recent) < _RECENT or len(self._level) < self._rules.least_level_readings:
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
        units = possible_units(self._series.sensor, after, self._bands.resolution)
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
        """Whether sound readings lie far enough from the one before, and soon enough after it, to be a change of unit."""
        if min(before, first, last) <= 0 or gap_us > self._join_us:
            return False
        least = self._rules.least_jump
        return abs(math.log(first / before)) >= least and abs(math.log(last / before)) >= least / 2
