"""Code that Spark's Python workers run: Arrow batches in and out, numpy in between.

Partitions must hold whole compressors, ascending by time. Every worker imports this module, so it imports
little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from config.sections.etl import OutlierConfig
from features.arrays import Doubles, Ints
from features.contract import (
    COMPRESSOR_ID,
    DATA_FAULTS,
    DISCHARGE_PRESSURE,
    DISCHARGE_TEMP,
    DUPLICATE,
    FLAGGED_BAD_SENSORS,
    ISOLATED_SPIKE,
    MERGED,
    OPERATING_HOURS,
    OUT_OF_RANGE,
    RAW_PREFIX,
    REASON,
    ROLLING_FEATURES,
    SENSOR_FAULTS,
    SENSORS,
    SUCTION_PRESSURE,
    TEMP_DELTA,
    TIMESTAMP,
    VERDICT_PREFIX,
    VIBRATION,
)
from features.merging import MergedRows, merge_rows
from features.rolling import group_starts, rolling_features
from features.sensor_health.fault import decode_faults
from features.sensor_health.find import FoundFaults, Known, find_faults
from features.sensor_health.readings import SensorReadings
from features.sensor_health.settings import HealthRules
from features.spikes import find_isolated_spikes

ROLLED_SENSORS = (VIBRATION, DISCHARGE_TEMP, SUCTION_PRESSURE, DISCHARGE_PRESSURE)
_REFUSALS = (OUT_OF_RANGE, *SENSOR_FAULTS, ISOLATED_SPIKE)  # why a value is refused
ROLLED_FEATURES = (*(feature.name for feature in ROLLING_FEATURES), TEMP_DELTA)


@dataclass(frozen=True)
class JudgeRules:
    """The rules that values are judged by.

    `known` are faults by compressor: (moment in us, text of contract.DATA_FAULTS), oldest first.
    """

    outliers: OutlierConfig
    health: HealthRules
    known: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)


def judge_readings(batches: Iterator[pa.RecordBatch], rules: JudgeRules, rows_per_chunk: int) -> Iterator[pa.RecordBatch]:
    """Merge rows of one compressor and time, and refuse bad values.

    Input columns are RAW_PREFIX + sensor, OPERATING_HOURS, FLAGGED_BAD_SENSORS and REASON. Rows ascend by
    compressor, time and loading. Rows with a reason are no evidence and stay as they are. Added columns are
    the sensors with refused values nulled, VERDICT_PREFIX + sensor (why a value is refused) and DATA_FAULTS.
    """
    for table in whole_compressors(batches, rows_per_chunk):
        yield from _judge(table, rules).to_batches()


def _judge(table: pa.Table, rules: JudgeRules) -> pa.Table:
    rows = np.flatnonzero(table[REASON].is_null().to_numpy())
    group, time_us = compressor_codes(table), timestamps_us(table)
    merged = merge_rows(
        group[rows],
        time_us[rows],
        {sensor: float_column(table, f"{RAW_PREFIX}{sensor}")[rows] for sensor in SENSORS},
        float_column(table, OPERATING_HOURS)[rows],
        _flagged(table, rows),
    )
    kept = rows[merged.kept]
    readings = SensorReadings(group[kept], time_us[kept], merged.values, merged.flagged)
    found = find_faults(readings, rules.health, _known_by_code(table, group, rules.known))
    table = _with_reasons(table, rows, merged)
    for sensor in SENSORS:
        bands, name = rules.health.sensors[sensor], f"{RAW_PREFIX}{sensor}"
        raw = float_column(table, name).copy()
        raw[kept] = merged.values[sensor]
        possible = np.where((raw >= bands.physical_low) & (raw <= bands.physical_high), raw, np.nan)
        codes = np.full(len(table), -1, np.int8)
        codes[kept[find_isolated_spikes(readings.group, readings.time_us, possible[kept], rules.outliers)]] = _REFUSALS.index(
            ISOLATED_SPIKE
        )
        for fault in SENSOR_FAULTS if sensor in found.verdicts else ():
            codes[kept[found.refused(sensor, fault)]] = _REFUSALS.index(fault)
        codes[np.isnan(possible)] = -1  # MISSING refuses nothing
        codes[np.isnan(possible) & ~np.isnan(raw)] = _REFUSALS.index(OUT_OF_RANGE)
        possible[codes >= 0] = np.nan
        table = table.set_column(table.column_names.index(name), name, pa.array(raw, from_pandas=True))
        table = table.append_column(sensor, pa.array(possible, from_pandas=True))
        table = table.append_column(f"{VERDICT_PREFIX}{sensor}", _in_words(codes))
    return table.append_column(DATA_FAULTS, _texts(found, kept, len(table)))


def _in_words(codes: NDArray[np.int8]) -> pa.Array:
    """The reasons by their place in _REFUSALS, null for -1 -> [n]."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(_REFUSALS)).cast(pa.string())


