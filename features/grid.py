"""Gold on an even hourly grid: the steps that windows are cut from (no JVM).

Training and scoring share one rule. A step holds the last value of each feature in its hour, (mark - 1 h,
mark], or NaN. Training takes the clock's hours as marks. Scoring counts back from `as_of`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from deltalake import DeltaTable

from config.errors import NoDataError
from features.arrays import Float32s, Ints
from features.contract import (
    COMPRESSOR_ID,
    DATA_FAULTS,
    DATE,
    FEATURES,
    STATUS_FEATURES,
    STATUS_LEVELS,
    TIMESTAMP,
    WINDOW_STEP_HOURS,
    WINDOW_STEPS,
)
from features.sensor_health.fault import FaultTexts

_MICROSECOND = timedelta(microseconds=1)
_STEP = timedelta(hours=WINDOW_STEP_HOURS)
_GAP = timedelta(days=30)  # longer without a reading of the whole fleet ends a stretch
_STRAY_HOURS = 6  # a stretch in which no compressor has this many hours makes no window: it is a wrong clock
_MARK = "_mark"
_LEVEL_CODES = {level: float(code) for code, level in enumerate(STATUS_LEVELS)}


@dataclass(frozen=True)
class History:
    """Gold of a whole fleet, hour by hour.

    Compressors lie one below the other, each with the same hours.
    """

    values: Float32s  # [compressors x hours, features] memory map, NaN where missing
    compressor_ids: list[str]
    first_mark: datetime  # of every compressor
    hours: int

    def first_rows(self) -> Ints:
        """First row of each compressor -> [compressors]."""
        return np.arange(len(self.compressor_ids), dtype=np.int64) * self.hours

    def units_of(self, names: Iterable[str]) -> npt.NDArray[np.int32]:
        """Numbers of the compressors among `names`, ascending. Unknown names are left out."""
        return np.flatnonzero(np.isin(self.compressor_ids, list(names))).astype(np.int32)

    def hours_with_data(self, unit: int) -> Ints:
        """The hours in which a compressor has any value, ascending -> [n]."""
        first = unit * self.hours
        return np.flatnonzero(~np.isnan(np.asarray(self.values[first : first + self.hours])).all(axis=1))

    def mark(self, hour: int) -> datetime:
        """Time of the grid's row `hour` of a compressor."""
        return self.first_mark + hour * _STEP

    @property
    def last_mark(self) -> datetime:
        """Time of the last row of every compressor."""
        return self.mark(self.hours - 1)


@dataclass(frozen=True)
class Steps:
    """The last WINDOW_STEPS steps of some compressors before a moment."""

    compressor_ids: list[str]
    values: Float32s  # [compressors, steps, features], NaN where missing
    last_reading: list[datetime | None]  # newest gold row within the window
    faults: list[FaultTexts]  # by compressor, of the rows within the window


def encode(gold: pl.DataFrame) -> Float32s:
    """The 24 features of the contract, in its order -> [rows, features] float32.

    A status is 0, 1 or 2. Null is NaN.
    """
    columns = (
        pl.col(name).replace_strict(_LEVEL_CODES, default=None, return_dtype=pl.Float64) if name in STATUS_FEATURES else pl.col(name)
        for name in FEATURES
    )
    return gold.select(*columns).cast(pl.Float32).fill_null(float("nan")).to_numpy().astype(np.float32, copy=False)


