"""Units as sites write them, and how they become the contract's units. One pint registry, made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import pint

from config.sections.sensors import DISCHARGE_PRESSURE, DISCHARGE_TEMP, GAS_FLOW, HORSEPOWER, SUCTION_PRESSURE, VIBRATION

OPERATING_HOURS: Final = "operating_hours"
CONTRACT_UNITS: Final[dict[str, str]] = {
    VIBRATION: "mm/s",
    DISCHARGE_TEMP: "F",
    SUCTION_PRESSURE: "PSI",
    DISCHARGE_PRESSURE: "PSI",
    HORSEPOWER: "hp",
    GAS_FLOW: "Mcf/day",
    OPERATING_HOURS: "h",
}
ATMOSPHERE_PSI: Final = 14.696  # at sea level: what lies between absolute and gauge pressure
NORMAL_TO_STANDARD: Final = 288.706 / 273.15  # a gas volume at 0 C becomes this much larger at 60 F, at the same pressure

_SPEED: Final = {
    "mm/s": "mm/s mm/sec mm/second mms mmps mm/srms mm/s(rms) mm/secrms",
    "inch/s": "in/s in/sec ips inch/s inch/sec inches/s inches/sec in/srms in/secrms ipsrms ips(rms)",
    "cm/s": "cm/s cm/sec",
    "m/s": "m/s m/sec",
    "um/s": "um/s µm/s μm/s",
}
_TEMPERATURE: Final = {
    "degF": "f degf fahrenheit degreesf degfahrenheit",
    "degC": "c degc celsius degreesc degcelsius centigrade",
    "kelvin": "k kelvin degk",
    "degR": "r degr rankine",
}
_PRESSURE: Final = {  # each also with g, (g), gauge, a, (a), abs behind it
    "psi": "psi lbf/in2 lb/in2 #",
    "bar": "bar",
    "mbar": "mbar hpa",
    "Pa": "pa",
    "kPa": "kpa",
    "MPa": "mpa",
    "kgf/cm**2": "kg/cm2 kgf/cm2 kg/cm² ksc at",
    "inH2O": "inh2o inwc",
    "inHg": "inhg",
    "atm": "atm",
}
_POWER: Final = {
    "hp": "hp bhp ihp horsepower",
    "kW": "kw kilowatt kilowatts",
    "MW": "mw megawatt",
    "W": "w watt watts",
    "metric_horsepower": "ps cv ch pk metrichp hp(metric)",
}
_FLOW: Final = {
    "1000*ft**3/day": "mcf/day mcf/d mcfd mcfpd mscf/day mscf/d mscfd mscfpd kscfd kscf/d 1000scf/d",
    "1e6*ft**3/day": "mmcf/day mmcf/d mmcfd mmscf/day mmscf/d mmscfd mmscfpd",
    "1e9*ft**3/day": "bcf/d bcfd bscfd",
    "ft**3/day": "scf/day scf/d scfd cfd ft3/d ft3/day",
    "ft**3/hour": "scf/h scfh cfh ft3/h",
    "ft**3/min": "scfm scf/min cfm ft3/min",
    "1000*ft**3/hour": "mcf/h mcfh mscf/h mscfh",
    "m**3/day": "m3/d m3/day sm3/d sm3/day smcd",
    "m**3/hour": "m3/h m3/hr sm3/h sm3/hr smch",
    "m**3/s": "m3/s sm3/s",
    "1000*m**3/day": "e3m3/d e3m3/day 103m3/d 10e3m3/d km3/d ksm3/d 1000m3/d 1000sm3/d",
    "1e6*m**3/day": "e6m3/d mmscmd mmsm3/d mcmd msm3/d",
    f"{NORMAL_TO_STANDARD}*m**3/hour": "nm3/h nm3/hr",
    f"{NORMAL_TO_STANDARD}*m**3/day": "nm3/d nm3/day",
}
_DURATION: Final = {
    "hour": "h hr hrs hour hours",
    "minute": "min mins minute minutes",
    "second": "s sec second seconds",
    "day": "d day days",
}
_PINT_TARGET: Final = {"mm/s": "mm/s", "F": "degF", "PSI": "psi", "hp": "hp", "Mcf/day": "1000*ft**3/day", "h": "hour"}
_KINDS: Final = {"mm/s": _SPEED, "F": _TEMPERATURE, "PSI": _PRESSURE, "hp": _POWER, "Mcf/day": _FLOW, "h": _DURATION}
_GAUGE: Final = ("gauge", "(gauge)", "(g)", "-g", "g")
_ABSOLUTE: Final = ("absolute", "(abs)", "abs", "(a)", "-a", "a")


class UnknownUnit(ValueError):  # noqa: N818 - caught where a cure can be named
    """The site's text is no unit of this sensor."""


