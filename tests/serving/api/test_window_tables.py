"""Windows as Arrow and Parquet: what is read, what is refused, and what a hostile body may cost."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.errors import RequestError
from features.arrays import Float32s
from features.contract import FEATURES, WINDOW_STEPS
from serving.api.media_types import chosen
from serving.api.window_tables import ARROW, PARQUET, TABLES, WINDOW, read_windows, write_predictions, write_windows
from serving.assessment import Numbers

MOST = 40  # windows
ROWS = 3 * WINDOW_STEPS
VALUES = np.arange(3 * WINDOW_STEPS * len(FEATURES), dtype=np.float32).reshape(3, WINDOW_STEPS, len(FEATURES))


def table_of(windows: Float32s, names: Any = None, **changes: Any) -> pa.Table:
    """The windows as rows; `changes` replace columns, None leaves one out."""
    columns: dict[str, Any] = {WINDOW: np.repeat(np.arange(len(windows)) if names is None else names, WINDOW_STEPS)}
    columns |= {name: windows[:, :, at].reshape(-1) for at, name in enumerate(FEATURES)}
    return pa.table({name: column for name, column in {**columns, **changes}.items() if column is not None})


def written(table: pa.Table, kind: str, **options: Any) -> bytes:
    sink = io.BytesIO()
    if kind == PARQUET:
        pq.write_table(table, sink, **options)
    else:
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as stream:
            stream.write_table(table, max_chunksize=1000)
    return sink.getvalue()


def refusal(body: bytes, kind: str) -> RequestError:
    with pytest.raises(RequestError) as caught:
        read_windows(body, kind, MOST)
    return caught.value


EVERY_KIND = pytest.mark.parametrize("kind", TABLES)


@EVERY_KIND
@pytest.mark.parametrize("names", [None, ["b", "c", "a"], [7, -1, 9]])
def test_windows_come_back_with_their_names_in_their_order(kind: str, names: Any) -> None:
    table = read_windows(written(table_of(VALUES, names), kind), kind, MOST)
    assert (table.windows == VALUES).all()
    assert table.windows.dtype == np.float32
    assert table.names.to_pylist() == (names or [0, 1, 2])


@EVERY_KIND
def test_what_the_writer_writes_is_read(kind: str) -> None:
    gappy = VALUES.copy()
    gappy[1, 2, 3] = np.nan
    read = read_windows(write_windows(gappy, kind), kind, MOST)
    np.testing.assert_array_equal(read.windows, gappy)
    assert read.names.to_pylist() == [0, 1, 2]


@EVERY_KIND
def test_nulls_and_nan_are_missing_values_in_any_numeric_type_and_order_of_columns(kind: str) -> None:
    first, last = FEATURES[0], FEATURES[-1]
    whole = pa.array([None, *range(1, ROWS)], pa.int16())
    table = table_of(VALUES, None, **{first: whole, last: np.where(np.arange(ROWS) == 1, np.nan, 5.0)})
    read = read_windows(written(table.select(table.column_names[::-1]), kind), kind, MOST).windows
    assert np.argwhere(np.isnan(read)).tolist() == [[0, 0, 0], [0, 1, len(FEATURES) - 1]]
    assert read[2, -1, 0] == ROWS - 1


def test_what_polars_writes_is_read() -> None:
    frame = pl.from_arrow(table_of(VALUES, ["x", "y", "z"]))
    assert isinstance(frame, pl.DataFrame)
    streams: dict[str, Callable[[io.BytesIO], object]] = {ARROW: frame.write_ipc_stream, PARQUET: frame.write_parquet}
    for kind, write in streams.items():
        sink = io.BytesIO()
        if kind == ARROW:
            frame.write_ipc_stream(sink, compat_level=pl.CompatLevel.oldest())
        else:
            write(sink)
        assert read_windows(sink.getvalue(), kind, MOST).names.to_pylist() == ["x", "y", "z"]


def test_row_groups_with_their_own_dictionaries_are_read_as_one() -> None:
    body = written(table_of(VALUES, ["a", "b", "c"]), PARQUET, row_group_size=WINDOW_STEPS)
    assert read_windows(body, PARQUET, MOST).names.to_pylist() == ["a", "b", "c"]


@EVERY_KIND
@pytest.mark.parametrize(
    ("table", "field", "reason"),
    [
        (table_of(VALUES, **{FEATURES[3]: None}), FEATURES[3], "must be there once, not 0 times"),
        (table_of(VALUES, extra=np.zeros(ROWS)), "extra", "is not a column"),
        (table_of(VALUES, **{FEATURES[3]: ["1.0"] * ROWS}), FEATURES[3], "must be floating-point numbers"),
        (table_of(VALUES, **{WINDOW: np.repeat([0.0, 1.0, 2.0], WINDOW_STEPS)}), WINDOW, "must be integers or text"),
        (table_of(VALUES, **{WINDOW: [None, *["a"] * (ROWS - 1)]}), WINDOW, "must be there in every row"),
        (table_of(VALUES, ["x" * 51, "y", "z"]), WINDOW, "at most 50 characters"),
        (table_of(VALUES, [0, 1, 0]), WINDOW, "must name each window once"),
        (table_of(VALUES).slice(1), "body", "needs 24 for each window"),
        (table_of(VALUES).slice(0, 0), "body", "needs 24 for each window"),
        (pa.concat_tables([table_of(VALUES).slice(1), table_of(VALUES).slice(0, 1)]), WINDOW, "changes within rows 0 to 23"),
        (table_of(VALUES, **{FEATURES[2]: [*[0.0] * 30, 1e39, *[0.0] * (ROWS - 31)]}), "windows[1][6][2]", "is too large"),
        (table_of(VALUES, **{FEATURES[2]: [*[0.0] * 30, -np.inf, *[0.0] * (ROWS - 31)]}), "windows[1][6][2]", "is too large"),
    ],
)
def test_a_wrong_table_names_what_is_wrong(kind: str, table: pa.Table, field: str, reason: str) -> None:
    error = refusal(written(table, kind), kind)
    assert error.status == 422
    assert error.problems[0][0] == field
    assert reason in error.problems[0][1]


@EVERY_KIND
def test_more_windows_than_allowed_are_refused_before_they_are_decoded(kind: str) -> None:
    error = refusal(written(table_of(np.zeros((MOST + 1, WINDOW_STEPS, len(FEATURES)), np.float32)), kind), kind)
    assert (error.status, error.problems[0][1]) == (413, f"has more than {MOST} windows, which one request may have")


@EVERY_KIND
def test_a_broken_body_is_a_wrong_request_whatever_is_broken(kind: str) -> None:
    body = bytearray(written(table_of(VALUES), kind))
    draw = np.random.default_rng(7)
    broken = [b"", b"nonsense", bytes(body[: len(body) // 2]), bytes(body[:-9]) if kind == PARQUET else bytes(body[:700])]
    for _ in range(300):
        changed = bytearray(body)
        for at in draw.integers(0, len(body) if kind == PARQUET else 4000, 8):
            changed[at] = draw.integers(0, 256)
        broken.append(bytes(changed))
    statuses = set()
    for text in broken:
        try:
            read_windows(text, kind, MOST)  # a changed value is still a value
        except RequestError as error:
            statuses.add(error.status)
    assert 400 in statuses
    assert statuses <= {400, 413, 422}


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_an_arrow_stream_that_is_compressed_inside_is_refused_undecoded(compression: str) -> None:
    error = refusal(written(table_of(np.zeros_like(VALUES)), ARROW, compression=compression), ARROW)
    assert "without compression" in error.problems[0][1]


def test_very_many_record_batches_are_refused() -> None:
    sink = io.BytesIO()
    table = table_of(VALUES)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        for _ in range(1100):
            stream.write_table(table.slice(0, 1))
    assert refusal(sink.getvalue(), ARROW).status == 413


def test_a_small_parquet_file_that_decodes_to_very_much_is_refused_undecoded() -> None:
    columns = {name: pa.array(np.zeros(ROWS, np.float32)) for name in FEATURES}
    long = pa.table({WINDOW: pa.array(["x" * 30_000_000, *["y"] * (ROWS - 1)]), **columns})
    text = written(long, PARQUET, compression="zstd", use_dictionary=False)
    assert len(text) < 100_000
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    error = refusal(text, PARQUET)
    peak = tracemalloc.get_traced_memory()[1] + pa.total_allocated_bytes() - before
    tracemalloc.stop()
    assert error.status == 413
    assert peak < 5_000_000


@EVERY_KIND
def test_predictions_are_written_with_names_status_and_facts(kind: str) -> None:
    numbers = [Numbers(5.0, 2.5, 7.5, 0.1667, 0.8333), None]
    body = write_predictions(pa.array(["a", "b"]), numbers, {"model_version": "3", "horizon_days": "3.0"}, kind)
    table = pq.read_table(io.BytesIO(body)) if kind == PARQUET else pa.ipc.open_stream(body).read_all()
    assert table.to_pylist() == [
        {WINDOW: "a", "status": "ok", **vars(numbers[0])},
        {WINDOW: "b", "status": "insufficient_history", **dict.fromkeys(vars(numbers[0]))},
    ]
    assert json.loads(json.dumps({key.decode(): text.decode() for key, text in table.schema.metadata.items()}))["model_version"] == "3"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", ARROW),
        ("*/*", ARROW),
        ("application/*;q=0.5", ARROW),
        ("application/json", "application/json"),
        ("text/html, application/JSON; q=0.5", "application/json"),
        (f"{PARQUET};q=0, */*", ARROW),
        (PARQUET, PARQUET),
    ],
)
def test_accept_chooses_the_form_of_the_answer(accept: str, kind: str) -> None:
    assert chosen(accept, ("application/json", *TABLES), ARROW) == kind


def test_an_accept_that_names_nothing_on_offer_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        chosen("text/html", ("application/json",), "application/json")
    assert caught.value.status == 406
