"""The units that a planner chooses: US as they are stored, or SI. Pint converts, each pair of units once."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pint


class UnitSystem(StrEnum):
    """What the address says under `units`."""

    US = "US"
    SI = "SI"


@dataclass(frozen=True)
class Conversion:
    """From the stored unit to a shown one: value x factor + offset."""

    unit: str
    factor: float
    offset: float
    digits: int

    def of(self, value: float) -> float:
        """A value in the shown unit."""
        return value * self.factor + self.offset

    def text(self, value: float | None, *, unit: bool = True) -> str:
        """A value with its unit; a dash for none."""
        if value is None:
            return "–"
        return f"{self.of(value):,.{self.digits}f}{f' {self.unit}' if unit else ''}"

    def all_of(self, values: Sequence[float | None]) -> list[float | None]:
        """Values in the shown unit."""
        return [None if value is None else self.of(value) for value in values]


@dataclass(frozen=True)
class _Quantity:
    stored: str  # as pint names it
    stored_label: str
    stored_digits: int
    si: str
    si_label: str
    si_digits: int


_QUANTITIES: Final = {
    "mm/s": _Quantity("mm/s", "mm/s", 2, "mm/s", "mm/s", 2),
    "F": _Quantity("degF", "°F", 1, "degC", "°C", 1),
    "F/h": _Quantity("delta_degF/hour", "°F/h", 1, "delta_degC/hour", "°C/h", 1),
    "PSI": _Quantity("psi", "psi", 0, "kPa", "kPa", 0),
    "hp": _Quantity("horsepower", "hp", 0, "kW", "kW", 0),
    "Mcf/day": _Quantity("thousand_cubic_feet/day", "Mcf/d", 0, "thousand_cubic_metres/day", "10³ m³/d", 1),
}


def conversion(unit: str, system: UnitSystem) -> Conversion:
    """How values in a unit of the contract are shown. An unknown unit is shown as it is."""
    quantity = _QUANTITIES.get(unit)
    if quantity is None:
        return Conversion(unit, 1.0, 0.0, 2)
    if system is UnitSystem.US:
        return Conversion(quantity.stored_label, 1.0, 0.0, quantity.stored_digits)
    zero, one = (_converted(value, quantity.stored, quantity.si) for value in (0.0, 1.0))
    return Conversion(quantity.si_label, one - zero, zero, quantity.si_digits)


@functools.cache
def _registry() -> pint.UnitRegistry[float]:
    registry: pint.UnitRegistry[float] = pint.UnitRegistry()
    registry.define("thousand_cubic_feet = 1000 * foot ** 3")
    registry.define("thousand_cubic_metres = 1000 * metre ** 3")
    return registry


@functools.cache
def _converted(value: float, stored: str, shown: str) -> float:
    return float(_registry().Quantity(value, stored).to(shown).magnitude)
