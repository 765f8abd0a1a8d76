"""Windows as a table, in an Arrow stream or a Parquet file, and their predictions in the same form.

A row is one hour of one window: the column `window` names the window, and one column for each feature has its value. The 24 rows of a window
stand together, oldest hour first. A null is a missing value, and so is NaN. Sizes are known before anything is decoded: an Arrow stream must not be
compressed, and the page headers of a Parquet file are weighed.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from config.errors import RequestError
from features.arrays import Float32s
from features.contract import FEATURES, WINDOW_STEPS
from features.site.guard.parquet_pages import weigh
from features.site.notes import RefusedFile
from serving.api.reading import BODY, require_finite
from serving.assessment import Numbers
from serving.messages.fields import MOST_ID

ARROW: Final = "application/vnd.apache.arrow.stream"
PARQUET: Final = "application/vnd.apache.parquet"
TABLES: Final = (ARROW, PARQUET)
WINDOW: Final = "window"
LAYOUT: Final = (
    f"A table with the columns `{WINDOW}` (integer or text, 50 characters at most) and {', '.join(FEATURES)} (numbers). A row is one hour of one "
    f"window. The {WINDOW_STEPS} rows of a window stand together, oldest hour first. Null or NaN: the value is missing. An Arrow stream is not compressed."
)
ANSWER_LAYOUT: Final = (
    "A table with one row for each window, in their order: `window`, `status` and the numbers of a WindowAnswer. The schema's metadata has "
    "`model_version` and `horizon_days`."
)
_NUMBERS: Final = ("rul_days", "rul_lower_days", "rul_upper_days", "failure_probability", "confidence_score")
_MOST_BATCHES: Final = 1024  # of an Arrow stream; each costs some time, however short it is
_ROW_BYTES: Final = 16 * (1 + len(FEATURES))  # that a row may decode to: twice its numbers
_THRIFT_BYTES: Final = 1 << 20  # of a text or a list in the footer of a Parquet file
_UNREADABLE: Final = (pa.ArrowException, OSError, ValueError, KeyError, NotImplementedError, MemoryError, RefusedFile, struct.error)
_HEADER, _COMPRESSION = 2, 3  # fields of the flatbuffer tables Message and RecordBatch (Arrow's Message.fbs)


@dataclass(frozen=True)
class WindowTable:
    """The windows of a request: [n] names and [n, steps, features] values, NaN where missing."""

    names: pa.Array
    windows: Float32s


def read_windows(body: bytes, kind: str, most_windows: int) -> WindowTable:
    """The windows of a body of the media type `kind`. Raises RequestError."""
    try:
        table = (_read_arrow if kind == ARROW else _read_parquet)(body, most_windows * WINDOW_STEPS)
    except _UNREADABLE:
        form = "Arrow stream" if kind == ARROW else "Parquet file"
        raise RequestError((BODY, f"is no complete {form}, or a broken one: write it again"), status=HTTPStatus.BAD_REQUEST) from None
    if not table.num_rows or table.num_rows % WINDOW_STEPS:
        raise RequestError((BODY, f"has {table.num_rows} rows: it needs {WINDOW_STEPS} for each window, and at least one window"))
    names = _names(table.column(WINDOW))
    values = np.empty((table.num_rows, len(FEATURES)), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # checked below
        for at, name in enumerate(FEATURES):
            values[:, at] = table.column(name).to_numpy()
    return WindowTable(names, require_finite(values.reshape(-1, WINDOW_STEPS, len(FEATURES))))


def write_predictions(names: pa.Array, numbers: Sequence[Numbers | None], facts: dict[str, str], kind: str) -> bytes:
    """The predictions as a table of the media type `kind`: name, status and numbers of each window. The schema carries `facts`."""
    columns: dict[str, pa.Array] = {
        name: pa.array([None if item is None else getattr(item, name) for item in numbers], pa.float64()) for name in _NUMBERS
    }
    status = pa.array(["insufficient_history" if item is None else "ok" for item in numbers])
    return _written(pa.table({WINDOW: names, "status": status, **columns}).replace_schema_metadata(facts), kind)


def write_windows(windows: Float32s, kind: str) -> bytes:
    """A body that `read_windows` reads: the windows [n, steps, features], named by their number."""
    columns = {name: pa.array(windows[:, :, at].reshape(-1), from_pandas=True) for at, name in enumerate(FEATURES)}
    return _written(pa.table({WINDOW: np.repeat(np.arange(len(windows)), WINDOW_STEPS), **columns}), kind)


def _written(table: pa.Table, kind: str) -> bytes:
    sink = io.BytesIO()
    if kind == PARQUET:
        pq.write_table(table, sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    return sink.getvalue()


def _read_arrow(body: bytes, most_rows: int) -> pa.Table:
    buffer = pa.py_buffer(body)
    for number, message in enumerate(pa.ipc.MessageReader.open_stream(buffer)):
        if number > _MOST_BATCHES:
            raise RequestError((BODY, f"has more than {_MOST_BATCHES} record batches: write larger ones"), status=413)
        if message.type == "record batch" and _is_compressed(message.metadata.to_pybytes()):
            raise RequestError((BODY, "is compressed inside: write the Arrow stream without compression, or send Parquet"))
    rows, batches = 0, []
    with pa.ipc.open_stream(buffer) as reader:
        _require_columns(reader.schema)
        for batch in reader:
            batch.validate(full=True)  # its sizes are what the sender says
            rows += batch.num_rows
            _require_few(rows, most_rows)
            batches.append(batch)
        return pa.Table.from_batches(batches, reader.schema)


def _read_parquet(body: bytes, most_rows: int) -> pa.Table:
    limits = {"thrift_string_size_limit": _THRIFT_BYTES, "thrift_container_size_limit": _THRIFT_BYTES}
    with pq.ParquetFile(io.BytesIO(body), **limits) as file:
        _require_columns(file.schema_arrow)
        _require_few(file.metadata.num_rows, most_rows)
        weight = weigh(io.BytesIO(body), file.metadata)
    if max(weight.page_bytes, weight.row_bytes * file.metadata.num_rows) > most_rows * _ROW_BYTES:
        raise RequestError((BODY, "decodes to far more than its windows need: write it again"), status=413)
    with pq.ParquetFile(io.BytesIO(body), read_dictionary=weight.by_dictionary, **limits) as file:
        table = file.read(use_threads=False)
    table.validate(full=True)
    return table


def _is_compressed(metadata: bytes) -> bool:
    """Whether a record batch says that its buffers are compressed. Arrow has checked the flatbuffer."""
    root = struct.unpack_from("<I", metadata, 0)[0]
    header = _field(metadata, root, _HEADER)
    if header is None:
        return False
    return _field(metadata, header + struct.unpack_from("<I", metadata, header)[0], _COMPRESSION) is not None


def _field(data: bytes, table: int, number: int) -> int | None:
    """Where a field of a flatbuffer table lies, None if the table lacks it."""
    offsets = table - struct.unpack_from("<i", data, table)[0]
    at = 4 + 2 * number
    if at >= struct.unpack_from("<H", data, offsets)[0]:
        return None
    offset: int = struct.unpack_from("<H", data, offsets + at)[0]
    return table + offset if offset else None


def _require_columns(schema: pa.Schema) -> None:
    """Raise RequestError unless the table has each column once, and no others."""
    wanted = {WINDOW, *FEATURES}
    wrong = [(name[:MOST_ID], "is not a column of this table") for name in schema.names if name not in wanted]
    wrong += [
        (name, f"must be there once, not {schema.names.count(name)} times") for name in sorted(wanted) if schema.names.count(name) != 1
    ]
    if not wrong:
        kinds = {name: schema.field(name).type for name in wanted}
        is_name = (pa.types.is_integer, pa.types.is_string, pa.types.is_large_string)
        if not any(matches(kinds[WINDOW]) for matches in is_name):
            wrong.append((WINDOW, "must be integers or text"))
        wrong += [
            (name, "must be floating-point numbers or integers")
            for name in FEATURES
            if not (pa.types.is_floating(kinds[name]) or pa.types.is_integer(kinds[name]))
        ]
    if wrong:
        raise RequestError(*wrong)


def _require_few(rows: int, most_rows: int) -> None:
    if rows > most_rows:
        reason = f"has more than {most_rows // WINDOW_STEPS} windows, which one request may have"
        raise RequestError((BODY, reason), status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _names(column: pa.ChunkedArray) -> pa.Array:
    """The name of each window -> [n]. Raises RequestError unless each window has WINDOW_STEPS rows of its own name."""
    if column.null_count:
        raise RequestError((WINDOW, "must be there in every row"))
    is_text = not pa.types.is_integer(column.type)
    array = (column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column).combine_chunks()
    if is_text and not pa.types.is_dictionary(column.type):
        array = array.dictionary_encode()
    if is_text and (pc.max(pc.utf8_length(array.dictionary)).as_py() or 0) > MOST_ID:
        raise RequestError((WINDOW, f"must have at most {MOST_ID} characters"))
    codes = (array.indices if is_text else array).to_numpy(zero_copy_only=False).reshape(-1, WINDOW_STEPS)
    torn = np.flatnonzero((codes != codes[:, :1]).any(axis=1))
    if len(torn):
        raise RequestError(
            (
                WINDOW,
                f"changes within rows {torn[0] * WINDOW_STEPS} to {(torn[0] + 1) * WINDOW_STEPS - 1}: a window has {WINDOW_STEPS} rows",
            )
        )
    if len(np.unique(codes[:, 0])) < len(codes):
        raise RequestError((WINDOW, f"must name each window once: a window has {WINDOW_STEPS} rows"))
    firsts = array.take(pa.array(np.arange(0, len(column), WINDOW_STEPS)))
    return firsts.dictionary_decode() if is_text else firsts
