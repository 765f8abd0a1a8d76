"""Turns a long table (tag, time, value) into readings.

Tags of one compressor and one time join into one row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl
import pyarrow as pa

from config.sections.etl import ReadLimits
from config.site.readings import COMPRESSOR_GROUP, TAG_GROUP, ReadingsSection, SensorSource
from config.site.units import CONTRACT_UNITS, Conversion
from features.contract import COMPRESSOR_ID, FLAGGED_BAD_SENSORS, TIMESTAMP
from features.site.cells import READING_TYPES, align, is_good, number_style
from features.site.columns import convert_by, find_column, fold, overrides_of
from features.site.guard.limits import too_large
from features.site.notes import FileNotes, RefusedFile
from features.site.numbers import NumberReader, present_text
from features.site.raw import RawBatch, RawTable
from features.site.times import TimeReader

TAG_NAMES: Final = ("tag", "tagname", "point", "pointname", "signal", "name")
VALUE_NAMES: Final = ("value", "val")
TIME_NAMES: Final = ("timestamp", "time", "datetime", "datetimeutc")
_MOST_NAMED: Final = 8  # tags that a sentence names
_ANY: Final = ""  # as the compressor of a tag that means the same for all


@dataclass(frozen=True)
class Tag:
    """The sensor of a tag, and its compressor (None: the row names it)."""

    sensor: str
    conversion: Conversion
    compressor_id: str | None


@dataclass
class LongTable:
    """A table whose rows are single values.

    The whole file is held in memory: its tags may follow one another.
    """

    site: ReadingsSection
    table: RawTable
    constant_id: str | None
    stations: Mapping[str, str]
    rows_per_batch: int
    notes: FileNotes
    limits: ReadLimits
    tags: dict[tuple[str, str], Tag] = field(init=False)  # (compressor or _ANY, folded tag)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Readings, by compressor and time. Raises RefusedFile."""
        names, site = self.table.names, self.site
        tag_at = self._place(site.tag_column, TAG_NAMES, "tag_column")
        value_at = self._place(site.value_column, VALUE_NAMES, "value_column")
        time_at = self._place(site.time.column, TIME_NAMES, "time.column")
        quality_at = None if site.quality is None else self._place(site.quality.column, (), "quality.column")
        id_at = None
        if self.constant_id is None and site.compressor_id.tag is None:
            id_at = find_column(names, site.compressor_id.column or COMPRESSOR_ID)
        self.tags = self._known_tags()
        self.notes.map_to(TIMESTAMP, names[time_at])
        self.notes.map_to(
            COMPRESSOR_ID, names[id_at] if id_at is not None else f"always {self.constant_id}" if self.constant_id else "the tag"
        )
        numbers = NumberReader.of(self.notes, number_style(self.table, {value_at}, site, self.notes), site.missing)
        times = TimeReader(site.time, self.notes, names[time_at])
        unknown: Counter[str] = Counter()
        parts = []
        for batch in self.table.batches():
            tags = pl.Series(present_text(batch.arrays[tag_at].cast(pa.string())))
            ids = (
                None if id_at is None else pl.Series(present_text(batch.arrays[id_at].cast(pa.string()))).replace(site.compressor_id.names)
            )
            meant = self._meanings(tags, ids)
            moments = times.read(batch.arrays[time_at], _keys(meant, tags), batch.rows, self.table.locate)
            bad = None if quality_at is None or site.quality is None else ~is_good(batch.arrays[quality_at], site.quality.good)
            unknown.update(tags.filter(meant["sensor"].is_null()).fill_null("(no tag)").to_list())
            if len(unknown) > self.limits.columns:
                raise too_large(f"more than {self.limits.columns:,} unknown tags", "columns", self.limits.columns)
            parts.append(self._values(batch, value_at, meant, moments, bad, numbers))
        numbers.refuse_wordy(self.table.locate)
        if times.clock is not None:
            times.clock.finish()
        self.notes.unused_columns.extend(f"tag {tag} ({count} rows)" for tag, count in unknown.most_common())
        if not parts:
            return
        long = pl.concat(parts)
        if long.is_empty():
            seen = ", ".join(tag for tag, _ in unknown.most_common(_MOST_NAMED))
            raise RefusedFile(f"missing_column: none of the tags is known ({seen}); set readings.sensors.<sensor>.tag in site.yaml")
        yield from self._readings(long)

    def _place(self, configured: str | None, usual: Sequence[str], key: str) -> int:
        names = self.table.names
        found = find_column(names, configured) if configured else next((at for at, name in enumerate(names) if fold(name) in usual), None)
        if found is None:
            raise RefusedFile(f"missing_column: {configured or usual[0]} (readings.{key} in site.yaml); the file has {', '.join(names)}")
        return found

    def _known_tags(self) -> dict[tuple[str, str], Tag]:
        found: dict[tuple[str, str], Tag] = {}
        for sensor in CONTRACT_UNITS:
            if sensor in self.site.absent:
                continue
            general = self.site.sensors.get(sensor, SensorSource())
            rule = convert_by(sensor, general.unit, self.site, self.notes, general.tag or sensor, configured=True)
            found[_ANY, fold(general.tag or sensor)] = Tag(sensor, rule, None)
            for members, source in overrides_of(self.site, sensor, self.stations):
                rule = convert_by(sensor, source.unit, self.site, self.notes, source.tag or sensor, configured=True)
                for unit in members:
                    found[unit, fold(source.tag or sensor)] = Tag(sensor, rule, unit)
        return found

    def _meanings(self, tags: pl.Series, ids: pl.Series | None) -> pl.DataFrame:
        """Compressor, sensor and conversion of each row. An unknown tag has no sensor."""
        pairs = pl.DataFrame({"tag": tags, "id": ids if ids is not None else pl.repeat(None, len(tags), dtype=pl.String, eager=True)})
        rows = [(tag, unit, *self._meaning(tag, unit)) for tag, unit in pairs.unique(maintain_order=True).iter_rows()]
        schema = {
            "tag": pl.String,
            "id": pl.String,
            COMPRESSOR_ID: pl.String,
            "sensor": pl.String,
            "factor": pl.Float64,
            "offset": pl.Float64,
        }
        known = pl.DataFrame(rows, schema=schema, orient="row")
        return pairs.join(known, on=["tag", "id"], how="left", nulls_equal=True, maintain_order="left").drop("tag", "id")

    def _meaning(self, tag: str | None, unit: str | None) -> tuple[str | None, str | None, float, float]:
        unit = unit or self.constant_id
        name = tag or ""
        if self.site.compressor_id.tag is not None and (found := re.search(self.site.compressor_id.tag, name)):
            unit, name = self.site.compressor_id.names.get(found[COMPRESSOR_GROUP], found[COMPRESSOR_GROUP]), found[TAG_GROUP]
        for word in dict.fromkeys((fold(name), fold(tag or ""))):
            owners = [unit] if unit is not None else [owner for owner, of in self.tags if of == word and owner != _ANY]
            for owner in (*owners, _ANY):
                if known := self.tags.get((owner, word)):
                    self.notes.map_to(known.sensor, name if owner == _ANY else f"{name} of {owner}", known.conversion.unit)
                    return known.compressor_id or unit, known.sensor, known.conversion.factor, known.conversion.offset
        return unit, None, 1.0, 0.0

    def _values(
        self, batch: RawBatch, value_at: int, meant: pl.DataFrame, moments: pl.Series, bad: pl.Series | None, numbers: NumberReader
    ) -> pl.DataFrame:
        flags = bad if bad is not None else pl.repeat(False, len(moments), dtype=pl.Boolean, eager=True)
        frame = meant.with_columns(moments.alias(TIMESTAMP), flags.alias("bad"), pl.Series("row", batch.rows, dtype=pl.Int64))
        found = []
        for sensor in meant["sensor"].drop_nulls().unique(maintain_order=True):
            mask = (meant["sensor"] == sensor).fill_null(False)
            cells = batch.arrays[value_at].filter(mask.to_arrow())
            part = frame.filter(mask)
            values = numbers.read(cells, sensor, part["row"].to_list()) * part["factor"] + part["offset"]
            found.append(part.select(COMPRESSOR_ID, TIMESTAMP, "sensor", "bad", "row", values.alias("value")))
        if not found:
            return frame.clear().select(COMPRESSOR_ID, TIMESTAMP, "sensor", "bad", "row", pl.lit(None, pl.Float64).alias("value"))
        return pl.concat(found)

    def _readings(self, long: pl.DataFrame) -> Iterator[pa.RecordBatch]:
        unseen = [name for name in CONTRACT_UNITS if name not in self.site.absent and not (long["sensor"] == name).any()]
        if unseen:
            self.notes.assume(f"no tag for {', '.join(unseen)}: read without a value")
        lost = long[TIMESTAMP].null_count()
        if lost:
            self.notes.assume(f"{lost} values have no readable time: they form one reading of each compressor, which silver rejects")
        ordered = long.sort(TIMESTAMP, "row", nulls_last=True, maintain_order=True)
        ordered = ordered.with_columns(align(ordered[TIMESTAMP], self.site.aligned_to_s).alias(TIMESTAMP))
        key = [COMPRESSOR_ID, TIMESTAMP, "sensor"]
        several = ordered.filter(pl.col("value").is_not_null()).group_by(key).len().filter(pl.col("len") > 1)
        if several.height:
            more = int((several["len"] - 1).sum())
            self.notes.assume(
                f"{more} values came within {self.site.aligned_to_s:g} s of a later one of the same tag: "
                "the later one is kept (readings.align_seconds)"
            )
        # With a value the last one, else the last row: its flag is the reading's.
        present = pl.col("value").is_not_null()
        kept = ordered.sort(present, maintain_order=True).group_by(key, maintain_order=True).last()
        wide = kept.group_by(COMPRESSOR_ID, TIMESTAMP).agg(
            *(pl.col("value").filter(pl.col("sensor") == name).first().alias(name) for name in CONTRACT_UNITS),
            *(pl.col("bad").filter(pl.col("sensor") == name).first().fill_null(False).alias(f"bad {name}") for name in CONTRACT_UNITS),
        )
        columns = [COMPRESSOR_ID, TIMESTAMP, *CONTRACT_UNITS]
        if self.site.quality is not None:
            joined = pl.concat_str([pl.when(f"bad {name}").then(pl.lit(name)) for name in CONTRACT_UNITS], separator=",", ignore_nulls=True)
            wide = wide.with_columns(joined.alias(FLAGGED_BAD_SENSORS)).with_columns(
                pl.when(pl.col(FLAGGED_BAD_SENSORS) != "").then(FLAGGED_BAD_SENSORS).alias(FLAGGED_BAD_SENSORS)
            )
            columns.append(FLAGGED_BAD_SENSORS)
        result = wide.sort(COMPRESSOR_ID, TIMESTAMP).select(columns).to_arrow()
        arrays = [result[name].cast(READING_TYPES.get(name, pa.string())) for name in columns]
        yield from pa.table(arrays, names=columns).combine_chunks().to_batches(max_chunksize=self.rows_per_batch)


def _keys(meant: pl.DataFrame, tags: pl.Series) -> pl.Series:
    return meant.select(pl.concat_str(pl.col(COMPRESSOR_ID).fill_null(""), pl.lit(" "), pl.lit(tags).fill_null(""))).to_series()
