"""Turns a site's list of compressors into rows of the compressors table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from config.errors import MetadataError
from config.sections.etl import ReadLimits
from config.sections.fleet import FleetConfig
from config.site.reference_files import CompressorsSection, same_word
from features.contract import COMPRESSOR_ID, METADATA_FIELDS
from features.site.guard.limits import shipped_limits
from features.site.reference_files.cell_values import Decimal, parse_date, parse_number
from features.site.reference_files.reference_file import DUPLICATE, ReferenceFile, decimal_of, open_reference, words
from features.site.reference_files.table_file import Header, Row, read_table

RETIRED_DATE: Final = "retired_date"
_FIRST_YEAR: Final = 1900  # of a compressor's life
_MOST_MODEL_CHARACTERS: Final = 100  # of the warehouse's column


def read_compressors(
    path: Path, section: CompressorsSection, fleet: FleetConfig, now: datetime, limits: ReadLimits | None = None
) -> ReferenceFile:
    """The compressors that `path` lists.

    A bad date or rating loses the cell. A missing id or unknown station loses the row. Raises MetadataError
    when the file cannot be read or lacks a column. The same goes for a mapping to a station that fleet.yaml
    lacks.
    """
    strange = sorted(set(section.stations.values()) - set(fleet.stations))
    if strange:
        raise MetadataError(f"site.yaml: reference.compressors.stations: {', '.join(strange)} is not in fleet.yaml: add the station there")
    columns: dict[str, str] = {name: name for name in (*METADATA_FIELDS, RETIRED_DATE)} | dict(section.columns)
    needed = dict.fromkeys([*((COMPRESSOR_ID, "station_id") if section.columns else METADATA_FIELDS), *section.columns])
    table = read_table(path, section, Header(columns, list(needed)), limits or shipped_limits())
    file = open_reference(path, table)
    stations = words({name: name for name in fleet.stations} | section.stations)
    cells = _Cells(file, columns, section, decimal_of(file, table, section, ("horsepower",)), now)
    listed: set[str] = set()
    for row in table.rows:
        compressor_id = file.compressor_of(row, columns[COMPRESSOR_ID])
        if compressor_id is None:
            continue
        station = row.cells["station_id"]
        if file.reject_ragged(row, columns):
            file.named.add(compressor_id)
        elif station is None or same_word(station) not in stations:
            file.named.add(compressor_id)
            cure = (
                f"write one of {', '.join(fleet.stations)}, add it to fleet.yaml, or map it in site.yaml (reference.compressors.stations)"
            )
            file.reject(row, columns["station_id"], station, "unknown_station", cure)
        elif compressor_id in listed:
            file.reject(row, columns[COMPRESSOR_ID], compressor_id, DUPLICATE, "keep one row for each compressor; the first one is used")
        else:
            listed.add(compressor_id)
            file.rows.append(cells.compressor(row, compressor_id, stations[same_word(station)]))
    file.named |= listed
    return file


@dataclass(frozen=True)
class _Cells:
    """Reads the optional cells of a row."""

    file: ReferenceFile
    columns: Mapping[str, str]
    section: CompressorsSection
    decimal: Decimal
    now: datetime

    def compressor(self, row: Row, compressor_id: str, station_id: str) -> dict[str, Any]:
        model = row.cells.get("model")
        return {
            COMPRESSOR_ID: compressor_id,
            "model": None if model is None else model[:_MOST_MODEL_CHARACTERS],
            "horsepower": self._horsepower(row),
            "install_date": self._date(row, "install_date"),
            "station_id": station_id,
            RETIRED_DATE: self._date(row, RETIRED_DATE),
        }

    def _horsepower(self, row: Row) -> float | None:
        text = row.cells.get("horsepower")
        if text is None:
            return None
        number = parse_number(text, self.decimal)
        if number is None or number <= 0:
            self.file.reject(
                row, self.columns["horsepower"], text, "bad_number", "write the rated hp as a number above 0; the cell is left empty"
            )
            return None
        return number

    def _date(self, row: Row, name: str) -> date | None:
        text = row.cells.get(name)
        if text is None:
            return None
        day = parse_date(text, self.section.date_formats)
        if day is None:
            cure = "write YYYY-MM-DD, or set date_formats in site.yaml; the cell is left empty"
            self.file.reject(row, self.columns[name], text, "bad_date", cure)
        elif not _FIRST_YEAR <= day.year <= self.now.year + 1:
            cure = f"write a date of the years {_FIRST_YEAR} to {self.now.year + 1}; it is left empty"
            self.file.reject(row, self.columns[name], text, "implausible_date", cure)
        else:
            return day
        return None
