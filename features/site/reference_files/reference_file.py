"""The content of a reference file: its rows, and every rejected row by line and word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from config.errors import MetadataError
from config.plain_text import is_plain
from config.site.reference_files import TableSection, same_word
from features.contract import COMPRESSOR_ID
from features.site.guard.opening import is_inside
from features.site.reference_files.cell_values import Decimal, decimal_sign
from features.site.reference_files.table_file import Row, TextTable

DUPLICATE: Final = "duplicate"
_SHA_CHARACTERS: Final = 12
_MOST_WORD_CHARACTERS: Final = 100  # of a rejected cell that are reported
_MOST_ID_CHARACTERS: Final = 50  # of the warehouse's keys


@dataclass(frozen=True)
class RejectedRow:
    """A row or cell of a reference file that cannot be used, and what to do about it.

    `line` is None for the whole file.
    """

    file: str
    line: int | None
    column: str
    word: str
    reason: str
    cure: str


@dataclass(frozen=True)
class Doubt:
    """The event that a rejected row may describe; None: any. Such an event is not withdrawn."""

    compressor_id: str | None
    event_date: datetime | None

    def may_be(self, compressor_id: str, event_date: datetime) -> bool:
        """Whether the row may describe this event.

        A row with neither compressor nor date describes no event.
        """
        if self.compressor_id is None and self.event_date is None:
            return False
        return self.compressor_id in (None, compressor_id) and self.event_date in (None, event_date)


@dataclass
class ReferenceFile:
    """The rows, rejects and assumptions of one reference file."""

    name: str
    origin: str  # name and start of the SHA-256, the value of `withdrawn_by` and `retired_by`
    whole: bool = True  # False: its last line has no line end, so that lines may be lost
    rows: list[dict[str, Any]] = field(default_factory=list)  # by the fields of the table
    named: set[str] = field(default_factory=set)  # compressors it names, also in rows that were rejected
    rejected: list[RejectedRow] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)  # rows that are no maintenance, or not done yet, by reason
    doubts: list[Doubt] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)

    def reject(self, row: Row, column: str, word: str | None, reason: str, cure: str) -> None:
        """Note a row or cell that cannot be used."""
        self.rejected.append(RejectedRow(self.name, row.line, column, (word or "")[:_MOST_WORD_CHARACTERS], reason, cure))

    def reject_ragged(self, row: Row, columns: Mapping[str, str]) -> bool:
        """Whether `row` has too many or too few cells. If so, it is rejected."""
        if row.fault is not None:
            cure = "write one cell for each column, and put text that holds the delimiter in quotes"
            self.reject(row, next(iter(columns.values())), row.fault, "wrong_column_count", cure)
        return row.fault is not None

    def compressor_of(self, row: Row, column: str) -> str | None:
        """The compressor that `row` names. None, and a reject, if it names none that is valid."""
        name = row.cells[COMPRESSOR_ID]
        if name is None:
            self.reject(row, column, None, "missing_compressor_id", "write the compressor's id, or remove the row")
        elif len(name) > _MOST_ID_CHARACTERS:
            self.reject(row, column, name, "bad_compressor_id", f"an id has at most {_MOST_ID_CHARACTERS} characters")
        elif not is_plain(name):
            self.reject(row, column, name, "bad_compressor_id", "an id has no control characters: write it again")
        else:
            return name
        return None


def open_reference(path: Path, table: TextTable) -> ReferenceFile:
    """The record of the table read from `path`, without rows yet."""
    return ReferenceFile(path.name, f"{path.name} {table.sha256[:_SHA_CHARACTERS]}", table.ends_its_lines, assumed=list(table.assumed))


def find_files(folder: Path, section: TableSection) -> list[Path]:
    """The files in `folder` that fit the name or pattern of `section`, by name. The last one is read.

    Raises MetadataError for a name that is no pattern within the folder.
    """
    try:
        found = sorted(path for path in folder.glob(section.file) if not path.name.startswith((".", "_", "~$")))
    except (ValueError, NotImplementedError) as error:
        raise MetadataError(f"site.yaml: reference: file {section.file!r} is no name or pattern within the folder ({error})") from error
    for path in found:
        if not is_inside(path.parent, folder):
            raise MetadataError(f"{path.parent} is a link that leads out of {folder}: put the files there")
    return found


def decimal_of(file: ReferenceFile, table: TextTable, section: TableSection, fields: tuple[str, ...]) -> Decimal:
    """The decimal sign of the file's numbers. An assumption is recorded."""
    if section.decimal is not None:
        return section.decimal
    numbers = (row.cells.get(name) for row in table.rows for name in fields)
    decimal, is_assumed = decimal_sign((text for text in numbers if text is not None), table.delimiter)
    if is_assumed:
        file.assumed.append(f"the decimal sign is {decimal!r}; set `decimal` in site.yaml if it is not")
    return decimal


def words(mapping: Mapping[str, str]) -> dict[str, str]:
    """`mapping` with its keys in the form in which words are compared."""
    return {same_word(word): meaning for word, meaning in mapping.items()}
