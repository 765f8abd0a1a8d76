"""Finds the faults of every sensor of some compressors.

A screen over all readings selects suspect stretches. A judge then checks those.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from features.arrays import Bools, Int8s, Ints
from features.contract import RUN_SENSORS, SENSOR_FAULTS, SENSORS
from features.rolling import group_starts
from features.sensor_health.fault import OK, Fault, encode_faults
from features.sensor_health.judge import SensorJudge
from features.sensor_health.readings import SensorReadings
from features.sensor_health.running import Machine
from features.sensor_health.screen import Screen, hours_us, screen_sensor
from features.sensor_health.series import SensorSeries
from features.sensor_health.settings import HealthRules

Known = Mapping[int, Sequence[tuple[int, Sequence[Fault]]]]  # compressor's code: (moment in us, the faults known then), oldest first

_Judged = tuple[int, str, Fault | None]  # row, what its value is refused for, what is reported there

_CODE: Final = {fault: number for number, fault in enumerate(SENSOR_FAULTS, start=1)} | {OK: 0}
_ROWS_AHEAD: Final = 256  # read at once beyond what is judged
_WARM_UP_HOURS: Final = 1.0  # before the rows that may belong to one run


@dataclass(frozen=True)
class FoundFaults:
    """What is wrong with some readings."""

    rows: int
    verdicts: dict[str, Int8s] = field(default_factory=dict)  # by sensor with any: 0, or 1 + the place in contract.SENSOR_FAULTS -> [n]
    faults: dict[int, list[Fault]] = field(default_factory=dict)  # by row, what is reported there

    def refused(self, sensor: str, fault: str) -> Bools:
        """Where a value of `sensor` is refused for `fault` -> [n]."""
        codes = self.verdicts.get(sensor)
        return np.zeros(self.rows, np.bool_) if codes is None else codes == _CODE[fault]

    def texts(self) -> list[str | None]:
        """The column contract.DATA_FAULTS -> [n]."""
        found: list[str | None] = [None] * self.rows
        for row, faults in self.faults.items():
            found[row] = encode_faults(faults)
        return found


def find_faults(readings: SensorReadings, rules: HealthRules, known: Known | None = None) -> FoundFaults:
    """Judge every sensor.

    `known` are faults found earlier, for readings that do not begin with the history.
    """
    found = FoundFaults(len(readings.group))
    if not found.rows:
        return found
    machine = Machine.of(readings, rules)
    starts = group_starts(readings.group)
    ends = np.append(starts[1:], found.rows)
    for sensor in SENSORS:
        screen = screen_sensor(readings, sensor, machine, rules)
        suspects = np.flatnonzero(screen.suspect)
        troubled = set(np.searchsorted(starts, suspects, side="right") - 1)
        troubled |= {place for place in range(len(starts)) if _is_known(known, int(readings.group[starts[place]]), sensor)}
        for place in sorted(troubled):
            first, end = int(starts[place]), int(ends[place])
            before = known.get(int(readings.group[first]), ()) if known else ()
            own = suspects[np.searchsorted(suspects, first) : np.searchsorted(suspects, end)]
            for row, verdict, fault in _Sensor(readings, machine, screen, sensor, rules).judge(first, end, own, before):
                if verdict:
                    if sensor not in found.verdicts:
                        found.verdicts[sensor] = np.zeros(found.rows, np.int8)
                    found.verdicts[sensor][row] = _CODE[verdict]
                if fault is not None:
                    found.faults.setdefault(row, []).append(fault)
    return found


def _is_known(known: Known | None, code: int, sensor: str) -> bool:
    return bool(known) and any(fault.sensor == sensor for _, faults in (known or {}).get(code, ()) for fault in faults)


@dataclass(frozen=True)
class _Sensor:
    """One sensor of all compressors."""

    readings: SensorReadings
    machine: Machine
    screen: Screen
    sensor: str
    rules: HealthRules

    def judge(self, first: int, end: int, suspects: Ints, before: Sequence[tuple[int, Sequence[Fault]]]) -> Iterator[_Judged]:
        """Judge rows of one compressor, [first, end), around `suspects`.

        Also judged are the rows after each moment with known faults (`before`).
        """
        times = self.readings.time_us[first:end]
        cuts = [(first + int(np.searchsorted(times, moment, side="right")), faults) for moment, faults in before]
        bounds = [first, *(row for row, _ in cuts), end]
        for number, (begin, stop) in enumerate(itertools.pairwise(bounds)):
            faults = cuts[number - 1][1] if number else ()
            initial = next((fault for fault in faults if fault.sensor == self.sensor), None)
            own = suspects[np.searchsorted(suspects, begin) : np.searchsorted(suspects, stop)]
            yield from self._judge_part(begin, stop, own, initial)

    def _judge_part(self, first: int, end: int, suspects: Ints, initial: Fault | None) -> Iterator[_Judged]:
        """Judge rows [first, end); `initial` was known at their beginning.

        A judge runs from some rows before a suspect until it is idle.
        """
        walk = None
        if initial is not None and first < end:
            walk = _Walk(self, first, first, end, SensorJudge(self.series(first, first, first), self.rules, initial))
            yield from walk.until_idle(first)
        for suspect in suspects.tolist():
            if walk is not None and suspect < walk.row:
                continue
            begin = suspect if walk is not None and suspect == walk.row else self._begin(suspect, first)
            if walk is None or begin > walk.row:
                was_sound = bool(np.searchsorted(self.screen.inside, begin) > np.searchsorted(self.screen.inside, first))
                walk = _Walk(self, first, begin, end, SensorJudge(self.series(begin, begin, first), self.rules, was_sound=was_sound))
            yield from walk.until_idle(suspect)

    def _begin(self, suspect: int, first: int) -> int:
        """First row that a judge must read to decide at `suspect` as if it had read everything."""
        level_rows = self.rules.level_readings + self.rules.least_level_readings
        inside = self.screen.inside
        place = int(np.searchsorted(inside, suspect)) - level_rows
        of_level = int(inside[place]) if place >= 0 else first
        times = self.readings.time_us[first : suspect + 1]
        reach = hours_us(self.rules.frozen_hours + _WARM_UP_HOURS)
        recent = first + int(np.searchsorted(times, times[-1] - reach))
        return max(first, min(of_level, recent, int(self.screen.began[suspect])))

    def series(self, first: int, end: int, oldest: int) -> SensorSeries:
        """Rows [first, end) in the form that a judge takes.

        `oldest` is the first row of the compressor.
        """
        part, machine, values = slice(first, end), self.machine, self.readings.values
        flagged = self.readings.flagged.get(self.sensor)
        return SensorSeries(
            self.sensor,
            int(self.readings.time_us[oldest]),
            self.readings.time_us[part].tolist(),
            values[self.sensor][part].tolist(),
            self.screen.runs[part].tolist(),
            machine.settled[part].tolist(),
            machine.all_zero[part].tolist(),
            machine.unchanged_since[part].tolist(),
            [False] * (end - first) if flagged is None else flagged[part].tolist(),
            {name: values[name][part].tolist() for name in RUN_SENSORS if name != self.sensor},
        )


class _Walk:
    """A judge that walks through the rows [start, end) of one sensor.

    Readings begin at `oldest`. `row` is judged next.
    """

    def __init__(self, sensor: _Sensor, oldest: int, start: int, end: int, judge: SensorJudge) -> None:
        self._sensor, self._oldest, self._start, self._end, self._judge = sensor, oldest, start, end, judge
        self._read = start
        self.row = start

    def until_idle(self, suspect: int) -> Iterator[_Judged]:
        """Judge at least up to `suspect`, and on until the judge is idle."""
        while self.row < self._end and (self.row <= suspect or not self._judge.is_idle):
            if self.row >= self._read:
                ahead = max(_ROWS_AHEAD, self.row - self._start)  # twice as much as so far: a long fault is read in few steps
                self._read = min(max(self.row, suspect) + ahead, self._end)
                self._judge.extend(self._sensor.series(self._start, self._read, self._oldest))
            verdict, fault = self._judge.judge(self.row - self._start)
            yield self.row, verdict, fault
            self.row += 1