def _texts(found: FoundFaults, kept: Ints, rows: int) -> pa.Array:
    """The faults of the rows `kept`, null for the others -> [rows]."""
    if not found.faults:
        return pa.nulls(rows, pa.string())
    texts = np.full(rows, None, object)
    texts[kept] = found.texts()
    return pa.array(texts, pa.string())


def _with_reasons(table: pa.Table, rows: Ints, merged: MergedRows) -> pa.Table:
    """`table` with operating hours completed, and a reason for every row merged into another."""
    reasons = table[REASON].to_numpy().copy()
    reasons[rows[merged.duplicates]] = DUPLICATE
    reasons[rows[merged.contributed]] = MERGED
    hours = float_column(table, OPERATING_HOURS).copy()
    hours[rows[merged.kept]] = merged.operating_hours
    table = table.set_column(table.column_names.index(REASON), REASON, pa.array(reasons, pa.string()))
    return table.set_column(table.column_names.index(OPERATING_HOURS), OPERATING_HOURS, pa.array(hours, from_pandas=True))


def _flagged(table: pa.Table, rows: Ints) -> dict[str, NDArray[np.bool_]]:
    """Which of `rows` the source flags as bad, by sensor. Sensors without such a row are left out."""
    named = table[FLAGGED_BAD_SENSORS]
    if named.null_count == len(table):
        return {}
    lists = pc.split_pattern(pc.fill_null(named.combine_chunks(), ""), ",")
    flagged = {}
    for sensor in SENSORS:
        holding = np.array([sensor in names for names in lists.to_pylist()], np.bool_)[rows]
        if holding.any():
            flagged[sensor] = holding
    return flagged


def _known_by_code(table: pa.Table, group: Ints, known: Mapping[str, Sequence[tuple[int, str]]]) -> Known:
    """The known faults of each compressor of `table`, by its code."""
    if not known:
        return {}
    starts = group_starts(group)
    names = table[COMPRESSOR_ID].take(pa.array(starts)).to_pylist()
    return {
        int(group[start]): [(moment, decode_faults(text)) for moment, text in known[name]]
        for name, start in zip(names, starts.tolist(), strict=True)
        if name in known
    }


def roll_features(batches: Iterator[pa.RecordBatch], delta_tolerance_s: float, rows_per_chunk: int) -> Iterator[pa.RecordBatch]:
    """Add ROLLED_FEATURES to batches that hold ROLLED_SENSORS."""
    for table in whole_compressors(batches, rows_per_chunk):
        sensors = {sensor: float_column(table, sensor) for sensor in ROLLED_SENSORS}
        features = rolling_features(compressor_codes(table), timestamps_us(table), sensors, delta_tolerance_s)
        for name in ROLLED_FEATURES:
            table = table.append_column(name, pa.array(features[name], from_pandas=True))  # NaN -> null
        yield from table.to_batches()


def whole_compressors(batches: Iterator[pa.RecordBatch], rows_per_chunk: int) -> Iterator[pa.Table]:
    """Regroup a sorted stream of batches into tables of whole compressors.

    Each has at least `rows_per_chunk` rows; the last may have fewer.
    """
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


def compressor_codes(table: pa.Table) -> Ints:
    """One number per run of equal compressor ids -> [n], ascending."""
    ids = (
        pc.fill_null(table[COMPRESSOR_ID].combine_chunks().dictionary_encode().indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    )
    codes = np.zeros(len(ids), np.int64)
    codes[group_starts(ids)] = 1
    numbered: Ints = np.cumsum(codes) - 1
    return numbered


def timestamps_us(table: pa.Table) -> Ints:
    """Timestamps as microseconds since the epoch -> [n]; 0 where missing."""
    microseconds: Ints = pc.fill_null(table[TIMESTAMP].cast(pa.int64()), 0).to_numpy()
    return microseconds


def float_column(table: pa.Table, name: str) -> Doubles:
    """A column of numbers as float64 with NaN for null -> [n]."""
    values: Doubles = table[name].to_numpy().astype(np.float64, copy=False)
    return values
