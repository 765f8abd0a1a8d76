"""Delimited text: finds header, delimiter and units row, and reads rows as batches of text."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from config.sections.etl import ReadLimits
from config.site.readings import TextFormat
from config.site.units import is_unit
from features.site.columns import fold, recognise
from features.site.guard.limits import MB, refuse_header, too_large
from features.site.lines import Member, find_encoding, open_lines
from features.site.notes import FileNotes, Locate, RefusedFile
from features.site.raw import RawBatch, RawTable

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_HEADER_WITHIN: Final = 20  # lines of a title that may stand above the header
_SAMPLE_ROWS: Final = 1000
_LONGEST_CELL: Final = 1 << 20


@dataclass(frozen=True)
class Dialect:
    """How the file is written.

    `header` is the line of the column names, from 0. `first` is the line of the first row.
    """

    delimiter: str
    header: int
    first: int
    names: list[str]
    units: list[str] | None


def open_delimited(member: Member, text_format: TextFormat, wanted: Collection[str], notes: FileNotes, limits: ReadLimits) -> RawTable:
    """The table of a text file. Raises RefusedFile.

    `wanted` are the column names in site.yaml.
    """
    csv.field_size_limit(_LONGEST_CELL)  # lines are no longer
    encoding = find_encoding(member, text_format.encoding, notes)

    def stream() -> io.BufferedReader:
        return open_lines(member, encoding, text_format.footer_rows, notes, limits)

    head = list(_head(stream(), limits))
    _refuse_wide_lines(head[: (text_format.skip_rows or 0) + _HEADER_WITHIN], text_format, limits)
    dialect = find_dialect(head, text_format, wanted, notes)
    refuse_header(dialect.names, limits)
    rows = [cells for cells in csv.reader(head[dialect.first :], delimiter=dialect.delimiter) if cells]
    names = dialect.names
    if rows and all(len(cells) == len(names) + 1 and not cells[-1].strip() for cells in rows):
        names = [*names, ""]  # every row ends with a delimiter, the header does not

    def locate(row: int) -> str:
        place = next((line for number, (line, _) in enumerate(_records(stream(), dialect)) if number == row), None)
        return f"line {place}" if place is not None else f"row {row + 1}"

    def batches() -> Iterator[RawBatch]:
        yield from _batches(stream, dialect, names, notes, locate)

    return RawTable(names, batches, locate, True, dialect.units, [cells for cells in rows if len(cells) == len(names)])


def find_dialect(head: Sequence[str], text_format: TextFormat, wanted: Collection[str], notes: FileNotes) -> Dialect:
    """Header and delimiter: the first line with most known names wins.

    Values from site.yaml have priority.
    """
    start = 0
    delimiters = [text_format.delimiter] if text_format.delimiter else list(DELIMITERS)
    if head and head[0].lower().startswith("sep=") and len(head[0].strip()) == 5:
        start, delimiters = 1, [text_format.delimiter or head[0].strip()[4]]
    lines = [text_format.skip_rows] if text_format.skip_rows is not None else range(start, min(len(head), start + _HEADER_WITHIN))
    known = {fold(name) for name in wanted}
    best: tuple[int, int, int, Dialect] | None = None
    for at in lines:
        for delimiter in delimiters:
            names = _cells(head[at], delimiter) if at < len(head) else []
            hits = sum(recognise(name) is not None or fold(name) in known for name in names)
            score = (hits, -at if hits else -at - 1000, len(names))
            if best is None or score > best[:3]:
                best = (*score, Dialect(delimiter, at, at + 1, names, None))
    found = best[3] if best else Dialect(",", 0, 1, [], None)
    if text_format.delimiter is None and found.delimiter != ",":
        notes.assume(f"cells are separated by {DELIMITERS.get(found.delimiter, found.delimiter)}")
    if text_format.skip_rows is None and found.header > start:
        notes.leave_out(f"lines {start + 1} to {found.header}, above the header")
    below = _cells(head[found.first], found.delimiter) if found.first < len(head) else []
    if text_format.units_row is not False and below and (text_format.units_row or is_units_row(below)):
        notes.assume(f"line {found.first + 1} is a row of units")
        units = [*below, *[""] * len(found.names)][: len(found.names)]
        return Dialect(found.delimiter, found.header, found.first + 1, found.names, units)
    return found


def is_units_row(cells: Sequence[str]) -> bool:
    """Whether cells are units: at least two, more than half of all, and no number among them."""
    present = [cell.strip() for cell in cells if cell.strip()]
    units = sum(is_unit(cell) for cell in present)
    return units >= 2 and 2 * units > len(present) and not any(_is_number(cell) for cell in present)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _refuse_wide_lines(lines: Sequence[str], text_format: TextFormat, limits: ReadLimits) -> None:
    """Raise RefusedFile before a line splits into more cells than columns are allowed."""
    for line in lines:
        cells = 1 + max(line.count(delimiter) for delimiter in ([text_format.delimiter] if text_format.delimiter else DELIMITERS))
        if cells > limits.columns:
            raise too_large(f"{cells:,} columns", "columns", limits.columns)


def _head(stream: io.BufferedReader, limits: ReadLimits) -> Iterator[str]:
    """The first lines, up to `batch_mb`. They must contain the header."""
    size = 0
    for line in islice(_text(stream), _HEADER_WITHIN + _SAMPLE_ROWS):
        size += len(line)
        if size > limits.batch_mb * MB:
            return
        yield line.rstrip("\r\n")


def _text(stream: io.BufferedReader) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")


def _records(stream: io.BufferedReader, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Line number (from 1) and cells of every row that is not blank."""
    lines = _text(stream)
    for _ in range(dialect.first):
        next(lines, None)
    reader = csv.reader(lines, delimiter=dialect.delimiter)
    before = 0
    for cells in reader:
        if cells:
            yield dialect.first + before + 1, cells
        before = reader.line_num


