"""The newest rows of gold, kept in memory, so that a request for recent windows reads no file.

The steps equal those of `features.grid.steps_before`, bit for bit. That function reads from the table what memory does not hold.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from deltalake import DeltaTable

from config.sections.serving import GoldSection
from features.arrays import Float32s
from features.contract import COMPRESSOR_ID, DATA_FAULTS, DATE, FEATURES, TIMESTAMP, WINDOW_STEP_HOURS, WINDOW_STEPS
from features.grid import History, Steps, encode, fault_texts, read_history, scan_with_faults, steps_before
from features.reference_tables.taking_back import in_force
from features.sensor_health.fault import FaultTexts
from serving.prediction.predictor import GoldSource, first_reading, read_past, source_of
from serving.prediction.reference_day import PAST_HOURS

ReadT = TypeVar("ReadT")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_STEP: Final = timedelta(hours=WINDOW_STEP_HOURS)
_STEP_US: Final = _STEP // _MICROSECOND
_WINDOW: Final = WINDOW_STEPS * _STEP


@dataclass(frozen=True)
class Rows:
    """Gold rows of one compressor, oldest first."""

    times: npt.NDArray[np.int64]  # [rows] microseconds since 1970, UTC
    values: Float32s  # [rows, features], NaN where missing
    faults: FaultTexts


@dataclass(frozen=True)
class GoldVersion:
    """One version of gold, its newest rows in memory."""

    table: DeltaTable = field(repr=False)
    version: int
    since: datetime | None  # rows after this moment are in memory; None: none are
    rows: dict[str, Rows] = field(repr=False)

    @cached_property
    def source(self) -> GoldSource:
        """The version of gold that a prediction records."""
        return source_of(self.table)

    @cached_property
    def first_reading(self) -> datetime | None:
        """Time of the oldest row, None when there is none."""
        return first_reading(self.table)

    @cached_property
    def newest_reading(self) -> datetime | None:
        """Time of the newest row, None when there is none."""
        return _newest_reading(self.table)

    def steps(self, compressor_ids: list[str], as_of: datetime) -> Steps:
        """`features.grid.steps_before` of this version."""
        if self.since is None or as_of - _WINDOW < self.since:
            return steps_before(self.table, compressor_ids, as_of)
        end = (as_of - _EPOCH) // _MICROSECOND
        values = np.full((len(compressor_ids), WINDOW_STEPS, len(FEATURES)), np.nan, np.float32)
        newest: list[datetime | None] = [None] * len(compressor_ids)
        faults: list[FaultTexts] = [[] for _ in compressor_ids]
        for unit, compressor_id in enumerate(compressor_ids):
            found = self.rows.get(compressor_id)
            if found is None:
                continue
            first, last = found.times.searchsorted([end - WINDOW_STEPS * _STEP_US, end], side="right")
            if first == last:
                continue
            steps = WINDOW_STEPS - 1 - (end - found.times[first:last]) // _STEP_US  # [rows] ascending
            _put_last_values(values[unit], steps, found.values[first:last])
            newest[unit] = _EPOCH + int(found.times[last - 1]) * _MICROSECOND
            faults[unit] = [item for item in found.faults if end - WINDOW_STEPS * _STEP_US < item[0] <= end]
        return Steps(compressor_ids, values, newest, faults)

    def past(self, compressor_ids: list[str], as_of: datetime) -> History:
        """At least the rows of `serving.prediction.predictor.read_past`. Near the newest reading, the cached rows of all compressors."""
        if self.since is None or as_of - _WINDOW < self.since:
            return read_past(self.table, compressor_ids, as_of)
        return self._hourly

    @cached_property
    def _hourly(self) -> History:
        """The clock hours before a moment that `steps` answers from memory."""
        newest = _EPOCH + int(max(rows.times[-1] for rows in self.rows.values())) * _MICROSECOND
        kept = -((self.since - newest) // _STEP) if self.since else 0
        return read_history(self.table, newest, PAST_HOURS + kept)


def _put_last_values(window: Float32s, steps: npt.NDArray[np.int64], rows: Float32s) -> None:
    """Write each feature's last value of each step into `window` [steps, features].

    The `rows` are [n, features], and their `steps` [n] ascend.
    """
    number = np.arange(len(rows))[:, None]
    newest = np.maximum.accumulate(np.where(np.isnan(rows), -1, number), axis=0)  # [n, features] row of the last value so far
    begins = np.append(True, steps[1:] != steps[:-1])
    first = np.maximum.accumulate(np.where(begins, number[:, 0], 0))[:, None]
    last = np.flatnonzero(np.append(begins[1:], True))
    found = newest[last] >= first[last]
    window[steps[last]] = np.where(found, np.take_along_axis(rows, np.maximum(newest[last], 0), axis=0), np.nan)


@dataclass(frozen=True)
class KnownCompressors:
    """The compressors of one version of the reference table, by id."""

    version: int
    compressor_ids: list[str]


class VersionCache(Generic[ReadT]):
    """The content of a table's newest version, shared by threads. One thread reads a new version while the others wait."""

    def __init__(
        self,
        open_table: Callable[[], DeltaTable],
        read: Callable[[DeltaTable], ReadT],
        check_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The newest version is opened by `open_table`, which may raise NoDataError without a table. One version is passed to `read`."""
        self._open_table = open_table
        self._read = read
        self._check_s = check_s
        self._clock = clock
        self._lock = threading.Lock()
        self._watched: DeltaTable | None = None
        self._current: tuple[int, ReadT] | None = None
        self._next_look = 0.0

    def current(self) -> ReadT:
        """The content of the newest version, by the last check of the table's log. Raises what `open_table` and `read` raise."""
        with self._lock:
            if self._current is None or self._clock() >= self._next_look:
                self._current = self._look()
                self._next_look = self._clock() + self._check_s
            return self._current[1]

    @property
    def version(self) -> int | None:
        """The version that `current` gave last; None where there is none."""
        with self._lock:  # an update under way drops the version first
            return None if self._current is None else self._current[0]

    def _look(self) -> tuple[int, ReadT]:
        seen, self._current = self._current, None  # also if the update fails: then no version is cached
        if self._watched is not None:
            try:
                self._watched.update_incremental()
            except Exception:  # replaced or removed meanwhile; delta-rs raises several types
                seen, self._watched = None, None
        if self._watched is None:
            self._watched = self._open_table()
        version = int(self._watched.version())
        if seen is not None and seen[0] == version:
            return seen
        del seen  # else two versions would be in memory at once
        return version, self._read(DeltaTable(self._watched.table_uri, version=version))  # a separate object stays at this version


def read_fleet(table: DeltaTable) -> KnownCompressors:
    """Every compressor in service: the retired ones are not scored."""
    ids = in_force(pl.read_delta(table))[COMPRESSOR_ID].sort()
    return KnownCompressors(int(table.version()), ids.to_list())


def read_newest(table: DeltaTable, keep: GoldSection) -> GoldVersion:
    """The rows of the last `keep.hours` before the newest reading, at most `keep.most_rows` of them."""
    version = int(table.version())
    newest = _newest_reading(table)
    if newest is None:
        return GoldVersion(table, version, None, {})
    since = newest - timedelta(hours=keep.hours)
    if sum(_rows_by_date(table, since.strftime("%Y-%m-%d")).values()) > keep.most_rows:
        return GoldVersion(table, version, None, {})
    frame = (
        scan_with_faults(table)
        .filter(pl.col(DATE) >= since.date(), pl.col(TIMESTAMP) > since)
        .select(COMPRESSOR_ID, TIMESTAMP, *FEATURES, DATA_FAULTS)
        .sort(COMPRESSOR_ID, TIMESTAMP)
        .collect()
    )
    times = frame[TIMESTAMP].dt.epoch("us").to_numpy()
    values = encode(frame)
    faults = fault_texts(frame)
    lengths = frame.group_by(COMPRESSOR_ID, maintain_order=True).len()
    ends = lengths["len"].cum_sum().to_list()
    return GoldVersion(
        table,
        version,
        since,
        {
            compressor_id: Rows(times[end - length : end], values[end - length : end], faults.get(compressor_id, []))
            for (compressor_id, length), end in zip(lengths.iter_rows(), ends, strict=True)
        },
    )


def _newest_reading(table: DeltaTable) -> datetime | None:
    days = _rows_by_date(table, "")
    if not days:
        return None
    newest: datetime | None = (
        pl.scan_delta(table).filter(pl.col(DATE) == pl.lit(max(days)).str.to_date()).select(pl.col(TIMESTAMP).max()).collect().item()
    )
    return newest


def _rows_by_date(table: DeltaTable, since: str) -> dict[str, int]:
    """Rows by date (ISO text), from the log alone, without dates before `since`."""
    actions = table.get_add_actions(flatten=True)
    found: dict[str, int] = {}
    for day, rows in zip(actions.column(f"partition.{DATE}").to_pylist(), actions.column("num_records").to_pylist(), strict=True):
        if day is not None and rows and str(day) >= since:
            found[str(day)] = found.get(str(day), 0) + int(rows)
    return found
