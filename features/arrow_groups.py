"""Arrow batches of readings, sorted by compressor and time, as tables of whole compressors and numpy columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.contract import COMPRESSOR_ID, TIMESTAMP
from features.rolling import FloatArray, IntArray, group_starts


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
    ids = pc.fill_null(table[COMPRESSOR_ID].combine_chunks().dictionary_encode().indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    codes = np.zeros(len(ids), np.int64)
    codes[group_starts(ids)] = 1
    return np.cumsum(codes) - 1


def timestamps_us(table: pa.Table) -> IntArray:
    """Timestamps as microseconds since the epoch -> [n]; 0 where missing."""
    return pc.fill_null(table[TIMESTAMP].cast(pa.int64()), 0).to_numpy()


def float_column(table: pa.Table, name: str) -> FloatArray:
    """A column of numbers as float64 with NaN for null -> [n]."""
    return table[name].to_numpy().astype(np.float64, copy=False)
