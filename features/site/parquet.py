"""Parquet as a raw table.

Its pages are weighed before one is decoded. Text stays in dictionaries until it fits into a batch.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import pyarrow.parquet as pq

from config.sections.etl import ReadLimits
from features.site.guard.limits import KB, MB, read_whole, refuse_header, too_large
from features.site.guard.parquet_pages import FileWeight, weigh
from features.site.lines import Member
from features.site.notes import RefusedFile
from features.site.raw import RawBatch, RawTable, row_place

_END: Final = 8  # bytes: the length of the footer and PAR1
_FOOTER_BYTES: Final = 32 * MB  # 300 columns in 100 row groups take 5 MB
_BUFFER: Final = 1 << 20  # bytes of a column read at once


def open_parquet(member: Member, rows_per_batch: int, limits: ReadLimits) -> RawTable:
    """The table of a Parquet file, in batches of at most `rows_per_batch` rows. Raises RefusedFile, ArrowException, OSError."""

    def source() -> Path | IO[bytes]:
        return member.path if member.path is not None else io.BytesIO(read_whole(member.open, limits))

    opened = source()
    with opened.open("rb") if isinstance(opened, Path) else opened as stream:
        _refuse_footer(stream)
        stream.seek(0)
        with pq.ParquetFile(stream) as file:
            metadata, names = file.metadata, list(file.schema_arrow.names)
        _check_schema(metadata, names, limits)
        weight = weigh(stream, metadata)
        rows = min(_rows_at_once(weight, limits), rows_per_batch)

    def batches() -> Iterator[RawBatch]:
        first = 0
        with pq.ParquetFile(source(), read_dictionary=weight.by_dictionary, pre_buffer=False, buffer_size=_BUFFER) as file:
            for batch in file.iter_batches(batch_size=rows):
                yield RawBatch(batch.columns, range(first, first + len(batch)))
                first += len(batch)

    return RawTable(names, batches, row_place, False)


def _refuse_footer(stream: IO[bytes]) -> None:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(size - _END, 0))
    end = stream.read(_END)
    if end[4:] == b"PAR1" and int.from_bytes(end[:4], "little") > _FOOTER_BYTES:
        raise RefusedFile(f"too_large: its footer is longer than {_FOOTER_BYTES // MB} MB; write it again with larger row groups")


def _check_schema(metadata: pq.FileMetaData, names: list[str], limits: ReadLimits) -> None:
    """Raise RefusedFile for what the footer alone shows to be too large."""
    refuse_header(names, limits)
    if metadata.num_columns > limits.columns:
        raise too_large(f"{metadata.num_columns:,} columns, nested ones counted apart", "columns", limits.columns)
    if metadata.num_rows > limits.rows:
        raise too_large(f"{metadata.num_rows:,} rows", "rows", limits.rows)
    size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if size > limits.decoded_mb * MB:
        raise too_large(f"it decodes to {size // MB:,} MB", "decoded_mb", limits.decoded_mb)
    leaves = [metadata.schema.column(at) for at in range(metadata.num_columns)]
    if any(leaf.physical_type == "FIXED_LEN_BYTE_ARRAY" and leaf.length > limits.cell_kb * KB for leaf in leaves):
        raise too_large("a cell is too long", "cell_kb", limits.cell_kb)


def _rows_at_once(weight: FileWeight, limits: ReadLimits) -> int:
    """How many rows fit into a batch. Raises RefusedFile where the pages themselves do not fit."""
    if weight.page_bytes > limits.page_mb * MB:
        raise too_large(f"its pages decode to {weight.page_bytes // MB:,} MB at once", "page_mb", limits.page_mb)
    if weight.list_bytes > limits.page_mb * MB:
        raise too_large(f"a column of lists decodes to {int(weight.list_bytes) // MB:,} MB at once", "page_mb", limits.page_mb)
    return max(int(limits.batch_mb * MB / weight.row_bytes), 1)
