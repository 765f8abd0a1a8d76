"""Enforces the limits of config/sections/etl.py.

Column names are checked before a file is decoded. Each batch is then checked by its decoded bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from gzip import GzipFile
from typing import IO, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.loader import CONFIG_DIR, load_section
from config.sections.etl import EtlConfig, ReadLimits
from features.site.notes import RefusedFile
from features.site.raw import RawBatch, RawTable

KB, MB = 1 << 10, 1 << 20
_FEW_ROWS: Final = 1024  # of a batch that is joined to others
_ITEM_BYTES: Final = 8  # of a cell that holds several values, at least


@cache
def shipped_limits() -> ReadLimits:
    """The limits of the shipped etl_config.yaml, for readers without a configuration."""
    return load_section(CONFIG_DIR / "etl_config.yaml", EtlConfig, {}).ingest.limits


def too_large(what: str, key: str, value: int) -> RefusedFile:
    """The refusal of a file: `what` it has, and the limit it breaks. The key's ending is the unit."""
    unit = {"kb": " KB", "mb": " MB"}.get(key.rpartition("_")[2], "")
    where = f"etl_config.yaml: ingest.limits.{key}"
    return RefusedFile(f"too_large: {what}; the limit is {value:,}{unit} ({where}): split the file, or raise the limit if you trust it")


def refuse_header(names: Sequence[str], limits: ReadLimits) -> None:
    """Raise RefusedFile for too many columns, or for names that are too long."""
    if len(names) > limits.columns:
        raise too_large(f"{len(names):,} columns", "columns", limits.columns)
    if sum(map(len, names)) > limits.header_kb * KB:
        raise too_large("the column names are too long", "header_kb", limits.header_kb)


def bounded(table: RawTable, limits: ReadLimits) -> RawTable:
    """The same table in batches of at most `batch_mb`, dictionaries decoded.

    It and its batches raise RefusedFile.
    """
    refuse_header(table.names, limits)

    def batches() -> Iterator[RawBatch]:
        rows, size = 0, 0
        for part in _joined((part for batch in table.batches() for part in _parts(batch, limits)), limits.batch_mb * MB):
            rows += len(part.rows)
            size += _bytes_of(part)
            if rows > limits.rows:
                raise too_large("too many rows", "rows", limits.rows)
            if size > limits.decoded_mb * MB:
                raise too_large("it decodes to too much", "decoded_mb", limits.decoded_mb)
            yield part

    return replace(table, batches=batches)


def _joined(parts: Iterable[RawBatch], most: int) -> Iterator[RawBatch]:
    """The same rows, with small batches joined up to about `most` bytes.

    Each batch costs its reader some milliseconds.
    """
    held: list[RawBatch] = []
    size = 0
    for part in parts:
        own = _bytes_of(part)
        if held and (size + own > most or len(part.rows) >= _FEW_ROWS):
            yield _one(held)
            held, size = [], 0
        held.append(part)
        size += own
        if len(part.rows) >= _FEW_ROWS:
            yield _one(held)
            held, size = [], 0
    if held:
        yield _one(held)


def _one(held: Sequence[RawBatch]) -> RawBatch:
    if len(held) == 1:
        return held[0]
    arrays = [pa.concat_arrays(column) for column in zip(*(part.arrays for part in held), strict=True)]
    return RawBatch(arrays, np.concatenate([np.asarray(part.rows) for part in held]).tolist())


def _bytes_of(batch: RawBatch) -> int:
    return sum(array.nbytes for array in batch.arrays)


def _parts(batch: RawBatch, limits: ReadLimits) -> Iterator[RawBatch]:
    """Pieces of a batch, each small enough when decoded. Raises RefusedFile for a cell that is too long."""
    longest = [_longest_cell(array) for array in batch.arrays]
    if max(longest, default=0) > limits.cell_kb * KB:
        raise too_large(f"a cell of {max(longest):,} bytes", "cell_kb", limits.cell_kb)
    most = sum(array.nbytes + len(array) * cell for array, cell in zip(batch.arrays, longest, strict=True))
    ends = np.zeros(0, np.int64)
    if most > limits.batch_mb * MB:
        ends = np.cumsum(sum((_row_bytes(*pair) for pair in zip(batch.arrays, longest, strict=True)), np.zeros(len(batch.rows), np.int64)))
    first = 0
    while first < len(batch.rows):
        last = len(batch.rows)
        if len(ends):
            before = int(ends[first - 1]) if first else 0
            last = max(int(np.searchsorted(ends, before + limits.batch_mb * MB, side="right")), first + 1)
        yield RawBatch([_decoded(array.slice(first, last - first)) for array in batch.arrays], batch.rows[first:last])
        first = last


def _longest_cell(array: pa.Array) -> int:
    """Bytes of the longest cell of text, also in a dictionary. For a list: all its items."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _longest_cell(array.dictionary)
    if _is_bytes(kind):
        return int(pc.max(pc.binary_length(array)).as_py() or 0)
    if pa.types.is_struct(kind):
        return sum(_longest_cell(part) for part in array.flatten())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        most = int(pc.max(pc.list_value_length(array)).as_py() or 0)
        inner = pc.list_flatten(array) if not pa.types.is_map(kind) else array.items
        return most * max(_longest_cell(inner), _ITEM_BYTES)
    return 0


def _row_bytes(array: pa.Array, longest: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Bytes that each row decodes to -> [n]."""
    kind = array.type
    if pa.types.is_dictionary(kind) and _is_bytes(kind.value_type):
        lengths = pc.take(pc.binary_length(array.dictionary), array.indices)
    elif _is_bytes(kind):
        lengths = pc.binary_length(array)
    else:
        return np.full(len(array), max(longest, array.nbytes // max(len(array), 1), _ITEM_BYTES), np.int64)
    filled: np.ndarray[tuple[int], np.dtype[np.int64]] = pc.fill_null(lengths.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return filled + _ITEM_BYTES


def _decoded(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


class MeteredStream:
    """A stream that gives at most `limits.decoded_mb`.

    The packed size of a file does not show the unpacked one.
    """

    def __init__(self, stream: IO[bytes] | GzipFile, limits: ReadLimits) -> None:
        self._stream, self._limits, self._read = stream, limits, 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises RefusedFile."""
        content = self._stream.read(size)
        self._read += len(content)
        if self._read > self._limits.decoded_mb * MB:
            raise too_large("it unpacks to too much", "decoded_mb", self._limits.decoded_mb)
        return content

    def __enter__(self) -> MeteredStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stream.close()


def read_whole(open_stream: Callable[[], Any], limits: ReadLimits) -> bytes:
    """All bytes of a stream, for a format that needs all of them. Raises RefusedFile."""
    with open_stream() as stream:
        content: bytes = stream.read(limits.unpacked_mb * MB + 1)
    if len(content) > limits.unpacked_mb * MB:
        raise too_large("it unpacks to too much", "unpacked_mb", limits.unpacked_mb)
    return content
