"""The readings of one site: each file opened, matched with the contract and turned into batches of its types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from config.site.readings import COMPRESSOR_GROUP, ReadingsSection
from config.site.units import CONTRACT_UNITS
from features.contract import COMPRESSOR_ID, FLAGGED_BAD_SENSORS, READING_FIELDS, TIMESTAMP
from features.site.columns import Plan, match_columns
from features.site.formats import open_tables
from features.site.lines import UNPACKING_ERRORS
from features.site.listing import file_digest, live_file, path_values
from features.site.notes import FileNotes, RefusedFile
from features.site.numbers import NumberReader, NumberStyle, find_style, is_number, is_text, present_text
from features.site.raw import RawBatch, RawTable
from features.site.times import TimeReader

READING_TYPES: Final[dict[str, pa.DataType]] = {
    name: pa.string() if name == COMPRESSOR_ID else pa.timestamp("us", tz="UTC") if name == TIMESTAMP else pa.float64()
    for name in READING_FIELDS
}


@dataclass
class SiteReader:
    """Reads the files of one site as its description says; `stations` is the station of each compressor.

    `notes` holds what was assumed, counted and left out, by file, once a file has been read to its end.
    """

    site: ReadingsSection = field(default_factory=ReadingsSection)
    stations: Mapping[str, str] = field(default_factory=dict)
    notes: dict[str, FileNotes] = field(default_factory=dict)

    def digest(self, path: Path, name: str) -> str:
        """What makes the file the same file again: its content, and the id that its path tells. Raises RefusedFile."""
        return file_digest(path, self._id_of_path(path, name) or "")

    def read(self, path: Path, name: str, rows_per_batch: int) -> Iterator[pa.RecordBatch]:
        """Batches with the nine reading columns in the contract's types and units, then `_flagged_bad` if the site has a quality column,
        then any further column as text. `name` is the path below readings/.

        Raises RefusedFile at the first thing that does not fit; batches yielded before that must be dropped.
        """
        notes = self.notes[name] = FileNotes()
        try:
            yield from self._read(path, name, rows_per_batch, notes)
        except (pa.ArrowException, OSError, *UNPACKING_ERRORS) as error:
            raise RefusedFile(f"unreadable: {' '.join(str(error).split())[:200]}") from error

    def _read(self, path: Path, name: str, rows_per_batch: int, notes: FileNotes) -> Iterator[pa.RecordBatch]:
        live = live_file(path)
        constant = self._id_of_path(path, name)
        tables = open_tables(path, self.site.format, self._wanted(), rows_per_batch, notes)
        plans = []
        for member, table in tables:
            try:
                plans.append(match_columns(table.names, table.units, self.site, constant, self.stations, notes))
            except RefusedFile as refusal:
                raise RefusedFile(f"{refusal.reason} (in {member})" if member else refusal.reason) from None
        extras = list(dict.fromkeys(plain for plan in plans for _, plain in plan.extras))
        for (member, table), plan in zip(tables, plans, strict=True):
            conversion = WideTable(self.site, plan, table, extras, notes, None if live is None else live.kept)
            try:
                yield from conversion.batches()
            except RefusedFile as refusal:
                raise RefusedFile(f"{refusal.reason} (in {member})" if member else refusal.reason) from None

    def _wanted(self) -> list[str]:
        """Column names that site.yaml says."""
        site = self.site
        sources = [
            *site.sensors.values(),
            *(source for group in (site.stations, site.compressors) for of in group.values() for source in of.values()),
        ]
        named = [*(source.column for source in sources), site.time.column, site.compressor_id.column, site.tag_column, site.value_column]
        if site.quality is not None:
            named += [site.quality.column, *site.quality.columns.values()]
        return [name for name in named if name is not None]

    def _id_of_path(self, path: Path, name: str) -> str | None:
        """The id that is the same for the whole file: a constant, or part of its path or partition."""
        source = self.site.compressor_id
        if source.value is not None:
            return source.value
        if source.path is not None:
            found = re.search(source.path, name)
            if found is None:
                raise RefusedFile(f"missing_column: the path {name} does not fit readings.compressor_id.path ({source.path})")
            word = found[COMPRESSOR_GROUP]
            return source.names.get(word, word)
        live = live_file(path)
        keys = {**path_values(name), **({} if live is None else live.partition)}
        key = source.column or COMPRESSOR_ID
        found_word = next((value for given, value in keys.items() if given.lower() == key.lower()), None)
        return source.names.get(found_word, found_word) if found_word is not None else None


@dataclass
class WideTable:
    """A table whose rows are readings."""

    site: ReadingsSection
    plan: Plan
    table: RawTable
    extras: Sequence[str]  # names of all further columns of the file, whichever table holds them
    notes: FileNotes
    kept: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None  # rows of a Delta file that are still there

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows in the contract's types. Raises RefusedFile."""
        numbers = NumberReader.of(self.notes, number_style(self.table, self.plan.used, self.site, self.notes), self.site.missing)
        times = TimeReader(self.site.time, self.notes, self.plan.names[self.plan.time])
        for raw in self.table.batches():
            batch = self._drop_deleted(raw)
            ids = self._ids(batch)
            read: dict[int, pl.Series] = {}
            moments = times.read(batch.arrays[self.plan.time], ids, batch.rows, self.table.locate)
            columns: dict[str, pa.Array] = {COMPRESSOR_ID: ids.to_arrow(), TIMESTAMP: align(moments, self.site.aligned_to_s).to_arrow()}
            for sensor in CONTRACT_UNITS:
                columns[sensor] = self._sensor(sensor, batch, ids, numbers, read).to_arrow()
            flags = self._flags(batch)
            if flags is not None:
                columns[FLAGGED_BAD_SENSORS] = flags.to_arrow()
            by_extra = {plain: as_text(batch.arrays[at]) for at, plain in self.plan.extras}
            for plain in self.extras:
                columns[plain] = by_extra.get(plain, pa.nulls(len(batch.rows), pa.string()))
            yield pa.RecordBatch.from_arrays(
                [column.cast(READING_TYPES.get(name, pa.string())) for name, column in columns.items()], names=list(columns)
            )
        numbers.refuse_wordy(self.table.locate)
        if times.clock is not None:
            times.clock.finish()

    def _drop_deleted(self, raw: RawBatch) -> RawBatch:
        if self.kept is None or not len(raw.rows):
            return raw
        kept = np.ones(len(raw.rows), bool)
        known = self.kept[raw.rows[0] : raw.rows[0] + len(raw.rows)]  # a vector may end after its last deleted row
        kept[: len(known)] = known
        mask = pa.array(kept)
        return RawBatch([array.filter(mask) for array in raw.arrays], np.asarray(raw.rows)[kept])  # type: ignore[arg-type]

    def _ids(self, batch: RawBatch) -> pl.Series:
        if self.plan.compressor is None:
            return pl.Series(pl.repeat(self.plan.constant_id, len(batch.rows), dtype=pl.String, eager=True))
        column = batch.arrays[self.plan.compressor]
        kind = column.type
        if is_number(kind) and self.site.compressor_id.column is not None:
            column = column.cast(pa.string())
        elif not (is_text(kind) or pa.types.is_null(kind)):
            raise RefusedFile(f"wrong_type: {self.plan.names[self.plan.compressor]} is {kind}, expected text")
        ids = pl.Series(present_text(column))
        return ids.replace(self.site.compressor_id.names) if self.site.compressor_id.names else ids

    def _sensor(self, sensor: str, batch: RawBatch, ids: pl.Series, numbers: NumberReader, read: dict[int, pl.Series]) -> pl.Series:
        values = pl.Series(pl.repeat(None, len(batch.rows), dtype=pl.Float64, eager=True))
        for choice in self.plan.sensors[sensor]:
            if choice.index not in read:
                read[choice.index] = numbers.read(batch.arrays[choice.index], self.plan.names[choice.index], batch.rows)
            found = read[choice.index]
            if choice.conversion.changes:
                found = found * choice.conversion.factor + choice.conversion.offset
            values = (
                found
                if choice.only is None
                else pl.select(pl.when(pl.lit(ids).is_in(list(choice.only))).then(pl.lit(found)).otherwise(pl.lit(values))).to_series()
            )
        return values

    def _flags(self, batch: RawBatch) -> pl.Series | None:
        """Sensors that the source calls bad, comma-separated; null: none."""
        if self.site.quality is None:
            return None
        good = self.site.quality.good
        if self.plan.row_quality is not None:
            bad = ~is_good(batch.arrays[self.plan.row_quality], good)
            every = ",".join(sensor for sensor in CONTRACT_UNITS if self.plan.sensors[sensor])
            return pl.select(pl.when(pl.lit(bad)).then(pl.lit(every))).to_series()
        named = [pl.when(pl.lit(~is_good(batch.arrays[at], good))).then(pl.lit(sensor)) for sensor, at in self.plan.sensor_quality.items()]
        joined = pl.select(pl.concat_str(named, separator=",", ignore_nulls=True)).to_series()
        return pl.select(pl.when(pl.lit(joined) != "").then(pl.lit(joined))).to_series()


