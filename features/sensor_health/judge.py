"""Judges one sensor of one compressor, reading by reading, in order of time.

The rule is causal: a verdict depends on the reading and on earlier ones, never on later ones. A fault of level or unit
lasts until sound readings end it, also through a stop. So a verdict needs no longer memory than the fault itself, which
is stored with the readings (contract.DATA_FAULTS).
"""

from __future__ import annotations

from features.contract import WRONG_UNIT
from features.sensor_health.fault import Fault
from features.sensor_health.level import LevelJudge
from features.sensor_health.liveness import LivenessJudge
from features.sensor_health.series import SensorSeries
from features.sensor_health.settings import HealthRules


class SensorJudge:
    """The memory of one sensor: whether it is alive, and whether its level is sound."""

    def __init__(self, series: SensorSeries, rules: HealthRules, initial: Fault | None = None, *, was_sound: bool = False) -> None:
        """Begin before the first reading of `series`.

        `initial` is the fault known before it. `was_sound`: some earlier reading was sound.
        """
        self._liveness = LivenessJudge(series, rules)
        self._level = LevelJudge(series, rules, was_sound=was_sound if initial is None else initial.fault != WRONG_UNIT)
        if initial is not None and not self._liveness.resume(initial):
            self._level.resume(initial)

    def judge(self, row: int) -> tuple[str, Fault | None]:
        """Why the value of the next `row` is refused (OK: it is not), and the fault reported there."""
        return self._liveness.judge(row, self._level) or self._level.judge(row)

    def extend(self, series: SensorSeries) -> None:
        """Continue with a longer series that begins with the same rows."""
        self._liveness.extend(series)
        self._level.extend(series)

    @property
    def is_idle(self) -> bool:
        """Whether the readings so far show no fault, and no beginning of one."""
        return self._liveness.is_idle and self._level.is_idle
