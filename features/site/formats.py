"""Opens a file by what it is: delimited text, JSON lines, a workbook, Parquet; packed or not."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineWorkbook

from config.site.readings import TextFormat
from features.site.columns import fold, recognise
from features.site.delimited import is_units_row, open_delimited
from features.site.lines import Member, find_encoding, open_lines, unpack
from features.site.notes import FileNotes, RefusedFile
from features.site.raw import RawBatch, RawTable

TEXT: Final = (".csv", ".tsv")
JSON_LINES: Final = (".jsonl", ".ndjson", ".json")
WORKBOOKS: Final = (".xlsx", ".xlsm", ".xls")
SUFFIXES: Final = (".parquet", *TEXT, *JSON_LINES, *WORKBOOKS)
_HEADER_WITHIN: Final = 20


def open_tables(path: Path, told: TextFormat, wanted: Collection[str], rows_per_batch: int, notes: FileNotes) -> list[tuple[str, RawTable]]:
    """The tables of a file, each with the name of its member of an archive (empty where it is none). Raises RefusedFile, OSError."""
    return [(member.name, _open(member, path, told, wanted, rows_per_batch, notes)) for member in unpack(path, notes)]


def _open(member: Member, path: Path, told: TextFormat, wanted: Collection[str], rows_per_batch: int, notes: FileNotes) -> RawTable:
    if member.suffix == ".parquet":
        return _open_parquet(member, path, rows_per_batch)
    if member.suffix in TEXT:
        return open_delimited(member, told, wanted, notes)
    if member.suffix in JSON_LINES:
        return _open_json_lines(member, told, rows_per_batch, notes)
    if member.suffix in WORKBOOKS:
        return _open_workbook(member, told, wanted, notes)
    raise RefusedFile(
        f"unsupported_format: {member.suffix or 'no suffix'}; use one of {', '.join(SUFFIXES)}; text and JSON also as .gz or .zip"
    )


def _row(number: int) -> str:
    return f"row {number + 1}"


def _open_parquet(member: Member, path: Path, rows_per_batch: int) -> RawTable:
    def source() -> Path | IO[bytes]:
        if not member.name and path.suffix.lower() == ".parquet":
            return path
        with member.open() as stream:
            return io.BytesIO(stream.read())

    with pq.ParquetFile(source()) as opened:
        names = list(opened.schema_arrow.names)

    def batches() -> Iterator[RawBatch]:
        first = 0
        with pq.ParquetFile(source()) as file:
            for batch in file.iter_batches(batch_size=rows_per_batch):
                arrays = [column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in batch.columns]
                yield RawBatch(arrays, range(first, first + len(batch)))
                first += len(batch)

    return RawTable(names, batches, _row, False)


def _open_json_lines(member: Member, told: TextFormat, rows_per_batch: int, notes: FileNotes) -> RawTable:
    encoding = find_encoding(member, told.encoding, notes)

    def objects() -> Iterator[tuple[int, dict[str, Any]]]:
        for line, text in enumerate(open_lines(member, encoding, told.footer_rows, notes), 1):
            if not text.strip():
                continue
            try:
                value = json.loads(text)
            except ValueError as error:
                raise RefusedFile(f"unreadable: line {line} is no JSON object ({error}); write one object a line") from error
            if not isinstance(value, dict):
                raise RefusedFile(f"unreadable: line {line} is no JSON object; write one object a line")
            yield line, value

    names = list(dict.fromkeys(name for _, value in objects() for name in value))

    def batches() -> Iterator[RawBatch]:
        held: list[dict[str, Any]] = []
        lines: list[int] = []
        for line, value in objects():
            held.append(value)
            lines.append(line - 1)
            if len(held) == rows_per_batch:
                yield _as_text(held, lines, names)
                held, lines = [], []
        if held:
            yield _as_text(held, lines, names)

    return RawTable(names, batches, lambda row: f"line {row + 1}", False)


def _as_text(held: list[dict[str, Any]], lines: list[int], names: list[str]) -> RawBatch:
    return RawBatch([pa.array([_cell(value.get(name)) for value in held], pa.string()) for name in names], lines)


def _cell(value: Any) -> str | None:
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


def _open_workbook(member: Member, told: TextFormat, wanted: Collection[str], notes: FileNotes) -> RawTable:
    with member.open() as stream:
        content = io.BytesIO(stream.read())
    try:
        book = CalamineWorkbook.from_filelike(content)
        if told.sheet is not None and told.sheet not in book.sheet_names:
            raise RefusedFile(
                f"unreadable: no sheet {told.sheet!r}, but {', '.join(book.sheet_names)}; say readings.format.sheet in site.yaml"
            )
        sheets = [told.sheet] if told.sheet else book.sheet_names
        grids = {sheet: book.get_sheet_by_name(sheet).to_python(skip_empty_area=False) for sheet in sheets}
    except CalamineError as error:
        raise RefusedFile(f"unreadable: no workbook ({error})") from error
    known = {fold(name) for name in wanted}
    best = max(
        (
            (sum(isinstance(cell, str) and (recognise(cell) is not None or fold(cell) in known) for cell in grid[at]), -at, sheet)
            for sheet, grid in grids.items()
            for at in ([told.skip_rows] if told.skip_rows is not None else range(min(len(grid), _HEADER_WITHIN)))
            if at < len(grid)
        ),
        default=(0, 0, sheets[0]),
        key=lambda item: (item[0], item[1]),
    )
    sheet, header = best[2], -best[1]
    others = [name for name in book.sheet_names if name != sheet]
    if others and told.sheet is None:
        notes.assume(f"sheet {sheet!r} is read, not {', '.join(map(repr, others))} (readings.format.sheet)")
    return _sheet_table(grids[sheet], header, told, notes)


def _sheet_table(grid: list[list[Any]], header: int, told: TextFormat, notes: FileNotes) -> RawTable:
    rows = [[_cell(cell) for cell in line] for line in grid]
    names = [(cell or "").strip() for cell in rows[header]] if header < len(rows) else []
    while names and not names[-1]:
        names.pop()
    if header and told.skip_rows is None:
        notes.leave_out(f"rows 1 to {header}, above the header")
    first = header + 1
    units: list[str] | None = None
    below = [cell or "" for cell in rows[first]] if first < len(rows) else []
    if told.units_row is not False and below and (told.units_row or is_units_row(below)):
        notes.assume(f"row {first + 1} is a row of units")
        units, first = below[: len(names)], first + 1
    last = len(rows) - told.footer_rows
    if told.footer_rows:
        notes.leave_out(f"footer: {told.footer_rows} rows")
    body = [(at, row) for at, row in enumerate(rows[first:last], first) if any(cell is not None for cell in row)]
    repeated = [at for at, row in body if [cell or "" for cell in row[: len(names)]] == names]
    if repeated:
        notes.leave_out(f"{len(repeated)} repeated header lines, first row {repeated[0] + 1}")
        body = [(at, row) for at, row in body if at not in set(repeated)]

    def batches() -> Iterator[RawBatch]:
        if body:
            yield RawBatch([pa.array([row[at] for _, row in body], pa.string()) for at in range(len(names))], [at for at, _ in body])

    sample = [[cell or "" for cell in row[: len(names)]] for _, row in body[:1000]]
    return RawTable(names, batches, _row, True, units, sample)
