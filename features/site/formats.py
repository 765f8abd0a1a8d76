"""Opens a file by its content: delimited text, JSON lines, a workbook, Parquet; packed or not."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from config.sections.etl import ReadLimits
from config.site.readings import TextFormat
from features.site.cells import cell_text
from features.site.columns import fold, recognise
from features.site.delimited import is_units_row, open_delimited
from features.site.guard.limits import bounded, read_whole
from features.site.guard.opening import require_regular
from features.site.guard.workbook import read_workbook
from features.site.json_lines import open_json_lines
from features.site.lines import Member, unpack
from features.site.notes import FileNotes, RefusedFile
from features.site.parquet import open_parquet
from features.site.raw import RawBatch, RawTable, row_place

TEXT: Final = (".csv", ".tsv")
JSON_LINES: Final = (".jsonl", ".ndjson", ".json")
WORKBOOKS: Final = (".xlsx", ".xlsm", ".xls")
SUFFIXES: Final = (".parquet", *TEXT, *JSON_LINES, *WORKBOOKS)
_HEADER_WITHIN: Final = 20


def open_tables(
    path: Path, text_format: TextFormat, wanted: Collection[str], rows_per_batch: int, notes: FileNotes, limits: ReadLimits
) -> list[tuple[str, RawTable]]:
    """The tables of a file within `limits`, each with the name of its archive member.

    The name is empty outside archives. Tables and their batches raise RefusedFile, OSError.
    """
    require_regular(path)
    opening = Opening(text_format, wanted, rows_per_batch, notes, limits)
    return [(member.name, bounded(opening.open(member), limits)) for member in unpack(path, notes, limits)]


@dataclass(frozen=True)
class Opening:
    """How a file is opened: its format in site.yaml, and the limits on its size."""

    text_format: TextFormat
    wanted: Collection[str]
    rows_per_batch: int
    notes: FileNotes
    limits: ReadLimits

    def open(self, member: Member) -> RawTable:
        """The table of one file. Raises RefusedFile."""
        if member.suffix == ".parquet":
            return open_parquet(member, self.rows_per_batch, self.limits)
        if member.suffix in TEXT:
            return open_delimited(member, self.text_format, self.wanted, self.notes, self.limits)
        if member.suffix in JSON_LINES:
            return open_json_lines(member, self.text_format, self.rows_per_batch, self.notes, self.limits)
        if member.suffix in WORKBOOKS:
            return open_workbook(member, self.text_format, self.wanted, self.notes, self.limits)
        raise RefusedFile(
            f"unsupported_format: {member.suffix or 'no suffix'}; use one of {', '.join(SUFFIXES)}; text and JSON also as .gz or .zip"
        )


def open_workbook(member: Member, text_format: TextFormat, wanted: Collection[str], notes: FileNotes, limits: ReadLimits) -> RawTable:
    """The table of the sheet with the best known header.

    Raises RefusedFile, and HomeError without room for a temporary file.
    """
    book = read_workbook(read_whole(member.open, limits), text_format.sheet, limits)
    if text_format.sheet is not None and text_format.sheet not in book.sheet_names:
        raise RefusedFile(
            f"unreadable: no sheet {text_format.sheet!r}, but {', '.join(book.sheet_names)}; correct readings.format.sheet in site.yaml"
        )
    sheets, grids = [text_format.sheet] if text_format.sheet else book.sheet_names, book.grids
    known = {fold(name) for name in wanted}
    best = max(
        (
            (sum(isinstance(cell, str) and (recognise(cell) is not None or fold(cell) in known) for cell in grid[at]), -at, sheet)
            for sheet, grid in grids.items()
            for at in ([text_format.skip_rows] if text_format.skip_rows is not None else range(min(len(grid), _HEADER_WITHIN)))
            if at < len(grid)
        ),
        default=(0, 0, sheets[0]),
        key=lambda item: (item[0], item[1]),
    )
    sheet, header = best[2], -best[1]
    others = [name for name in book.sheet_names if name != sheet]
    if others and text_format.sheet is None:
        notes.assume(f"sheet {sheet!r} is read, not {', '.join(map(repr, others))} (readings.format.sheet)")
    return _sheet_table(grids[sheet], header, text_format, notes)


def _sheet_table(grid: list[list[Any]], header: int, text_format: TextFormat, notes: FileNotes) -> RawTable:
    rows = [[cell_text(cell) for cell in line] for line in grid]
    names = [(cell or "").strip() for cell in rows[header]] if header < len(rows) else []
    while names and not names[-1]:
        names.pop()
    if header and text_format.skip_rows is None:
        notes.leave_out(f"rows 1 to {header}, above the header")
    first = header + 1
    units: list[str] | None = None
    below = [cell or "" for cell in rows[first]] if first < len(rows) else []
    if text_format.units_row is not False and below and (text_format.units_row or is_units_row(below)):
        notes.assume(f"row {first + 1} is a row of units")
        units, first = below[: len(names)], first + 1
    last = len(rows) - text_format.footer_rows
    if text_format.footer_rows:
        notes.leave_out(f"footer: {text_format.footer_rows} rows")
    body = [(at, row) for at, row in enumerate(rows[first:last], first) if any(cell is not None for cell in row)]
    repeated = [at for at, row in body if [cell or "" for cell in row[: len(names)]] == names]
    if repeated:
        notes.leave_out(f"{len(repeated)} repeated header lines, first row {repeated[0] + 1}")
        body = [(at, row) for at, row in body if at not in set(repeated)]

    def batches() -> Iterator[RawBatch]:
        if body:
            yield RawBatch([pa.array([row[at] for _, row in body], pa.string()) for at in range(len(names))], [at for at, _ in body])

    sample = [[cell or "" for cell in row[: len(names)]] for _, row in body[:1000]]
    return RawTable(names, batches, row_place, True, units, sample)
