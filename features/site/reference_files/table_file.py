"""A small table as a site writes it, with all cells as text.

It may have any encoding, any delimiter, and titles above the header.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from config.errors import MetadataError
from config.sections.etl import ReadLimits
from config.site.reference_files import TableSection, same_word
from features.contract import MISSING_TEXT
from features.site.guard.limits import MB
from features.site.guard.opening import open_inside
from features.site.guard.workbook import read_workbook
from features.site.notes import RefusedFile

_DELIMITERS: Final = (",", ";", "\t", "|")
_HEADER_WITHIN: Final = 20  # lines; a title or a date of export may stand above the header
_BYTE_ORDER_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_UNIT: Final = re.compile(r"[(\[].*?[)\]]")
_NO_CHARACTER: Final = "\ufffd"  # in place of NUL, which no database takes
_WORKBOOKS: Final = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")


@dataclass(frozen=True)
class Row:
    """One row: its line in the file (or row of the sheet), and its cells by field; None: no value."""

    line: int
    cells: Mapping[str, str | None]
    fault: str | None = None  # why it is no row at all


@dataclass(frozen=True)
class TextTable:
    """The rows below the header. `delimiter` is None in a workbook."""

    rows: list[Row]
    fields: frozenset[str]  # found in the header
    delimiter: str | None
    ends_its_lines: bool  # False: the last line has no line end, the others have
    assumed: list[str]  # what was found out, for the report
    sha256: str = ""  # of the bytes that were read


@dataclass(frozen=True)
class Header:
    """The columns to find: the column name of each field, and the fields that must exist."""

    columns: Mapping[str, str]
    needed: Sequence[str]

    def places(self, cells: Sequence[str]) -> dict[str, int]:
        """The position of each field's column in a header line. Of two equal names the first counts."""
        names = [_plain(cell) for cell in cells]
        return {field: names.index(_plain(column)) for field, column in self.columns.items() if _plain(column) in names}

    def lacks(self, found: Mapping[str, int]) -> list[str]:
        """The needed columns that are missing."""
        return [self.columns[field] for field in self.needed if field not in found]


@dataclass(frozen=True)
class _Records:
    """A file split into cells, before its header is found."""

    lines: list[tuple[int, list[str]]]  # line number (row of a sheet) and cells
    delimiter: str | None  # None in a workbook
    ends_its_lines: bool
    assumed: list[str]


def read_table(path: Path, section: TableSection, header: Header, limits: ReadLimits) -> TextTable:
    """The table in `path`.

    Raises MetadataError when it cannot be read, is too large, or lacks a needed column.
    """
    content = _read_bytes(path, limits)
    digest = hashlib.sha256(content).hexdigest()
    if path.suffix.lower() in _WORKBOOKS:
        records = _Records(_read_sheet(path, content, section.sheet, limits), None, True, [])
        return replace(_below_header(path, records, section, header), sha256=digest)
    text, assumed = _decode(path, content, section.encoding)
    delimiters = [section.delimiter] if section.delimiter else list(_DELIMITERS)
    _refuse_wide(path, text, delimiters, limits)
    delimiter = max(delimiters, key=lambda item: _fit(text, item, header))
    if delimiter != "," and not section.delimiter:
        assumed.append(f"columns are separated by {delimiter!r}")
    records = _Records(_split(text, delimiter), delimiter, _ends_its_lines(text), assumed)
    return replace(_below_header(path, records, section, header), sha256=digest)


def _read_bytes(path: Path, limits: ReadLimits) -> bytes:
    """The bytes of the file. Only a plain file is opened, and no link out of its folder is followed."""
    most = limits.reference_mb * MB
    try:
        with open_inside(path, path.parent) as stream:
            content = stream.read(most + 1)
    except OSError as error:
        raise MetadataError(f"{path} cannot be read: {error.strerror}") from error
    except RefusedFile as refusal:
        raise MetadataError(f"{path} cannot be read: {refusal.reason}") from None
    if len(content) > most:
        raise MetadataError(f"{path} is larger than {limits.reference_mb} MB (etl_config.yaml: ingest.limits.reference_mb): shorten it")
    return content


def _refuse_wide(path: Path, text: str, delimiters: Sequence[str], limits: ReadLimits) -> None:
    """Raise MetadataError before a line near the top splits into too many cells."""
    for line in _lines(text)[:_HEADER_WITHIN]:
        cells = 1 + max(map(line.count, delimiters))
        if cells > limits.columns:
            raise MetadataError(f"{path} has {cells:,} columns; the limit is {limits.columns:,} (etl_config.yaml: ingest.limits.columns)")


