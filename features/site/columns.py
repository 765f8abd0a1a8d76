"""Matches the columns of a file with the fields and units of the contract.

site.yaml decides, else the columns' names do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from config.site.readings import ReadingsSection, SensorSource
from config.site.units import CONTRACT_UNITS, Conversion, UnknownUnit, conversion
from features.contract import (
    COMPRESSOR_ID,
    DISCHARGE_PRESSURE,
    DISCHARGE_TEMP,
    GAS_FLOW,
    READING_FIELDS,
    SUCTION_PRESSURE,
    TIMESTAMP,
    VIBRATION,
)
from features.site.notes import FileNotes, RefusedFile

_BRACKETS: Final = re.compile(r"^(.*?)[\s_]*[(\[](.*)[)\]]\s*$")
_STEMS: Final = {  # contract names without their unit: the file must give it in brackets or in a units row
    "vibration": VIBRATION,
    "vibrationvelocity": VIBRATION,
    "dischargetemp": DISCHARGE_TEMP,
    "dischargetemperature": DISCHARGE_TEMP,
    "suctionpressure": SUCTION_PRESSURE,
    "dischargepressure": DISCHARGE_PRESSURE,
    "gasflow": GAS_FLOW,
}
_UTC_NAMES: Final = ("UTC", "GMT", "Z", "UTC+0", "UTC+00:00", "UTC±0")
_CURE: Final = "name their columns in site.yaml (readings.sensors), or list them as absent (readings.absent)"


def fold(name: str) -> str:
    """A column name without case, blanks, underscores and hyphens."""
    return re.sub(r"[\s_\-]+", "", name).lower()


_EXACT: Final = {fold(name): name for name in READING_FIELDS}


def split_unit(name: str) -> tuple[str, str | None]:
    """The name without the unit in brackets behind it, and that unit."""
    found = _BRACKETS.match(name)
    return (found[1], found[2].strip()) if found and found[1] else (name, None)


def recognise(name: str) -> tuple[str, int] | None:
    """The field of a column, and how well its name fits. None: no field of the contract.

    0 is the best fit, 2 has no unit.
    """
    if name in READING_FIELDS:
        return name, 0
    if (key := fold(split_unit(name)[0])) in _EXACT:
        return _EXACT[key], 1
    return (_STEMS[key], 2) if key in _STEMS else None


@dataclass(frozen=True)
class Choice:
    """A column that holds a sensor, for some compressors.

    `only` None: for all that no other choice names.
    """

    index: int
    conversion: Conversion
    only: frozenset[str] | None = None


@dataclass
class ColumnPlan:
    """The columns of one file by their position."""

    names: list[str]
    compressor: int | None
    constant_id: str | None
    time: int
    sensors: dict[str, list[Choice]]  # the choice for all first
    row_quality: int | None = None
    sensor_quality: dict[str, int] = field(default_factory=dict)
    extras: list[tuple[int, str]] = field(default_factory=list)  # position, name in bronze

    @property
    def used(self) -> set[int]:
        """Positions of the columns that are read."""
        places = {choice.index for choices in self.sensors.values() for choice in choices} | {self.time} | set(self.sensor_quality.values())
        return places | {place for place in (self.compressor, self.row_quality) if place is not None}


def find_column(names: Sequence[str], wanted: str) -> int | None:
    """The position of a column that site.yaml names.

    The name fits literally, or else without case, blanks and underscores.
    """
    if wanted in names:
        return list(names).index(wanted)
    folded = [fold(name) for name in names]
    return folded.index(fold(wanted)) if fold(wanted) in folded else None


def match_columns(
    names: Sequence[str],
    units: Sequence[str] | None,
    site: ReadingsSection,
    constant_id: str | None,
    stations: Mapping[str, str],
    notes: FileNotes,
) -> ColumnPlan:
    """The plan of a wide file.

    `units` is its units row, `stations` the station of each compressor. Raises RefusedFile with the columns
    that are missing, given twice, or in a unit that the sensor cannot have.
    """
    named, without_unit = _by_name(names, units)
    header = _Header(names, units, named, site, stations)
    compressor = _place_of_id(names, named, site, constant_id)
    missing = [COMPRESSOR_ID] if compressor is None and constant_id is None else []
    time = named.get(TIMESTAMP) if site.time.column is None else find_column(names, site.time.column)
    missing += [] if time is not None else [site.time.column or TIMESTAMP]
    sensors: dict[str, list[Choice]] = {}
    for sensor in CONTRACT_UNITS:
        sensors[sensor] = header.choices(sensor, notes)
        if not sensors[sensor] and sensor not in site.absent:
            place = site.sensors[sensor].column if sensor in site.sensors else None
            missing.append(f"{place} ({sensor})" if place else sensor)
    if missing:
        _refuse_missing(missing, without_unit, names)
    assert time is not None  # it would be missing
    zone = split_unit(names[time])[1]
    if zone and site.time.zone is None and zone.upper() not in _UTC_NAMES:
        raise RefusedFile(
            f"wrong_type: {names[time]}: {zone!r} is no known time zone; set readings.time.zone in site.yaml, such as America/Chicago"
        )
    notes.map_to(COMPRESSOR_ID, names[compressor] if compressor is not None else f"always {constant_id}")
    notes.map_to(TIMESTAMP, names[time])
    plan = ColumnPlan(list(names), compressor, constant_id if compressor is None else None, time, sensors)
    if site.quality is not None:
        if site.quality.column is not None:
            plan.row_quality = _quality_place(names, site.quality.column)
        plan.sensor_quality = {sensor: _quality_place(names, column) for sensor, column in site.quality.columns.items()}
    plan.extras = name_extras(names, plan.used)
    notes.unused_columns.extend(name for at, name in enumerate(names) if at not in plan.used and name not in notes.unused_columns)
    return plan


def name_extras(names: Sequence[str], used: set[int]) -> list[tuple[int, str]]:
    """Unused columns, each with a plain name of its own for bronze."""
    extras: list[tuple[int, str]] = []
    taken = set(READING_FIELDS)
    for at, name in enumerate(names):
        if at in used:
            continue
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        plain = plain if plain[:1].isalpha() else f"column_{plain or at + 1}"
        free, number = plain, 2
        while free in taken:
            free, number = f"{plain}_{number}", number + 1
        taken.add(free)
        extras.append((at, free))
    return extras


def _by_name(names: Sequence[str], units: Sequence[str] | None) -> tuple[dict[str, int], list[str]]:
    """Field -> position, the best match first; and names that only lack a unit. Raises RefusedFile."""
    found: dict[str, tuple[int, int]] = {}
    twice: list[str] = []
    without_unit = []
    for at, name in enumerate(names):
        match = recognise(name)
        if match is None:
            continue
        of, rank = match
        if rank == 2 and split_unit(name)[1] is None and not (units and units[at].strip()):
            without_unit.append(name)
            continue
        if of in found and found[of][0] == rank:
            twice.append(name)
        elif of not in found or rank < found[of][0]:
            found[of] = (rank, at)
    if twice:
        raise RefusedFile(f"bad_column_name: {', '.join(map(repr, twice))} given twice; choose one column in site.yaml (readings.sensors)")
    return {of: at for of, (_, at) in found.items()}, without_unit


def _place_of_id(names: Sequence[str], named: Mapping[str, int], site: ReadingsSection, constant_id: str | None) -> int | None:
    source = site.compressor_id
    if source.column is not None:
        return find_column(names, source.column)
    return None if source.value is not None or source.path is not None else named.get(COMPRESSOR_ID)


def overrides_of(site: ReadingsSection, sensor: str, stations: Mapping[str, str]) -> list[tuple[frozenset[str], SensorSource]]:
    """The overrides of a sensor by station and compressor. A later one wins.

    Gaps are filled from the general source; a compressor's from its station first.
    """
    general = site.sensors.get(sensor, SensorSource())
    found = []
    for station, sources in site.stations.items():
        if sensor in sources:
            members = frozenset(unit for unit, of in stations.items() if of == station)
            found.append((members, _filled(sources[sensor], general)))
    for unit, sources in site.compressors.items():
        if sensor in sources:
            of_station = site.stations.get(stations.get(unit, ""), {}).get(sensor)
            found.append((frozenset([unit]), _filled(sources[sensor], _filled(of_station, general) if of_station else general)))
    return found


def _filled(special: SensorSource, general: SensorSource) -> SensorSource:
    place = {"column": special.column, "tag": special.tag} if special.place else {"column": general.column, "tag": general.tag}
    return SensorSource(**place, unit=special.unit or general.unit)


@dataclass(frozen=True)
class _Header:
    """The header of a file, and the site's description of its columns."""

    names: Sequence[str]
    units: Sequence[str] | None  # the units row
    named: Mapping[str, int]  # field -> position, by name
    site: ReadingsSection
    stations: Mapping[str, str]

    def choices(self, sensor: str, notes: FileNotes) -> list[Choice]:
        """The columns of `sensor`, the one for all compressors first."""
        if sensor in self.site.absent:
            return []
        found = []
        sources: list[tuple[frozenset[str] | None, SensorSource]] = [(None, self.site.sensors.get(sensor, SensorSource()))]
        for only, source in [*sources, *overrides_of(self.site, sensor, self.stations)]:
            at = self.named.get(sensor) if source.column is None else find_column(self.names, source.column)
            if at is None:
                continue
            name = self.names[at]
            unit = source.unit or (self.units[at].strip() if self.units else None) or split_unit(name)[1]
            rule = convert_by(sensor, unit, self.site, notes, name, configured=source.unit is not None)
            notes.map_to(sensor, split_unit(name)[0], rule.unit)
            found.append(Choice(at, rule, only))
        return found


