"""Cells of a column as numbers.

A cell without a number becomes null, and its word is counted. A column of unknown words alone refuses the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from features.contract import MISSING_TEXT
from features.site.notes import FileNotes, Locate, RefusedFile

# Words of historians, spreadsheets and loggers that stand for no value, whatever their case.
STATE_WORDS: Final = frozenset(
    {
        "no data",
        "nodata",
        "bad",
        "bad input",
        "bad data",
        "bad quality",
        "i/o timeout",
        "io timeout",
        "timeout",
        "pt created",
        "point created",
        "shutdown",
        "scan off",
        "scan timeout",
        "calc failed",
        "comm fail",
        "comm failure",
        "not connect",
        "not connected",
        "intf shut",
        "under range",
        "over range",
        "underrange",
        "overrange",
        "out of serv",
        "out of service",
        "configure",
        "doc off",
        "no sample",
        "no result",
        "trace",
        "invalid",
        "invalid data",
        "error",
        "err",
        "fault",
        "offline",
        "unavailable",
        "uncertain",
        "missing",
        "#value!",
        "#ref!",
        "#div/0!",
        "#name?",
        "#num!",
        "#null!",
        "#n/a",
        "#n/a n/a",
        "nil",
        "null",
        "(null)",
        "none",
        "nan",
        "na",
        "n/a",
        "?",
        "--",
        "---",
        "----",
        "*",
        "***",
        "****",
    }
)
_POINT_SURE: Final = re.compile(
    r"^[+-]?(\d+\.(\d{1,2}|\d{4,})|0\d*\.\d+|\d{4,}\.\d+|\.\d+|\d{1,3}(,\d{3})+\.\d+)(e[+-]?\d+)?$", re.IGNORECASE
)
_COMMA_SURE: Final = re.compile(
    r"^[+-]?(\d+,(\d{1,2}|\d{4,})|0\d*,\d+|\d{4,},\d+|,\d+|\d{1,3}([. ']\d{3})+,\d+)(e[+-]?\d+)?$", re.IGNORECASE
)
_EITHER: Final = re.compile(r"^[+-]?\d{1,3}(,\d{3})+$")
_SPACES: Final = "\u00a0\u202f\u2009"  # that stand between thousands


@dataclass(frozen=True)
class NumberStyle:
    """The decimal sign, and the signs between thousands.

    `sure`: a cell or site.yaml showed the decimal sign.
    """

    decimal: str = "."
    thousands: str = ""
    sure: bool = True


def find_style(cells: Iterable[str], decimal: str | None, thousands: str | None) -> NumberStyle | str:
    """The style of a file's numbers, from a sample. Values from site.yaml win.

    A text instead of a style is a cell that fits both styles.
    """
    if decimal is not None:
        return NumberStyle(decimal, thousands or "")
    points, commas, either = 0, 0, ""
    for cell in cells:
        points += bool(_POINT_SURE.match(cell))
        commas += bool(_COMMA_SURE.match(cell))
        if not either and _EITHER.match(cell):
            either = cell
    if commas > points:
        return NumberStyle(",", thousands or ".")
    if either and not points:
        return either
    return NumberStyle(".", thousands or ("," if points else ""), points > 0)


@dataclass
class NumberReader:
    """Reads the number columns of one file.

    It keeps what it needs to refuse a column without any number.
    """

    notes: FileNotes
    style: NumberStyle
    missing_words: frozenset[str]
    missing_numbers: tuple[float, ...]
    numbers: dict[str, int] = field(default_factory=dict)  # column -> cells that are numbers
    strange: dict[str, tuple[str, int]] = field(default_factory=dict)  # column -> first word that nobody knows, and its row

    @classmethod
    def of(cls, notes: FileNotes, style: NumberStyle, missing: Sequence[str | int | float]) -> NumberReader:
        """A reader with the built-in words for missing values and those of site.yaml."""
        words = {str(word).strip().lower() for word in missing}
        numbers = tuple(number for word in missing if (number := _number(word)) is not None)
        return cls(notes, style, frozenset({*words, *STATE_WORDS, *(word.lower() for word in MISSING_TEXT)}), numbers)

    def read(self, column: pa.Array, name: str, rows: Sequence[int]) -> pl.Series:
        """Float64, null where the cell has no value. Raises RefusedFile for a type that is no number."""
        kind = column.type
        if is_number(kind):
            values = pl.Series(column.cast(pa.float64()))
        elif is_text(kind):
            values = self._from_text(pl.Series(column), name, rows)
        elif pa.types.is_null(kind):
            return pl.Series(pl.repeat(None, len(column), dtype=pl.Float64, eager=True))
        else:
            raise RefusedFile(f"wrong_type: {name} is {kind}, expected a number")
        for number in self.missing_numbers:
            cells = int((values == number).sum())
            if cells:
                self.notes.count_word(name, f"{number:g}", cells)
                values = pl.select(pl.when(pl.lit(values) == number).then(None).otherwise(pl.lit(values))).to_series()
        self.numbers[name] = self.numbers.get(name, 0) + len(values) - values.null_count()
        return values

    def refuse_wordy(self, locate: Locate) -> None:
        """Raise RefusedFile for a column without any number that holds an unknown word."""
        for name, (word, row) in self.strange.items():
            if not self.numbers.get(name):
                raise RefusedFile(
                    f"wrong_type: {name}: {word!r} ({locate(row)}) is no number, and the column has none; "
                    "name the right column, or list the word under readings.missing in site.yaml"
                )

    def _from_text(self, text: pl.Series, name: str, rows: Sequence[int]) -> pl.Series:
        cells = text.str.strip_chars()
        values = self._parse(cells)
        lost = values.is_null() & cells.is_not_null() & (cells != "")
        if lost.any():
            for word, count in cells.filter(lost).value_counts().sort("count", descending=True).iter_rows():
                self.notes.count_word(name, word, count)
            commas = lost & cells.str.contains(r"^[+-]?\d+,\d+$")
            if not self.style.sure and commas.any():
                at = int(commas.arg_max() or 0)
                raise RefusedFile(
                    f"wrong_type: {name}: {cells[at]!r} has a comma, but the first numbers of the file have neither comma nor point; "
                    "set readings.format.decimal in site.yaml"
                )
            unknown = lost & ~cells.str.to_lowercase().is_in(list(self.missing_words))
            if unknown.any() and name not in self.strange:
                at = int(unknown.arg_max() or 0)
                self.strange[name] = (cells[at], int(rows[at]))
        return values

    def _parse(self, cells: pl.Series) -> pl.Series:
        """Null where a cell is no finite number in this file's style."""
        decimal, between = re.escape(self.style.decimal), re.escape(self.style.thousands)
        if self.style.decimal == ".":
            values = cells.cast(pl.Float64, strict=False)
        else:
            plain = pl.lit(cells).str.contains(rf"^[+-]?\d*{decimal}?\d*(?:[eE][+-]?\d+)?$")
            values = pl.select(pl.when(plain).then(pl.lit(cells).str.replace(self.style.decimal, ".", literal=True))).to_series()
            values = values.cast(pl.Float64, strict=False)
        if between and values.null_count() > cells.null_count():
            grouped = pl.lit(cells).str.contains(rf"^[+-]?\d{{1,3}}(?:[{between}{_SPACES}]\d{{3}})+(?:{decimal}\d*)?$")
            digits = pl.lit(cells).str.replace_all(rf"[{between}{_SPACES}]", "").str.replace(self.style.decimal, ".", literal=True)
            values = pl.select(pl.coalesce(pl.lit(values), pl.when(grouped).then(digits).cast(pl.Float64, strict=False))).to_series()
        if (values.is_finite() == False).any():  # noqa: E712 - null stays null
            values = pl.select(pl.when(pl.lit(values).is_finite()).then(pl.lit(values))).to_series()
        return values


def present_text(column: pa.Array) -> pa.Array:
    """Text without blanks around it; null for a missing value."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.is_in(text, value_set=pa.array(MISSING_TEXT)), pa.scalar(None, pa.string()), text)


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether an Arrow type is a number."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _number(word: str | int | float) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