def is_good(column: pa.Array, good: Sequence[str | int | float]) -> pl.Series:
    """Whether each quality is one of the good values; numbers are compared as numbers, a missing quality is not good."""
    words = [str(value).strip().lower() for value in good]
    values = [float(value) for value in words if re.fullmatch(r"-?\d+(\.\d+)?", value)]
    text = pl.Series(as_text(column)).str.strip_chars().str.to_lowercase()
    return (text.is_in(words) | text.cast(pl.Float64, strict=False).is_in(values)).fill_null(False)


def align(moments: pl.Series, seconds: float) -> pl.Series:
    """Times rounded to the nearest multiple of `seconds`; 0 leaves them."""
    if not seconds:
        return moments
    width = round(seconds * 1_000_000)
    micros = moments.dt.epoch("us")
    return ((micros + width // 2) // width * width).cast(pl.Datetime("us", "UTC"))


def number_style(table: RawTable, used: set[int], site: ReadingsSection, notes: FileNotes) -> NumberStyle:
    """The decimal and thousands signs of a table, found in its first rows unless site.yaml says them. Raises RefusedFile."""
    told = site.format
    if not table.text:
        return NumberStyle(told.decimal or ".", told.thousands or "")
    cells = (row[at].strip() for row in table.sample for at in used)
    style = find_style(cells, told.decimal, told.thousands)
    if isinstance(style, str):
        raise RefusedFile(
            f"wrong_type: {style!r}: is the comma a decimal sign, or does it part thousands? say readings.format.decimal in site.yaml"
        )
    if told.decimal is None and style.decimal == ",":
        notes.assume("numbers have a decimal comma")
    return style


def as_text(column: pa.Array) -> pa.Array:
    """Any column as text; what holds several values in a cell becomes JSON."""
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        cells = column.to_pylist()
        return pa.array(
            [None if cell is None else cell.hex() if isinstance(cell, bytes) else json.dumps(cell, default=str) for cell in cells],
            pa.string(),
        )
    if is_text(kind):
        return present_text(column)
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([None if cell is None else str(cell) for cell in column.to_pylist()], pa.string())
