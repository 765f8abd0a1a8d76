"""Other units in which a sensor's values may come, as exact conversions.

Double conversions are included: a transmitter sends the contract's unit, and a gateway converts it again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from features.contract import DISCHARGE_PRESSURE, DISCHARGE_TEMP, GAS_FLOW, HORSEPOWER, SUCTION_PRESSURE, VIBRATION

SAME_LEVEL: Final = 0.15  # natural log: readings of one level lie this close together
_NOISE: Final = 0.01  # share of a level that a running machine moves from reading to reading, at least

_BAR: Final = 14.503773773  # PSI
_KPA: Final = _BAR / 100
_CUBIC_METRE: Final = 35.314666721 / 1000  # Mcf
_KW: Final = 1.3410220896  # hp (mechanical)


@dataclass(frozen=True)
class OtherUnit:
    """Values in this unit become the contract's by `factor` * value + `offset`."""

    name: str
    factor: float
    offset: float = 0.0
    rare: bool = False  # named only where no other unit fits

    def converted(self, value: float) -> float:
        """`value` of this unit in the contract's unit."""
        return self.factor * value + self.offset


_PRESSURES: Final = (
    OtherUnit("bar", _BAR),
    OtherUnit("kPa", _KPA),
    OtherUnit("MPa", 1000 * _KPA, rare=True),
    OtherUnit("kg/cm2", 0.980665 * _BAR, rare=True),
    OtherUnit("PSI converted from bar twice", 1 / _BAR, rare=True),
    OtherUnit("PSI converted from kPa twice", 1 / _KPA, rare=True),
)
OTHER_UNITS: Final[dict[str, tuple[OtherUnit, ...]]] = {
    VIBRATION: (
        OtherUnit("in/s", 25.4),
        OtherUnit("cm/s", 10.0, rare=True),
        OtherUnit("m/s", 1000.0, rare=True),
        OtherUnit("um/s", 0.001, rare=True),
        OtherUnit("mm/s converted from in/s twice", 1 / 25.4, rare=True),
    ),
    DISCHARGE_TEMP: (
        OtherUnit("degC", 1.8, 32.0),
        OtherUnit("K", 1.8, -459.67),
        OtherUnit("degR", 1.0, -459.67, rare=True),
        OtherUnit("F converted from degC twice", 1 / 1.8, -32.0 / 1.8, rare=True),
    ),
    SUCTION_PRESSURE: _PRESSURES,
    DISCHARGE_PRESSURE: _PRESSURES,
    HORSEPOWER: (OtherUnit("kW", _KW), OtherUnit("W", _KW / 1000, rare=True), OtherUnit("hp converted from kW twice", 1 / _KW, rare=True)),
    GAS_FLOW: (
        OtherUnit("MMcf/day", 1000.0),
        OtherUnit("m3/day", _CUBIC_METRE),
        OtherUnit("1000 m3/day", 1000 * _CUBIC_METRE),
        OtherUnit("Mcf/h", 24.0),
        OtherUnit("Mcf/day converted from 1000 m3/day twice", 1 / (1000 * _CUBIC_METRE), rare=True),
    ),
}
_BY_NAME: Final = {(sensor, unit.name): unit for sensor, units in OTHER_UNITS.items() for unit in units}


def unit_named(sensor: str, name: str) -> OtherUnit:
    """The unit of OTHER_UNITS. Raises KeyError."""
    return _BY_NAME[sensor, name]


def likeliest_unit(units: Iterable[OtherUnit], value: float, expected: float, low: float, high: float) -> OtherUnit | None:
    """The one of `units` that brings `value` into [low, high], nearest to `expected` by ratio.

    None if no unit does.
    """
    found = [unit for unit in units if low <= unit.converted(value) <= high and unit.converted(value) > 0]
    return min(found, key=lambda unit: (unit.rare, abs(math.log(unit.converted(value) / expected))), default=None)


def possible_units(sensor: str, values: Sequence[float], resolution: float) -> list[OtherUnit]:
    """Units that the consecutive `values` may be in.

    If all values are equal, only units too coarse to show the noise of a running machine.
    """
    units = OTHER_UNITS[sensor]
    if max(values) - min(values) > resolution:
        return list(units)
    return [unit for unit in units if unit.factor * resolution > _NOISE * abs(unit.converted(values[0]))]
