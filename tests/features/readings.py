"""Builds readings for tests: healthy by default, so that a test spells out only what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from features.contract import COMPRESSOR_ID, TIMESTAMP
from features.intake import READING_TYPES
from features.lake import Lake
from features.reference_tables.tables import COMPRESSOR_SCHEMA

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
LOADED_AT = datetime(2026, 4, 1, tzinfo=UTC)
HEALTHY: dict[str, float] = {
    "vibration_mms": 3.0,
    "discharge_temp_f": 200.0,
    "suction_pressure_psi": 60.0,
    "discharge_pressure_psi": 1000.0,
    "horsepower_consumption": 1400.0,
    "gas_flow_mcf": 10000.0,
    "operating_hours": 100.0,
}
READING_SCHEMA = pa.schema(list(READING_TYPES.items()))


def reading(minute: float | None = 0, compressor_id: str | None = "C-1", **values: float | None) -> dict[str, Any]:
    """One healthy reading, `minute` after Monday midnight (None: without a timestamp)."""
    timestamp = None if minute is None else MONDAY + timedelta(minutes=minute)
    return {COMPRESSOR_ID: compressor_id, TIMESTAMP: timestamp, **HEALTHY, **values}


def series(
    values: Iterable[float | None], sensor: str = "vibration_mms", compressor_id: str = "C-1", step: int = 10
) -> list[dict[str, Any]]:
    """Readings `step` minutes apart that take `values` in one sensor."""
    return [reading(step * position, compressor_id, **{sensor: value}) for position, value in enumerate(values)]


def reading_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=READING_SCHEMA)


def write_readings(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(reading_table(rows), path)
    return path


def noisy_fleet(compressors: int, days: int, step: int = 30, seed: int = 3) -> list[dict[str, Any]]:
    """Readings with noise, gaps, nulls, spikes and physically impossible values, ordered by time."""
    random = np.random.default_rng(seed)
    rows = []
    for minute in range(0, days * 1440, step):
        for number in range(1, compressors + 1):
            if random.random() < 0.03:
                continue
            values: dict[str, float | None] = {sensor: round(level * random.normal(1, 0.03), 3) for sensor, level in HEALTHY.items()}
            for sensor in ("vibration_mms", "discharge_temp_f", "discharge_pressure_psi"):
                drawn = random.random()
                if drawn < 0.02:
                    values[sensor] = None
                elif drawn < 0.03:
                    values[sensor] = HEALTHY[sensor] * 2
                elif drawn < 0.035:
                    values[sensor] = -500.0
            rows.append(reading(minute + number / 7, f"C-{number}", **values))
    return rows


def compressors(*ids: str, model: str = "Ajax DPC-360", station_id: str = "STATION-A") -> pl.DataFrame:
    """Metadata of compressors that differ in nothing but their name."""
    rows = [(name, model, 1340.0, datetime(2020, 1, 1).date(), station_id) for name in ids]
    return pl.DataFrame(rows, schema=COMPRESSOR_SCHEMA, orient="row")


def stored(lake: Lake, table: str, *left_out: str) -> pl.DataFrame:
    """All rows of a Delta table in an order that depends on nothing but their content."""
    frame = pl.read_delta(lake.uri(table)).drop(*left_out, strict=False)
    return frame.select(sorted(frame.columns)).sort(pl.all(), nulls_last=True)


def assert_same_tables(left: Lake, right: Lake, tables: Iterable[str], *left_out: str) -> None:
    """Both lakes hold the same rows, bit for bit, in every column but `left_out`."""
    for table in tables:
        ours, theirs = stored(left, table, *left_out), stored(right, table, *left_out)
        assert ours.height == theirs.height, table
        assert ours.equals(theirs), f"{table}: {ours.join(theirs, on=ours.columns, how='anti', nulls_equal=True).head(3)}"
