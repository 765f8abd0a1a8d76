"""The one reader and writer of the Delta tables.

Every write is one atomic Delta commit and can be repeated. Bronze appends whole files that it does not hold
yet. Silver, rejects and gold replace exactly the recomputed interval of time. The commit itself records what
it was made from (`userMetadata`), so a crash leaves no second place behind.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from config.errors import InputError, NoDataError
from features.contract import DATE, TIMESTAMP

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

BRONZE = "bronze"
SILVER = "silver"
REJECTS = "rejects"
GOLD = "gold"
QUARANTINE = "quarantine"
COMPRESSORS = "compressors"
EVENTS = "maintenance_events"
TIME_SERIES_TABLES = (BRONZE, SILVER, REJECTS, GOLD)
_MAINTENANCE = ("OPTIMIZE", "VACUUM START", "VACUUM END")  # operations that change no row


@dataclass(frozen=True, order=True)
class Interval:
    """A closed interval of time [start, end], both UTC."""

    start: datetime
    end: datetime

    def predicate(self, date_column: str = DATE) -> str:
        """SQL that is true inside; the comparison of `date_column` lets Delta prune partitions."""
        first, last = self.start.astimezone(UTC).date(), self.end.astimezone(UTC).date()
        return (
            f"({date_column} >= DATE'{first}' AND {date_column} <= DATE'{last}'"
            f" AND {TIMESTAMP} >= TIMESTAMP'{sql_time(self.start)}' AND {TIMESTAMP} <= TIMESTAMP'{sql_time(self.end)}')"
        )


def sql_time(moment: datetime) -> str:
    """`moment` as SQL writes it, UTC."""
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="microseconds")


def any_of(intervals: Iterable[Interval], date_column: str = DATE) -> str:
    """SQL that is true inside one of the intervals."""
    return " OR ".join(interval.predicate(date_column) for interval in intervals) or "FALSE"


@dataclass(frozen=True)
class Lake:
    """The Delta tables below one root (a folder or an object-store URI)."""

    root: str

    def uri(self, table: str) -> str:
        """Location of `table`."""
        return f"{self.root.rstrip('/')}/{table}"

    def exists(self, table: str) -> bool:
        """Whether `table` has a Delta log."""
        return bool(DeltaTable.is_deltatable(self.uri(table)))

    def delta(self, table: str, version: int | None = None) -> DeltaTable:
        """The table for readers without a JVM, now or at a version.

        Raises NoDataError when the table does not exist. Raises delta-rs' DeltaError when it has no such
        version any more.
        """
        try:
            return DeltaTable(self.uri(table), version=version)
        except TableNotFoundError:
            if version is not None and self.exists(table):
                raise
            raise NoDataError(f"there is no table {table!r} under {self.root}: run `altaviz ingest` and `altaviz features` first") from None

    def version(self, table: str) -> int:
        """Newest Delta version of `table`. Raises NoDataError when it does not exist."""
        return int(self.delta(table).version())

    def columns(self, table: str) -> list[str]:
        """Columns of the newest version; none when the table does not exist."""
        return [field.name for field in self.delta(table).schema().fields] if self.exists(table) else []

    def row_count(self, table: str) -> int:
        """Rows of the newest version, from the log alone. 0 without the table."""
        if not self.exists(table):
            return 0
        actions = self.delta(table).get_add_actions(flatten=True)
        return int(sum(actions.column("num_records").to_pylist()))

    def rows_by_date(self, table: str) -> dict[date, int]:
        """Rows of the newest version by value of DATE, from the log alone.

        Rows without a date are left out. Raises NoDataError without the table.
        """
        actions = self.delta(table).get_add_actions(flatten=True)
        found: dict[date, int] = {}
        for day, rows in zip(actions.column(f"partition.{DATE}").to_pylist(), actions.column("num_records").to_pylist(), strict=True):
            if day is not None and rows:
                found[day] = found.get(day, 0) + int(rows)
        return found

    def newest_reading(self) -> datetime | None:
        """Time of the newest row of gold, None when it is empty. Raises NoDataError when it does not exist."""
        moment: datetime | None = pl.scan_delta(self.delta(GOLD)).select(pl.col(TIMESTAMP).max()).collect().item()
        return moment

    def commits(self, table: str) -> list[dict[str, Any]]:
        """Commits of `table` that can change rows, newest first.

        Each has `version` and `metadata`, as given to the writer. `metadata` is None if another program wrote
        it.
        """
        if not self.exists(table):
            return []
        found = []
        for entry in self.delta(table).history():
            if entry["operation"] not in _MAINTENANCE:
                text = entry.get("userMetadata")
                found.append({"version": int(entry["version"]), "metadata": json.loads(text) if text else None})
        return found

    def read(self, spark: SparkSession, table: str, *, version: int | None = None, as_of: datetime | None = None) -> DataFrame:
        """`table` as a Spark frame, now or at an earlier version or time (time travel).

        Raises NoDataError when the table does not exist. Raises InputError when that version or time is gone.
        """
        if not self.exists(table):
            self.delta(table)
        reader = spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        if as_of is not None:
            reader = reader.option("timestampAsOf", sql_time(as_of))
        try:
            return reader.load(self.uri(table))
        except Exception as error:
            if version is None and as_of is None:
                raise
            place = f"version {version}" if version is not None else f"time {as_of:%Y-%m-%dT%H:%M:%S}"
            reason = str(error).strip().splitlines()[0][:200]
            raise InputError(f"{table} cannot be read at {place}: {reason}; `DESCRIBE HISTORY` lists what is left after a vacuum") from None

    def append(self, frame: DataFrame, table: str, *, partition_by: str, metadata: dict[str, Any]) -> None:
        """Append `frame`. New columns are added to the table's schema."""
        writer = frame.write.format("delta").mode("append").option("mergeSchema", "true").partitionBy(partition_by)
        writer.option("userMetadata", json.dumps(metadata)).save(self.uri(table))

    def replace(self, frame: DataFrame, table: str, *, partition_by: str, metadata: dict[str, Any], where: str | None = None) -> None:
        """Replace the rows where `where` holds by `frame`, in one commit. None replaces all rows."""
        writer = frame.write.format("delta").mode("overwrite").partitionBy(partition_by).option("userMetadata", json.dumps(metadata))
        writer = writer.option("replaceWhere", where) if where and self.exists(table) else writer.option("overwriteSchema", "true")
        writer.save(self.uri(table))

    def optimize(self, spark: SparkSession, table: str) -> dict[str, int]:
        """Compact small files; rows stay the same. Returns files removed and added."""
        metrics = spark.sql(f"OPTIMIZE delta.`{self.uri(table)}`").first()
        return {"files_removed": int(metrics["metrics"]["numFilesRemoved"]), "files_added": int(metrics["metrics"]["numFilesAdded"])}

    def vacuum(self, spark: SparkSession, table: str, retention_hours: int) -> None:
        """Delete files that no version of the last `retention_hours` needs.

        Older versions cannot be read afterwards.
        """
        spark.sql(f"VACUUM delta.`{self.uri(table)}` RETAIN {retention_hours} HOURS")


def merge_intervals(intervals: Sequence[Interval], most: int) -> list[Interval]:
    """Disjoint, ascending intervals that cover the given ones.

    The closest are joined until at most `most` are left.
    """
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    while len(merged) > most:
        gaps = [after.start - before.end for before, after in itertools.pairwise(merged)]
        closest = gaps.index(min(gaps))
        merged[closest : closest + 2] = [Interval(merged[closest].start, merged[closest + 1].end)]
    return merged
