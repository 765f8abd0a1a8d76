"""Single cells and columns: quality marks, times on a grid, number style, text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import polars as pl
import pyarrow as pa

from config.site.readings import ReadingsSection
from features.contract import COMPRESSOR_ID, READING_FIELDS, TIMESTAMP
from features.site.notes import FileNotes, RefusedFile
from features.site.numbers import NumberStyle, find_style, is_text, present_text
from features.site.raw import RawTable

READING_TYPES: Final[dict[str, pa.DataType]] = {
    name: pa.string() if name == COMPRESSOR_ID else pa.timestamp("us", tz="UTC") if name == TIMESTAMP else pa.float64()
    for name in READING_FIELDS
}


def is_good(column: pa.Array, good: Sequence[str | int | float]) -> pl.Series:
    """Whether each quality is one of the good values.

    Numbers are compared as numbers. A missing quality is not good.
    """
    words = [str(value).strip().lower() for value in good]
    values = [float(value) for value in words if re.fullmatch(r"-?\d+(\.\d+)?", value)]
    text = pl.Series(as_text(column)).str.strip_chars().str.to_lowercase()
    return (text.is_in(words) | text.cast(pl.Float64, strict=False).is_in(values)).fill_null(False)


def align(moments: pl.Series, seconds: float) -> pl.Series:
    """Times rounded to the nearest multiple of `seconds`. 0 leaves them."""
    if not seconds:
        return moments
    width = round(seconds * 1_000_000)
    micros = moments.dt.epoch("us")
    return ((micros + width // 2) // width * width).cast(pl.Datetime("us", "UTC"))


def number_style(table: RawTable, used: set[int], site: ReadingsSection, notes: FileNotes) -> NumberStyle:
    """The decimal and thousands signs of a table. Raises RefusedFile.

    site.yaml gives them, else its first rows show them.
    """
    text_format = site.format
    if not table.text:
        return NumberStyle(text_format.decimal or ".", text_format.thousands or "")
    cells = (row[at].strip() for row in table.sample for at in used)
    style = find_style(cells, text_format.decimal, text_format.thousands)
    if isinstance(style, str):
        raise RefusedFile(f"wrong_type: {style!r} has a comma: decimal sign or thousands? set readings.format.decimal in site.yaml")
    if text_format.decimal is None and style.decimal == ",":
        notes.assume("numbers have a decimal comma")
    return style


def as_text(column: pa.Array) -> pa.Array:
    """Any column as text. A cell with several values becomes JSON."""
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        cells = column.to_pylist()
        return pa.array(
            [None if cell is None else cell.hex() if isinstance(cell, bytes) else json.dumps(cell, default=str) for cell in cells],
            pa.string(),
        )
    if is_text(kind):
        return present_text(column)
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([None if cell is None else str(cell) for cell in column.to_pylist()], pa.string())


def cell_text(value: Any) -> str | None:
    """A cell as text: numbers with a point, times as ISO."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return (value + timedelta(microseconds=500)).isoformat(sep=" ", timespec="milliseconds")  # a sheet keeps parts of a day
    if isinstance(value, (date, int)):
        return str(value)
    return json.dumps(value, default=str)
