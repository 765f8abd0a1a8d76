"""What Spark's Python workers run: Arrow batches in, Arrow batches out, numpy in between.

Partitions must hold whole compressors, ascending by time. This module imports little, because every worker imports it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.etl import OutlierConfig
from features.contract import (
    COMPRESSOR_ID,
    DISCHARGE_PRESSURE,
    DISCHARGE_TEMP,
    REASON,
    ROLLING_FEATURES,
    SENSORS,
    SPIKE_PREFIX,
    SUCTION_PRESSURE,
    TEMP_DELTA,
    TIMESTAMP,
    VIBRATION,
)
from features.rolling import FloatArray, IntArray, group_starts, rolling_features
from features.spikes import find_isolated_spikes

ROLLED_SENSORS = (VIBRATION, DISCHARGE_TEMP, SUCTION_PRESSURE, DISCHARGE_PRESSURE)
ROLLED_FEATURES = (*(feature.name for feature in ROLLING_FEATURES), TEMP_DELTA)


def judge_spikes(batches: Iterator[pa.RecordBatch], config: OutlierConfig, rows_per_chunk: int) -> Iterator[pa.RecordBatch]:
    """Add one verdict column per sensor (true: an isolated spike). Rows that were rejected are no evidence and get no verdict."""
    for table in whole_compressors(batches, rows_per_chunk):
        rows = np.flatnonzero(table[REASON].is_null().to_numpy())
        group, time_us = compressor_codes(table)[rows], timestamps_us(table)[rows]
        for sensor in SENSORS:
            verdict = np.zeros(len(table), np.bool_)
            verdict[rows] = find_isolated_spikes(group, time_us, float_column(table, sensor)[rows], config)
            table = table.append_column(f"{SPIKE_PREFIX}{sensor}", pa.array(verdict))
        yield from table.to_batches()


def roll_features(batches: Iterator[pa.RecordBatch], delta_tolerance_s: float, rows_per_chunk: int) -> Iterator[pa.RecordBatch]:
    """Add ROLLED_FEATURES to batches that hold ROLLED_SENSORS."""
    for table in whole_compressors(batches, rows_per_chunk):
        sensors = {sensor: float_column(table, sensor) for sensor in ROLLED_SENSORS}
        features = rolling_features(compressor_codes(table), timestamps_us(table), sensors, delta_tolerance_s)
        for name in ROLLED_FEATURES:
            table = table.append_column(name, pa.array(features[name], from_pandas=True))  # NaN -> null
        yield from table.to_batches()


def whole_compressors(batches: Iterator[pa.RecordBatch], rows_per_chunk: int) -> Iterator[pa.Table]:
    """Regroup a sorted stream of batches into tables of whole compressors with at least `rows_per_chunk` rows (the last may have fewer)."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        if len(batch) == 0:
            continue
        if rows >= rows_per_chunk:
            last = waiting[-1][COMPRESSOR_ID][-1].as_py() if waiting else None
            same = _leading_rows(batch, last) if waiting else 0
            if waiting and same < len(batch):
                yield pa.Table.from_batches([*waiting, batch.slice(0, same)])
                waiting, rows = [], 0
                batch = batch.slice(same)
        waiting.append(batch)
        rows += len(batch)
    if waiting:
        yield pa.Table.from_batches(waiting)


def _leading_rows(batch: pa.RecordBatch, compressor_id: str | None) -> int:
    """Rows at the head of `batch` that belong to `compressor_id`."""
    same = batch[COMPRESSOR_ID].is_null() if compressor_id is None else pc.fill_null(pc.equal(batch[COMPRESSOR_ID], compressor_id), False)
    differing = np.flatnonzero(~same.to_numpy(zero_copy_only=False))
    return int(differing[0]) if len(differing) else len(batch)


def compressor_codes(table: pa.Table) -> IntArray:
    """One number per run of equal compressor ids -> [n], ascending."""
    ids = (
        pc.fill_null(table[COMPRESSOR_ID].combine_chunks().dictionary_encode().indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    )
    codes = np.zeros(len(ids), np.int64)
    codes[group_starts(ids)] = 1
    numbered: IntArray = np.cumsum(codes) - 1
    return numbered


def timestamps_us(table: pa.Table) -> IntArray:
    """Timestamps as microseconds since the epoch -> [n]; 0 where missing."""
    microseconds: IntArray = pc.fill_null(table[TIMESTAMP].cast(pa.int64()), 0).to_numpy()
    return microseconds


def float_column(table: pa.Table, name: str) -> FloatArray:
    """A column of numbers as float64 with NaN for null -> [n]."""
    values: FloatArray = table[name].to_numpy().astype(np.float64, copy=False)
    return values