def _batches(
    stream: Callable[[], io.BufferedReader], dialect: Dialect, names: list[str], notes: FileNotes, locate: Locate
) -> Iterator[RawBatch]:
    places = [f"c{at}" for at in range(len(names))]
    parse = pacsv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True)
    convert = pacsv.ConvertOptions(column_types=dict.fromkeys(places, pa.string()), null_values=[""], strings_can_be_null=True)
    reading = pacsv.ReadOptions(column_names=places, skip_rows=dialect.first)
    first = 0
    repeated: list[int] = []
    try:
        with pacsv.open_csv(stream(), read_options=reading, parse_options=parse, convert_options=convert) as source:
            for batch in source:
                rows: Sequence[int] = range(first, first + len(batch))
                first += len(batch)
                arrays = batch.columns
                header = _is_header(arrays, dialect.names)
                if header is not None:
                    repeated += [rows[int(at)] for at in np.flatnonzero(header)]
                    rows = np.flatnonzero(~header) + rows[0]  # type: ignore[assignment]
                    arrays = [array.filter(pa.array(~header)) for array in arrays]
                yield RawBatch(arrays, rows)
    except pa.ArrowInvalid as error:
        raise RefusedFile(_parse_refusal(error, stream(), dialect, names)) from error
    if repeated:
        notes.leave_out(f"{len(repeated)} repeated header lines, first {locate(repeated[0])}")


def _is_header(arrays: Sequence[pa.Array], names: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
    """Which rows repeat the header; None: none does."""
    same = None
    for array, name in list(zip(arrays, names, strict=False))[:3]:
        equal = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(array), name), not name)
        same = equal if same is None else pc.and_(same, equal)
        if not pc.any(same, min_count=0).as_py():
            return None
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None if same is None else same.to_numpy(zero_copy_only=False)
    return found


def _parse_refusal(error: pa.ArrowInvalid, stream: io.BufferedReader, dialect: Dialect, names: Sequence[str]) -> str:
    """The parser's message with the line, and what to do."""
    reason = " ".join(str(error).split())[:100]
    for line, cells in _records(stream, dialect):
        if len(cells) != len(names):
            text = dialect.delimiter.join(cells)[:60]
            reason = f"CSV parse error: Expected {len(names)} columns, got {len(cells)}: line {line}: {text!r}"
            return f"unreadable: {reason}; correct the line, or set readings.format in site.yaml (delimiter, skip_rows, footer_rows)"
    return f"unreadable: {reason}; set readings.format in site.yaml (delimiter, encoding)"