def convert_by(sensor: str, unit: str | None, site: ReadingsSection, notes: FileNotes, name: str, *, configured: bool) -> Conversion:
    """The conversion of a column or tag. Its assumptions go into the notes. Raises RefusedFile."""
    if not unit:
        return Conversion(CONTRACT_UNITS[sensor])
    try:
        rule = conversion(sensor, unit, site.atmosphere_psi)
    except UnknownUnit as error:
        raise RefusedFile(f"wrong_type: {name}: {error}") from None
    if rule.changes and not configured:
        notes.assume(f"{name} is in {unit}: converted to {CONTRACT_UNITS[sensor]}")
    if rule.assumption:
        notes.assume(f"{name}: {rule.assumption}")
    return rule


def _quality_place(names: Sequence[str], column: str) -> int:
    at = find_column(names, column)
    if at is None:
        raise RefusedFile(f"missing_column: {column} (readings.quality); the file has {', '.join(names)}")
    return at


def _refuse_missing(missing: Sequence[str], without_unit: Sequence[str], names: Sequence[str]) -> None:
    units = f" ({', '.join(map(repr, without_unit))} without a unit: write it in brackets or in site.yaml)" if without_unit else ""
    folded = {fold(name) for name in names}
    cure = "set readings.layout: long in site.yaml" if folded & {"tag", "tagname", "point"} and folded & {"value", "val"} else _CURE
    raise RefusedFile(f"missing_column: {', '.join(missing)}{units}; {cure}")