def _decode(path: Path, content: bytes, encoding: str | None) -> tuple[str, list[str]]:
    """The text, and what was assumed of its encoding.

    It is UTF-8 unless a byte order mark or the bytes show another one.
    """
    found = encoding or next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), None)
    try:
        if found is not None:
            return content.decode(found).lstrip("\ufeff"), []
        if b"\0" in content[:200]:
            wide = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
            return content.decode(wide), [f"read as {wide}"]
        return content.decode("utf-8"), []
    except LookupError as error:
        raise MetadataError(f"{path} cannot be read: {found!r} is no encoding; correct `encoding` in site.yaml") from error
    except UnicodeDecodeError as error:
        if found is not None or b"\0" in content[:200]:
            raise MetadataError(
                f"{path} cannot be read as {error.encoding} (byte {error.start}): set its `encoding` in site.yaml"
            ) from error
    try:
        return content.decode("cp1252"), ["read as cp1252"]
    except UnicodeDecodeError as error:
        raise MetadataError(f"{path} is neither UTF-8 nor cp1252 (byte {error.start}): set its `encoding` in site.yaml") from error


def _fit(text: str, delimiter: str, header: Header) -> tuple[int, int]:
    """Known fields and columns of the best line near the top, when split by `delimiter`."""
    lines = _split("\n".join(_lines(text)[:_HEADER_WITHIN]), delimiter)
    return max(((len(header.places(cells)), len(cells)) for _, cells in lines), default=(0, 0))


def _split(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Line number and cells of each record.

    If quotes do not pair, the text is split line by line, so that one quote loses one row.
    """
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        lines, start = [], 1
        for cells in reader:
            lines.append((start, cells))
            start = reader.line_num + 1
    except csv.Error:
        return [(number, _cells(line, delimiter)) for number, line in enumerate(_lines(text), 1)]
    return lines


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line. An extremely long line is one cell."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]


def _lines(text: str) -> list[str]:
    return io.StringIO(text, newline=None).read().split("\n")


def _ends_its_lines(text: str) -> bool:
    return text.endswith(("\n", "\r")) or len(_lines(text)) < 2


def _read_sheet(path: Path, content: bytes, sheet: str | None, limits: ReadLimits) -> list[tuple[int, list[str]]]:
    """Row number and cells of a sheet. Whole numbers and dates are written as in a CSV file."""
    try:
        book = read_workbook(content, sheet, limits)
    except RefusedFile as refusal:
        raise MetadataError(f"{path} cannot be read: {refusal.reason}") from None
    name = sheet or next(iter(book.sheet_names), "")
    if name not in book.grids:
        raise MetadataError(f"{path} cannot be read: no sheet {name!r}, but {', '.join(book.sheet_names)}; correct `sheet` in site.yaml")
    return [(number, [_cell_text(cell) for cell in row]) for number, row in enumerate(book.grids[name], 1)]


def _cell_text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    isoformat = getattr(cell, "isoformat", None)
    return str(cell) if isoformat is None else str(isoformat())


def _below_header(path: Path, records: _Records, section: TableSection, header: Header) -> TextTable:
    """The rows below the header. Raises MetadataError if there is none, or if it lacks a needed column."""
    lines, assumed = records.lines, records.assumed
    top = lines[:_HEADER_WITHIN]
    at = max(range(len(top)), key=lambda place: (len(header.places(top[place][1])), -place), default=None)
    if at is None:
        raise MetadataError(f"{path} is empty: it needs the columns {', '.join(header.columns.values())}")
    names = top[at][1]
    places = header.places(names)
    if header.lacks(places):
        expected = ", ".join(header.columns.values())
        raise MetadataError(
            f"{path} lacks the column(s) {', '.join(header.lacks(places))}; expected {expected}. "
            "Columns of other names go into section `reference` of site.yaml"
        )
    if at:
        assumed = [*assumed, f"the header is line {top[at][0]}"]
    none = {same_word(word) for word in (*MISSING_TEXT, *section.missing)}
    rows = []
    for line, cells in lines[at + 1 :]:
        if not any(cell.strip() for cell in cells):
            continue
        filled = [
            None if same_word(cell) in none else cell.strip().replace("\0", _NO_CHARACTER)
            for cell in (*cells, *[""] * (len(names) - len(cells)))
        ]
        too_many = any(cell.strip() for cell in cells[len(names) :])
        fault = f"{len(cells)} cells below {len(names)} columns" if too_many or len(cells) < len(names) else None
        rows.append(Row(line, {field: filled[place] for field, place in places.items()}, fault))
    return TextTable(rows, frozenset(places), records.delimiter, records.ends_its_lines, assumed)


def _plain(name: str) -> str:
    """A column's name in the form in which names are compared.

    Units in brackets are removed, letters are lower case, blanks are underscores.
    """
    return "_".join(_UNIT.sub(" ", name.replace("\ufeff", "")).split()).casefold()
