"""Checks one file of readings and turns it into batches of the contract's types (pyarrow, bounded memory, no JVM).

A file is all or nothing: the first number that is none refuses the whole file, by name, with the reason `unsupported_format`,
`unreadable`, `missing_column`, `wrong_type` or `bad_column_name`. Only a time that cannot be read leaves the file whole: its
row has no timestamp, which silver rejects as a row.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from config.errors import InputError, NoReadingsError
from features.contract import COMPRESSOR_ID, MISSING_TEXT, READING_FIELDS, TIMESTAMP

READING_TYPES: dict[str, pa.DataType] = {
    name: pa.string() if name == COMPRESSOR_ID else pa.timestamp("us", tz="UTC") if name == TIMESTAMP else pa.float64()
    for name in READING_FIELDS
}
SUFFIXES = (".parquet", ".csv")
_MISSING_TEXT = pa.array(MISSING_TEXT)
_FIRST_MOMENT, _LAST_MOMENT = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_PLAIN_TIMES = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
_PLAIN_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]*$")


class RefusedFile(InputError):  # noqa: N818 - a verdict on a file, caught by the caller
    """A file that cannot be loaded; `reason` starts with one of the codes above."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def list_reading_files(folder: Path) -> list[Path]:
    """Files below `folder`/readings in natural order (part-2 before part-10), hidden ones left out.

    Raises NoReadingsError when there is no such folder or nothing in it.
    """
    readings = folder / "readings"
    if not readings.is_dir():
        raise NoReadingsError(f"{readings} is no folder: put Parquet or CSV files of readings there")
    try:
        files = [path for path in readings.rglob("*") if path.is_file() and not path.name.startswith((".", "_"))]
    except OSError as error:
        raise NoReadingsError(f"{readings} cannot be listed: {error.strerror}") from error
    if not files:
        raise NoReadingsError(f"{readings} holds no files: put Parquet or CSV files of readings there")
    return sorted(
        files, key=lambda path: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(path.relative_to(readings)))]
    )