def steps_before(gold: DeltaTable, compressor_ids: list[str], as_of: datetime) -> Steps:
    """The grid of each of `compressor_ids`, from gold in (as_of - 24 h, as_of].

    Partitions outside that range are not read.
    """
    start = as_of - WINDOW_STEPS * _STEP
    rows = (
        scan_with_faults(gold)
        .filter(pl.col(DATE) >= start.date(), pl.col(DATE) <= as_of.date(), pl.col(TIMESTAMP) > start, pl.col(TIMESTAMP) <= as_of)
        .filter(pl.col(COMPRESSOR_ID).is_in(compressor_ids))
        .with_columns(((pl.lit(as_of) - pl.col(TIMESTAMP)).dt.total_microseconds() // (_STEP // _MICROSECOND)).alias(_MARK))
        .sort(COMPRESSOR_ID, TIMESTAMP)
        .collect()
    )
    position = {compressor_id: number for number, compressor_id in enumerate(compressor_ids)}
    values = np.full((len(compressor_ids), WINDOW_STEPS, len(FEATURES)), np.nan, np.float32)
    steps = last_values(rows.lazy()).collect()
    unit = np.array([position[name] for name in steps[COMPRESSOR_ID]], np.int64)
    values[unit, WINDOW_STEPS - 1 - steps[_MARK].to_numpy()] = encode(steps)
    last_reading = dict(rows.group_by(COMPRESSOR_ID).agg(pl.col(TIMESTAMP).max()).iter_rows())
    faults = fault_texts(rows)
    return Steps(
        compressor_ids, values, [last_reading.get(name) for name in compressor_ids], [faults.get(name, []) for name in compressor_ids]
    )


def scan_with_faults(table: DeltaTable) -> pl.LazyFrame:
    """Silver or gold with its column of faults. Older tables lack it: then it is null."""
    scan = pl.scan_delta(table)
    if any(field.name == DATA_FAULTS for field in table.schema().fields):
        return scan
    return scan.with_columns(pl.lit(None, pl.String).alias(DATA_FAULTS))


def last_values(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The last value of each feature by compressor and mark, from rows in order of time."""
    last = (pl.col(name).drop_nulls().last() for name in FEATURES)
    return rows.group_by(COMPRESSOR_ID, _MARK, maintain_order=True).agg(*last)


def fault_texts(rows: pl.DataFrame) -> dict[str, FaultTexts]:
    """The texts of rows that name faults, by compressor, from rows in order of time."""
    found: dict[str, FaultTexts] = {}
    named = rows.select(COMPRESSOR_ID, pl.col(TIMESTAMP).dt.epoch("us"), DATA_FAULTS).drop_nulls(DATA_FAULTS)
    for compressor_id, moment, text in named.iter_rows():
        found.setdefault(compressor_id, []).append((moment, text))
    return found


def read_faults(gold: DeltaTable, until: datetime, hours: int) -> dict[str, FaultTexts]:
    """The fault texts of gold in the `hours` up to `until`, by compressor.

    Each text appears once, with the time of its last reading.
    """
    start = until - hours * _STEP
    rows = (
        scan_with_faults(gold)
        .filter(pl.col(DATE) >= start.date(), pl.col(DATE) <= until.date(), pl.col(TIMESTAMP) > start, pl.col(TIMESTAMP) <= until)
        .filter(pl.col(DATA_FAULTS).is_not_null())
        .group_by(COMPRESSOR_ID, DATA_FAULTS)
        .agg(pl.col(TIMESTAMP).max())
        .sort(COMPRESSOR_ID, TIMESTAMP, DATA_FAULTS)
    )
    return fault_texts(rows.collect())


def map_history(tables: Sequence[DeltaTable], folder: Path, until: datetime | None = None) -> History:
    """Lay out one or more gold tables, up to `until`, as a read-only memory map.

    One date partition is in memory at a time. The mapped file lies in `folder` and has no name: its space is
    freed when its last reader ends, even by a kill. A compressor in several tables is one machine. Stray
    readings far before or after all others are left out, because every hour between them would be laid out.
    Raises NoDataError when there is no row.
    """
    lazy = pl.concat([pl.scan_delta(gold) for gold in tables])
    if until is not None:
        lazy = lazy.filter(pl.col(DATE) <= until.astimezone(UTC).date(), pl.col(TIMESTAMP) <= until)
    lazy = _without_strays(lazy)
    extent = lazy.select(pl.col(TIMESTAMP).min().alias("first"), pl.col(TIMESTAMP).max().alias("last")).collect()
    first, last = extent["first"][0], extent["last"][0]
    if first is None:
        when = "" if until is None else f" up to {until:%Y-%m-%dT%H:%M:%S}"
        raise NoDataError(f"gold holds no rows{when}: run `altaviz features` first")
    compressor_ids = sorted(lazy.select(pl.col(COMPRESSOR_ID).unique()).collect()[COMPRESSOR_ID].to_list())
    first_mark, last_mark = _mark_of(first), _mark_of(last)
    hours = (last_mark - first_mark) // _STEP + 1
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        values = np.memmap(file, np.float32, "w+", shape=(len(compressor_ids) * hours, len(FEATURES)))
    for number in range(len(compressor_ids)):
        values[number * hours : (number + 1) * hours] = np.nan
    _lay_out(lazy, compressor_ids, first_mark, hours, values)
    values.flags.writeable = False
    return History(values, compressor_ids, first_mark, hours)


def _without_strays(lazy: pl.LazyFrame) -> pl.LazyFrame:
    """Gold from the first to the last stretch of days that can hold a window.

    If no stretch can, all of gold.
    """
    days = sorted(lazy.select(pl.col(DATE).unique()).collect()[DATE].to_list())
    starts = [day for number, day in enumerate(days) if not number or day - days[number - 1] > _GAP]
    if len(starts) < 2:
        return lazy
    ends = [max(day for day in days if day < later) for later in starts[1:]] + days[-1:]
    kept = [
        (start, end)
        for start, end in zip(starts, ends, strict=True)
        if _most_hours(lazy.filter(pl.col(DATE).is_between(start, end))) >= _STRAY_HOURS
    ]
    return lazy.filter(pl.col(DATE).is_between(kept[0][0], kept[-1][1])) if kept else lazy


def _most_hours(lazy: pl.LazyFrame) -> int:
    """Hours with a row, of the compressor that has most of them."""
    hours = lazy.group_by(COMPRESSOR_ID).agg(pl.col(TIMESTAMP).dt.truncate("1h").n_unique().alias("hours"))
    return int(hours.select(pl.col("hours").max()).collect().item() or 0)


def read_history(gold: DeltaTable, until: datetime, hours: int, only: Sequence[str] | None = None) -> History:
    """The `hours` clock hours that end at or before `until`, in memory.

    Holds all compressors, or those of `only`. Partitions outside are not read. Without any row there are no
    compressors.
    """
    last_mark = until.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first_mark = last_mark - (hours - 1) * _STEP
    start = first_mark - _STEP
    lazy = pl.scan_delta(gold).filter(
        pl.col(DATE) >= start.date(), pl.col(DATE) <= last_mark.date(), pl.col(TIMESTAMP) > start, pl.col(TIMESTAMP) <= last_mark
    )
    if only is not None:
        lazy = lazy.filter(pl.col(COMPRESSOR_ID).is_in(list(only)))
    compressor_ids = sorted(lazy.select(pl.col(COMPRESSOR_ID).unique()).collect()[COMPRESSOR_ID].to_list())
    values = np.full((len(compressor_ids) * hours, len(FEATURES)), np.nan, np.float32)
    _lay_out(lazy, compressor_ids, first_mark, hours, values)
    return History(values, compressor_ids, first_mark, hours)


def _lay_out(lazy: pl.LazyFrame, compressor_ids: list[str], first_mark: datetime, hours: int, values: Float32s) -> None:
    """Write the last values of each hour into `values` [compressors x hours, features].

    One date partition is in memory at a time.
    """
    codes = pl.DataFrame({COMPRESSOR_ID: compressor_ids, "_unit": np.arange(len(compressor_ids), dtype=np.int64)})
    # ascending: the reading at midnight has the mark of the day before and replaces its last values
    for day in sorted(lazy.select(pl.col(DATE).unique()).collect()[DATE].to_list()):
        rows = (
            lazy.filter(pl.col(DATE) == day)
            .with_columns((pl.col(TIMESTAMP) - pl.duration(microseconds=1)).dt.truncate("1h").dt.offset_by("1h").alias(_MARK))
            .sort(COMPRESSOR_ID, TIMESTAMP, maintain_order=True)  # of two tables with the same reading the later one counts
            .pipe(last_values)
            .collect()
            .join(codes, on=COMPRESSOR_ID, how="left", maintain_order="left")
        )
        hour = (rows[_MARK] - first_mark).dt.total_hours().to_numpy() // WINDOW_STEP_HOURS
        place, found = rows["_unit"].to_numpy() * hours + hour, encode(rows)
        values[place] = np.where(np.isnan(found), values[place], found)


def _mark_of(moment: datetime) -> datetime:
    """The clock hour at or after `moment`."""
    floor = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return floor if floor == moment else floor + _STEP
