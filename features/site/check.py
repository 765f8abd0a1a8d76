"""Counts what a folder of readings would become, without writing anything.

It counts ranges, words, and rows that silver would refuse.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl
import pyarrow as pa

from config.sections.thresholds import ThresholdsConfig
from config.site.units import CONTRACT_UNITS
from features.contract import (
    ALL_SENSORS_NULL,
    COMPRESSOR_ID,
    DUPLICATE,
    FUTURE_TIMESTAMP,
    IMPLAUSIBLE_TIMESTAMP,
    MISSING_COMPRESSOR_ID,
    MISSING_TIMESTAMP,
    SENSORS,
    TIMESTAMP,
    UNKNOWN_COMPRESSOR,
)


@dataclass(frozen=True)
class RowRules:
    """What silver requires of a row: a known compressor, and a time within limits."""

    compressors: frozenset[str]
    earliest: datetime
    latest: datetime


@dataclass
class ValueRange:
    """Values of one column in the contract's unit."""

    values: int = 0
    missing: int = 0
    low: float | None = None
    high: float | None = None
    impossible: int = 0  # outside the physical range: nulled by silver

    def add(self, column: pl.Series, physical: tuple[float, float] | None) -> None:
        """Count one more batch."""
        present = column.drop_nulls().drop_nans()
        self.values += len(present)
        self.missing += len(column) - len(present)
        if present.is_empty():
            return
        low, high = float(present.min()), float(present.max())  # type: ignore[arg-type]
        self.low = low if self.low is None else min(low, self.low)
        self.high = high if self.high is None else max(high, self.high)
        if physical is not None:
            self.impossible += int((~present.is_between(*physical)).sum())


@dataclass
class FolderCheck:
    """Counts over all readable files."""

    rules: RowRules
    thresholds: ThresholdsConfig
    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    compressors: Counter[str] = field(default_factory=Counter)
    ranges: dict[str, ValueRange] = field(default_factory=lambda: {name: ValueRange() for name in CONTRACT_UNITS})
    keys: list[pl.DataFrame] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count one batch of a readable file."""
        frame = pl.DataFrame(batch)
        self.rows += frame.height
        for name, column in self.ranges.items():
            physical = self.thresholds.sensors[name].physical if name in SENSORS else None
            column.add(frame[name], None if physical is None else (physical.low, physical.high))
        for unit, count in frame[COMPRESSOR_ID].drop_nulls().value_counts().iter_rows():
            self.compressors[unit] += count
        reason = (
            pl.when(pl.col(COMPRESSOR_ID).is_null())
            .then(pl.lit(MISSING_COMPRESSOR_ID))
            .when(pl.col(TIMESTAMP).is_null())
            .then(pl.lit(MISSING_TIMESTAMP))
            .when(pl.col(TIMESTAMP) < self.rules.earliest)
            .then(pl.lit(IMPLAUSIBLE_TIMESTAMP))
            .when(~pl.col(COMPRESSOR_ID).is_in(sorted(self.rules.compressors)))
            .then(pl.lit(UNKNOWN_COMPRESSOR))
            .when(pl.col(TIMESTAMP) > self.rules.latest)
            .then(pl.lit(FUTURE_TIMESTAMP))
            .when(pl.all_horizontal(pl.col(name).is_null() for name in SENSORS))
            .then(pl.lit(ALL_SENSORS_NULL))
        )
        judged = frame.select(COMPRESSOR_ID, TIMESTAMP, reason.alias("reason"))
        for name, count in judged["reason"].drop_nulls().value_counts().iter_rows():
            self.refused[name] += count
        self.keys.append(judged.filter(pl.col("reason").is_null()).select(COMPRESSOR_ID, TIMESTAMP))

    def facts(self) -> dict[str, Any]:
        """The counts, as JSON values.

        Keys: `rows`, `rows_refused` {reason: rows}, `compressors` {id: rows} and `columns` {sensor: its range
        and the normal one}. Rows that share compressor and time with an earlier one count as duplicates.
        Silver lets them complete each other first.
        """
        refused = Counter(self.refused)
        if self.keys:
            keys = pl.concat(self.keys)
            refused[DUPLICATE] = keys.height - keys.n_unique()
        columns = {}
        for name, found in self.ranges.items():
            normal = self.thresholds.sensors[name].normal if name in SENSORS else None
            columns[name] = {
                "unit": CONTRACT_UNITS[name],
                "values": found.values,
                "missing": found.missing,
                "low": found.low,
                "high": found.high,
                "normal": None if normal is None else [normal.low, normal.high],
                "impossible": found.impossible,
            }
        return {
            "rows": self.rows,
            "rows_refused": {name: count for name, count in refused.items() if count},
            "compressors": dict(sorted(self.compressors.items())),
            "columns": columns,
        }