@dataclass(frozen=True)
class Conversion:
    """value in the contract's unit = factor x value + offset.

    `assumption` is a sentence on what had to be assumed, if anything.
    """

    unit: str
    factor: float = 1.0
    offset: float = 0.0
    assumption: str | None = None

    @property
    def changes(self) -> bool:
        return self.factor != 1.0 or self.offset != 0.0


@lru_cache(maxsize=1)
def registry() -> pint.UnitRegistry[Any]:
    """The one registry: reading its definitions takes a moment."""
    return pint.UnitRegistry()


def squeeze(unit: str) -> str:
    """The spelling without case, blanks, dots and meaningless signs.

    `kg / cm^2` and `KG/CM²` are `kg/cm2`.
    """
    text = unit.strip().lower()
    for old, new in (("°", "deg"), ("º", "deg"), ("²", "2"), ("³", "3"), ("**", ""), ("^", ""), (" ", ""), (".", ""), ("_", "")):
        text = text.replace(old, new)
    return "c" if text == "℃" else "f" if text == "℉" else text


@lru_cache(maxsize=4096)
def conversion(sensor: str, unit: str, atmosphere_psi: float = ATMOSPHERE_PSI) -> Conversion:
    """How values of `sensor` in `unit` become the contract's unit.

    Raises UnknownUnit with the unit, the sensor and what to do.
    """
    contract = CONTRACT_UNITS[sensor]
    expression, absolute, assumption = _expression(sensor, contract, unit)
    target = _PINT_TARGET[contract]
    if contract == "F":
        low, high = (float(registry().Quantity(value, expression).to(target).magnitude) for value in (0.0, 1.0))
        factor, offset = round(high - low, 9), round(low, 9)
    else:
        factor, offset = float(registry().parse_expression(f"({expression})/({target})").to_base_units().magnitude), 0.0
    if absolute:
        offset -= atmosphere_psi
        assumption = f"{unit} is absolute: {atmosphere_psi:g} psi of air are subtracted (readings.atmosphere_psi)"
    if abs(factor - 1) < 1e-12 and abs(offset) < 1e-9:
        factor, offset = 1.0, 0.0
    return Conversion(unit, factor, offset, assumption)


def is_unit(text: str) -> bool:
    """Whether `text` is a unit that some sensor is measured in."""
    return any(_spelled(kind, text) is not None for kind in _KINDS)


def _expression(sensor: str, contract: str, unit: str) -> tuple[str, bool, str | None]:
    """The unit as pint writes it, whether it is an absolute pressure, and the assumption made."""
    found = _spelled(contract, unit)
    if found is not None:
        return found
    if contract != "F":
        try:
            dimension = registry().parse_expression(f"({unit})/({_PINT_TARGET[contract]})").to_base_units()
            if dimension.dimensionless:
                return unit, False, f"{unit} is read as gauge pressure" if contract == "PSI" else None
        except Exception as error:  # pint raises many kinds for a text that is none of its units
            raise UnknownUnit(_refusal(sensor, unit, contract)) from error
    raise UnknownUnit(_refusal(sensor, unit, contract))


def _refusal(sensor: str, unit: str, contract: str) -> str:
    return f"{unit!r} is no unit of {sensor} (measured in {contract}); set readings.sensors.{sensor}.unit in site.yaml"


def _spelled(contract: str, unit: str) -> tuple[str, bool, str | None] | None:
    text = squeeze(unit)
    table = _table(contract)
    if text in table:
        if contract == "PSI" and table[text] != "psi":
            return table[text], False, f"{unit} is read as gauge pressure"
        normal = "nm3" in text and contract == "Mcf/day"
        return table[text], False, f"{unit} is read as gas at 0 C, the contract's at 60 F" if normal else None
    if contract == "PSI":
        for ends, absolute in ((_GAUGE, False), (_ABSOLUTE, True)):
            for end in ends:
                if text.endswith(end) and text.removesuffix(end) in table:
                    return table[text.removesuffix(end)], absolute, None
    return None


@lru_cache(maxsize=16)
def _table(contract: str) -> dict[str, str]:
    return {spelling: expression for expression, spellings in _KINDS[contract].items() for spelling in spellings.split()}
