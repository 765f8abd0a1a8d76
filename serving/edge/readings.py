"""Files of readings at the edge: CSV in UTF-8 with commas, decimal points and the contract's names.

Such a file gives the same readings as features/intake.py. Any other file is refused whole: another dialect, another unit, a word in place of
a number.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.arrays import Doubles, Ints
from features.contract import COMPRESSOR_ID, MISSING_TEXT, OPERATING_HOURS, READING_FIELDS, SENSORS, TIMESTAMP
from serving.edge.contract import EdgeInputError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NEVER: Final = np.iinfo(np.int64).min  # a time that could not be read
_TIME: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ] *(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))? *(?:(Z)|([+-])(\d{2}):?(\d{2}))?)?)?", re.ASCII
)
_MOST_NAMED: Final = 5  # compressors that a refusal names


@dataclass(frozen=True)
class Readings:
    """Readings as they came, or those that were kept. Compressors are numbered in the order of their names in the contract."""

    unit: Ints  # [n], -1 without a compressor_id
    time_us: Ints  # [n] microseconds since 1970, UTC
    sensors: dict[str, Doubles]  # [n] each, NaN where nothing was measured

    def take(self, rows: Ints | NDArray[np.bool_]) -> Readings:
        """Some of the rows, in the order asked for."""
        return Readings(self.unit[rows], self.time_us[rows], {name: values[rows] for name, values in self.sensors.items()})


def read_files(paths: Sequence[Path], compressor_ids: Sequence[str]) -> Readings:
    """All rows of CSV files. Raises EdgeInputError at the first misfit, with file, line and value."""
    units = {name: unit for unit, name in enumerate(compressor_ids)}
    parts = [_read_file(path, units) for path in paths]
    return Readings(
        np.concatenate([part.unit for part in parts]),
        np.concatenate([part.time_us for part in parts]),
        {sensor: np.concatenate([part.sensors[sensor] for part in parts]) for sensor in SENSORS},
    )


def _read_file(path: Path, units: dict[str, int]) -> Readings:
    unit: list[int] = []
    moments: list[int] = []
    sensors: dict[str, list[float]] = {sensor: [] for sensor in SENSORS}
    unreadable, unknown = "", Counter[str]()
    seen: dict[str, int] = {}
    for line, row in _rows(path):
        name = _present(row[COMPRESSOR_ID])
        unit.append(units.get(name, -1))
        if name and name not in units:
            unknown[name] += 1
        text = _present(row[TIMESTAMP])
        if text not in seen:
            seen[text] = parse_time(text)
        moments.append(seen[text])
        if text and seen[text] == NEVER:
            unreadable = unreadable or text
        for sensor in SENSORS:
            sensors[sensor].append(_parse_number(row[sensor], sensor, path, line))
        _parse_number(row[OPERATING_HOURS], OPERATING_HOURS, path, line)  # used by no feature, but a file is all or nothing
    if unknown:
        named = ", ".join(sorted(unknown)[:_MOST_NAMED]) + (", ..." if len(unknown) > _MOST_NAMED else "")
        raise EdgeInputError(f"{path}: unknown compressor: {named}; contract.json lists the known ones")
    if unreadable and all(moment == NEVER for moment in moments):
        raise EdgeInputError(f"{path}: {TIMESTAMP}: {unreadable!r} is not an ISO 8601 time")
    return Readings(
        np.array(unit, np.int64), np.array(moments, np.int64), {name: np.array(values, np.float64) for name, values in sensors.items()}
    )


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = csv.reader(stream, strict=True)
            names = [name.strip() for name in next(lines, [])]
            missing = [name for name in READING_FIELDS if name not in names]
            if missing:
                raise EdgeInputError(f"{path}: missing column: {', '.join(missing)}")
            twice = [name for name in READING_FIELDS if names.count(name) > 1]
            if twice:
                raise EdgeInputError(f"{path}: column given twice: {', '.join(twice)}")
            for values in lines:
                if len(values) != len(names):
                    if not values:
                        continue
                    raise EdgeInputError(f"{path}, line {lines.line_num}: {len(values)} values for {len(names)} columns")
                yield lines.line_num, dict(zip(names, values, strict=True))
    except OSError as error:
        raise EdgeInputError(f"{path}: cannot be read ({error.strerror})") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise EdgeInputError(f"{path}: is not a CSV file in UTF-8 ({error})") from error


def _present(text: str) -> str:
    text = text.strip()
    return "" if text in MISSING_TEXT else text


def _parse_number(text: str, column: str, path: Path, line: int) -> float:
    text = _present(text)
    if not text:
        return float("nan")
    try:
        if "_" in text or not text.isascii():  # digits to Python, to nobody else
            raise ValueError
        return float(text)
    except ValueError:
        raise EdgeInputError(f"{path}, line {line}: {column}: {text!r} is not a number") from None


def parse_time(text: str) -> int:
    """ISO 8601, UTC without a zone, as microseconds since 1970. NEVER for any other text."""
    found = _TIME.fullmatch(text)
    if found is None:
        return int(NEVER)
    year, month, day, hour, minute, second, fraction, _, sign, zone_hours, zone_minutes = found.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), tzinfo=UTC)
        if int(second or 0) > 60 or int(zone_hours or 0) > 23 or int(zone_minutes or 0) > 59:
            return int(NEVER)
        away = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
        moment += timedelta(seconds=int(second or 0), microseconds=int((fraction or "0")[:6].ljust(6, "0")))
        return (moment + (away if sign == "-" else -away) - EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return int(NEVER)


def iso_time(moment_us: int) -> str:
    moment = EPOCH + timedelta(microseconds=moment_us)
    return moment.replace(tzinfo=None).isoformat() + "Z"
