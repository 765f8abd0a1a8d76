"""A sensor against its limits: the zones of its gauge, and the words beside it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from config.sections.sensors import SENSORS
from config.sections.thresholds import EffectiveLimits, ThresholdsConfig
from features.contract import DISCHARGE_PRESSURE, DISCHARGE_TEMP, GAS_FLOW, HORSEPOWER, SUCTION_PRESSURE, VIBRATION
from serving.dashboard.display.bars import Zone, gauge
from serving.dashboard.display.units import UnitSystem, conversion

SENSOR_NAMES: Final = {
    VIBRATION: "Vibration",
    DISCHARGE_TEMP: "Discharge temperature",
    SUCTION_PRESSURE: "Suction pressure",
    DISCHARGE_PRESSURE: "Discharge pressure",
    HORSEPOWER: "Power",
    GAS_FLOW: "Gas flow",
}
_ROOM: Final = 0.35  # of the span that is drawn beyond the outermost limit


@dataclass(frozen=True)
class SensorLimits:
    """The normal band and the limits of one sensor of one compressor model, in the stored unit."""

    sensor: str
    unit: str
    normal: tuple[float, float] | None
    limits: EffectiveLimits

    @property
    def name(self) -> str:
        """As a planner calls it."""
        return SENSOR_NAMES[self.sensor]


def sensor_limits(thresholds: ThresholdsConfig, model: str | None) -> list[SensorLimits]:
    """All sensors, in the order of a reading."""
    found = []
    for sensor in SENSORS:
        rule = thresholds.sensors[sensor]
        normal = None if rule.normal is None else (rule.normal.low, rule.normal.high)
        found.append(SensorLimits(sensor, rule.warning.unit, normal, thresholds.limits(sensor, model)))
    return found


def zones(sensor: SensorLimits, value: float | None) -> list[Zone]:
    """The stretches from the lowest drawn value to the highest: normal, in between, warning, critical."""
    limits = sensor.limits
    marks = [limits.warning, *([limits.critical] if limits.critical is not None else []), *(sensor.normal or ())]
    room = _ROOM * (max(marks) - min(marks)) or 1.0
    low, high = min(marks) - room, max(marks) + room
    if value is not None:
        low, high = min(low, value), max(high, value)
    cuts = sorted({low, high, *marks})
    return [Zone(begin, end, _zone(sensor, (begin + end) / 2)) for begin, end in pairwise(cuts)]


def gauges(sensors: list[SensorLimits], values: dict[str, float | None], system: UnitSystem) -> Markup:
    """One gauge a sensor: name, value, level, zones and limits."""
    return Markup('<ul class="az-gauges">{0}</ul>').format(
        Markup("").join(_item(item, values.get(item.sensor), system) for item in sensors)
    )


def _zone(sensor: SensorLimits, middle: float) -> str:
    level = sensor.limits.level_of(middle)
    if level != "normal":
        return level
    return "healthy" if sensor.normal and sensor.normal[0] <= middle <= sensor.normal[1] else "between"


def _item(sensor: SensorLimits, value: float | None, system: UnitSystem) -> Markup:
    shown = conversion(sensor.unit, system)
    level = "no value" if value is None else sensor.limits.level_of(value)
    symbol = {"critical": "▲ ", "warning": "◆ "}.get(level, "")
    side = "at most" if sensor.limits.direction == "high" else "at least"
    told = [f"normal {shown.text(sensor.normal[0], unit=False)} to {shown.text(sensor.normal[1])}"] if sensor.normal else []
    told.append(f"warning {shown.text(sensor.limits.warning, unit=False)}")
    if sensor.limits.critical is not None:
        told.append(f"critical {shown.text(sensor.limits.critical, unit=False)}")
    text = f"{sensor.name}: {shown.text(value)}, {level}; {', '.join(told)}; {side} the warning"
    return Markup(
        '<li><div class="az-gauge-head"><span>{0}</span><b>{1}</b></div>{2}<div class="az-gauge-foot"><b>{3}{4}</b> · {5}</div></li>'
    ).format(sensor.name, shown.text(value), gauge(value, zones(sensor, value), text), symbol, level, " · ".join(told))
