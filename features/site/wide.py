"""A wide table: every row is a reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from config.site.readings import ReadingsSection
from config.site.units import CONTRACT_UNITS
from features.contract import COMPRESSOR_ID, FLAGGED_BAD_SENSORS, TIMESTAMP
from features.site.cells import READING_TYPES, align, as_text, is_good, number_style
from features.site.columns import ColumnPlan
from features.site.notes import FileNotes, RefusedFile
from features.site.numbers import NumberReader, is_number, is_text, present_text
from features.site.raw import RawBatch, RawTable
from features.site.times import TimeReader


@dataclass
class WideTable:
    """A table whose rows are readings."""

    site: ReadingsSection
    plan: ColumnPlan
    table: RawTable
    extras: Sequence[str]  # names of all further columns of the file, whichever table holds them
    notes: FileNotes

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows in the contract's types. Raises RefusedFile."""
        numbers = NumberReader.of(self.notes, number_style(self.table, self.plan.used, self.site, self.notes), self.site.missing)
        times = TimeReader(self.site.time, self.notes, self.plan.names[self.plan.time])
        for batch in self.table.batches():
            plain_ids = self._ids(batch)
            ids = pl.Series(plain_ids)
            read: dict[int, pl.Series] = {}
            moments = times.read(batch.arrays[self.plan.time], ids, batch.rows, self.table.locate)
            columns: dict[str, pa.Array] = {COMPRESSOR_ID: plain_ids, TIMESTAMP: align(moments, self.site.aligned_to_s).to_arrow()}
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

    def _ids(self, batch: RawBatch) -> pa.Array:
        if self.plan.compressor is None:
            return pa.repeat(pa.scalar(self.plan.constant_id, pa.string()), len(batch.rows))
        column = batch.arrays[self.plan.compressor]
        kind = column.type
        if is_number(kind) and self.site.compressor_id.column is not None:
            column = column.cast(pa.string())
        elif not (is_text(kind) or pa.types.is_null(kind)):
            raise RefusedFile(f"wrong_type: {self.plan.names[self.plan.compressor]} is {kind}, expected text")
        ids = present_text(column)
        return pl.Series(ids).replace(self.site.compressor_id.names).to_arrow() if self.site.compressor_id.names else ids

    def _sensor(self, sensor: str, batch: RawBatch, ids: pl.Series, numbers: NumberReader, read: dict[int, pl.Series]) -> pl.Series:
        values: pl.Series | None = None
        for choice in self.plan.sensors[sensor]:
            if choice.index not in read:
                read[choice.index] = numbers.read(batch.arrays[choice.index], self.plan.names[choice.index], batch.rows)
            found = read[choice.index]
            if choice.conversion.changes:
                found = found * choice.conversion.factor + choice.conversion.offset
            if choice.only is None:
                values = found
                continue
            before = pl.lit(None, pl.Float64) if values is None else pl.lit(values)
            values = pl.select(pl.when(pl.lit(ids).is_in(list(choice.only))).then(pl.lit(found)).otherwise(before)).to_series()
        return values if values is not None else pl.Series(pl.repeat(None, len(batch.rows), dtype=pl.Float64, eager=True))

    def _flags(self, batch: RawBatch) -> pl.Series | None:
        """Sensors that the source flags as bad, comma-separated; null: none."""
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