def file_digest(path: Path) -> str:
    """SHA-256 of the file's content: what makes a file the same file again. Raises RefusedFile."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise RefusedFile(f"unreadable: {error.strerror}") from error


def read_batches(path: Path, rows_per_batch: int) -> Iterator[pa.RecordBatch]:
    """Batches of `path` with the nine reading columns in the contract's types, then any further column as text.

    Timestamps without a zone are UTC. Raises RefusedFile at the first thing that does not fit; batches yielded before that must be dropped.
    """
    try:
        if path.suffix.lower() == ".parquet":
            with pq.ParquetFile(path) as source:
                columns = _checked_columns(source.schema_arrow.names)
                for batch in source.iter_batches(batch_size=rows_per_batch):
                    yield _conform(batch, columns)
        elif path.suffix.lower() == ".csv":
            yield from _read_csv(path)
        else:
            raise RefusedFile(f"unsupported_format: {path.suffix or 'no suffix'}; use one of {', '.join(SUFFIXES)}")
    except (pa.ArrowException, OSError) as error:
        raise RefusedFile(f"unreadable: {' '.join(str(error).split())[:200]}") from error


def _read_csv(path: Path) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as stream:
        header = stream.readline().decode("utf-8-sig", errors="replace").strip()
    names = [name.strip().strip('"') for name in header.split(",")]
    columns = _checked_columns(names)
    options = pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True)
    with pacsv.open_csv(path, read_options=pacsv.ReadOptions(column_names=names, skip_rows=1), convert_options=options) as source:
        for batch in source:
            yield _conform(batch, columns)


def _checked_columns(names: list[str]) -> list[str]:
    """Column names in the order of the result. Raises RefusedFile."""
    missing = [name for name in READING_FIELDS if name not in names]
    if missing:
        raise RefusedFile(f"missing_column: {', '.join(missing)}")
    folded = [name.lower() for name in names]
    bad = [name for name in names if not _PLAIN_NAME.match(name) or folded.count(name.lower()) > 1]
    if bad:
        raise RefusedFile(
            f"bad_column_name: {', '.join(map(repr, dict.fromkeys(bad)))}; use distinct names of letters, digits and underscores"
        )
    return [*READING_FIELDS, *(name for name in names if name not in READING_FIELDS)]


def _conform(batch: pa.RecordBatch, columns: list[str]) -> pa.RecordBatch:
    arrays = []
    for name in columns:
        column = batch.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        arrays.append(_cast(column, name, READING_TYPES.get(name, pa.string())))
    return pa.RecordBatch.from_arrays(arrays, names=[name.lower() for name in columns])


def _cast(column: pa.Array, name: str, target: pa.DataType) -> pa.Array:
    """`column` as `target`. Raises RefusedFile naming the column and, for text, the first value that does not fit."""
    source = column.type
    try:
        if name == COMPRESSOR_ID:
            if not (_is_text(source) or pa.types.is_null(source)):
                raise RefusedFile(f"wrong_type: {name} is {source}, expected text")
            return _present_text(column)
        if name == TIMESTAMP:
            return _on_calendar(_cast_timestamp(column, target), target)
        if name in READING_TYPES and not (_is_text(source) or _is_number(source) or pa.types.is_null(source)):
            raise RefusedFile(f"wrong_type: {name} is {source}, expected a number")
        return (_present_text(column) if _is_text(source) else column).cast(target)
    except pa.ArrowInvalid as error:
        raise RefusedFile(f"wrong_type: {name}: {' '.join(str(error).split())[:120]}") from error
    except pa.ArrowNotImplementedError as error:
        raise RefusedFile(f"wrong_type: {name} is {source}, expected {target}") from error


def _present_text(column: pa.Array) -> pa.Array:
    """Text without blanks around it; null where it stands for a missing value."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.is_in(text, value_set=_MISSING_TEXT), pa.scalar(None, pa.string()), text)


def _on_calendar(moments: pa.Array, target: pa.DataType) -> pa.Array:
    """Null where a time lies outside the years 1 to 9999: a logger wrote bits, not a time."""
    known = pc.and_(pc.greater_equal(moments, pa.scalar(_FIRST_MOMENT, target)), pc.less_equal(moments, pa.scalar(_LAST_MOMENT, target)))
    return pc.if_else(known, moments, pa.scalar(None, target))


def _cast_timestamp(column: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        if column.type.tz is None:
            return column.cast(pa.timestamp("us"), safe=False).cast(target)
        return column.cast(target, safe=False)
    if pa.types.is_null(column.type):
        return column.cast(target)
    if not _is_text(column.type):
        raise RefusedFile(f"wrong_type: {TIMESTAMP} is {column.type}, expected a timestamp")
    text = pl.Series(_present_text(column))
    parsed = pl.select(parse_timestamps(pl.lit(text))).to_series()
    if parsed.null_count() == len(parsed) and text.null_count() < len(text):
        raise RefusedFile(f"wrong_type: {TIMESTAMP}: {text.drop_nulls()[0]!r} is no ISO 8601 time")
    return parsed.to_arrow().cast(target)


def parse_timestamps(text: pl.Expr) -> pl.Expr:
    """ISO 8601 text as UTC microseconds; without a zone it is UTC; null where it is no time."""
    stripped = text.str.strip_chars().str.replace("T", " ", literal=True)
    zoned = stripped.str.replace(r"Z$", "+00:00").str.to_datetime("%Y-%m-%d %H:%M:%S%.f%z", time_unit="us", time_zone="UTC", strict=False)
    plain = (stripped.str.to_datetime(pattern, time_unit="us", strict=False) for pattern in _PLAIN_TIMES)
    dated = stripped.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    return pl.coalesce(zoned, *(item.dt.replace_time_zone("UTC") for item in (*plain, dated)))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
