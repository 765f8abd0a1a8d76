from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from features.build import Rules
from features.contract import (
    COMPRESSOR_ID,
    DATA_FAULTS,
    FLAGGED_BAD_SENSORS,
    OPERATING_HOURS,
    RAW_PREFIX,
    REASON,
    SENSORS,
    TIMESTAMP,
    VERDICT_PREFIX,
)
from features.kernels import JudgeRules, judge_readings, roll_features, whole_compressors
from tests.features.readings import MONDAY, reading_table, series

IDS = st.lists(
    st.tuples(st.sampled_from([None, "C-1", "C-2", "C-3", "C-4"]), st.integers(1, 6)), max_size=5, unique_by=lambda item: item[0]
)


def _split(table: pa.Table, cuts: list[int]) -> Iterator[pa.RecordBatch]:
    """`table` in batches that end at `cuts`."""
    edges = [0, *sorted(min(cut, len(table)) for cut in cuts), len(table)]
    for start, end in itertools.pairwise(edges):
        yield from table.slice(start, end - start).to_batches()


@settings(max_examples=100, deadline=None)
@given(runs=IDS, cuts=st.lists(st.integers(0, 30), max_size=5), rows_per_chunk=st.integers(1, 12))
def test_any_batch_split_gives_tables_of_whole_compressors(
    runs: list[tuple[str | None, int]], cuts: list[int], rows_per_chunk: int
) -> None:
    ids = [name for name, count in runs for _ in range(count)]
    table = pa.table({"compressor_id": pa.array(ids, pa.string()), "row": pa.array(range(len(ids)), pa.int64())})
    chunks = list(whole_compressors(_split(table, cuts), rows_per_chunk))
    assert [row for chunk in chunks for row in chunk["row"].to_pylist()] == list(range(len(ids)))
    seen = [set(chunk["compressor_id"].to_pylist()) for chunk in chunks]
    assert sum(map(len, seen)) == len(set(ids)), "a compressor is in two chunks"
    assert all(len(chunk) >= rows_per_chunk for chunk in chunks[:-1])


def _placed(rows: list[dict[str, Any]], reasons: Sequence[str | None] = ()) -> pa.Table:
    """Readings as silver hands them to the kernel."""
    table = reading_table(rows)
    columns = {COMPRESSOR_ID: table[COMPRESSOR_ID], TIMESTAMP: table[TIMESTAMP], OPERATING_HOURS: table[OPERATING_HOURS]}
    columns |= {f"{RAW_PREFIX}{sensor}": table[sensor] for sensor in SENSORS}
    columns[REASON] = pa.array([*reasons] or [None] * len(rows), pa.string())
    return pa.table(columns | {FLAGGED_BAD_SENSORS: pa.nulls(len(rows), pa.string())})


def test_features_and_verdicts_do_not_depend_on_how_the_stream_was_cut(rules: Rules) -> None:
    random = np.random.default_rng(1)
    rows = [row for name in ("C-1", "C-2", "C-3") for row in series(random.normal(3, 0.1, 40).tolist(), compressor_id=name)]
    rows[20]["vibration_mms"] = 30.0
    table, judging = _placed(rows), JudgeRules(rules.etl.outliers, rules.health)

    def run(cuts: list[int], rows_per_chunk: int) -> pa.Table:
        judged = judge_readings(_split(table, cuts), judging, rows_per_chunk)
        return pa.Table.from_batches(roll_features(judged, rules.etl.gold.delta_tolerance_s, rows_per_chunk)).combine_chunks()

    whole = run([], 1000)
    assert whole[f"{VERDICT_PREFIX}vibration_mms"].to_pylist().index("isolated_spike") == 20
    for cuts, rows_per_chunk in (([1, 39, 41, 100], 1), ([60], 50), (list(range(0, 120, 7)), 30)):
        assert run(cuts, rows_per_chunk).equals(whole)


def test_rejected_rows_are_no_evidence_and_get_no_verdict(rules: Rules) -> None:
    rows = series([3.0, 3.1, 2.9, 3.0, 3.1, 2.9, 3.0, 50.0, 12.0, 3.0])
    reasons = [None] * 7 + ["duplicate", None, None]
    judging = JudgeRules(rules.etl.outliers, rules.health)
    judged = pa.Table.from_batches(judge_readings(iter(_placed(rows, reasons).to_batches()), judging, 1000))
    assert [position for position, why in enumerate(judged[f"{VERDICT_PREFIX}vibration_mms"].to_pylist()) if why] == [8]
    assert judged.column_names[-1] == DATA_FAULTS
    assert judged["timestamp"][0].as_py() == MONDAY
