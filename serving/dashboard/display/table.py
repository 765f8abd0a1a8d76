"""A table that a screen reader reads, a keyboard follows and a spreadsheet opens. Every text in it is escaped."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Generic, TypeVar

from markupsafe import Markup, escape

RowT = TypeVar("RowT")
Value = str | int | float | Decimal | datetime | date | None

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # how a text begins that a spreadsheet would compute


@dataclass(frozen=True)
class Column(Generic[RowT]):
    """One column: its value in a file, and how the page shows it (None: as the value's text)."""

    title: str
    value: Callable[[RowT], Value]
    cell: Callable[[RowT], Markup | str] | None = None
    number: bool = False  # stands right
    wide: bool = False  # may take what is left
    in_page: bool = True
    in_file: bool = True

    def html(self, row: RowT) -> Markup:
        """The cell, escaped unless it is Markup."""
        if self.cell is not None:
            return escape(self.cell(row))
        value = self.value(row)
        return escape("–" if value is None else value)


def html_table(rows: Sequence[RowT], columns: Sequence[Column[RowT]], caption: str) -> Markup:
    """The table with a caption for screen readers. The first column names the row."""
    columns = [column for column in columns if column.in_page]
    head = Markup("").join(Markup('<th scope="col" class="{0}">{1}</th>').format(_classes(column), column.title) for column in columns)
    body = Markup("").join(_html_row(row, columns) for row in rows)
    return Markup(
        '<div class="az-scroll" role="region" aria-label="{0}" tabindex="0"><table class="az-table"><caption>{0}</caption>'
        "<thead><tr>{1}</tr></thead><tbody>{2}</tbody></table></div>"
    ).format(caption, head, body)


def csv_text(rows: Iterable[RowT], columns: Sequence[Column[RowT]]) -> str:
    """The rows as CSV (RFC 4180), with the columns' titles. A text that a spreadsheet would compute begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    kept = [column for column in columns if column.in_file]
    writer.writerow([column.title for column in kept])
    writer.writerows([_plain(column.value(row)) for column in kept] for row in rows)
    return out.getvalue()


def _html_row(row: RowT, columns: Sequence[Column[RowT]]) -> Markup:
    name, *others = columns
    first = Markup('<th scope="row" class="{0}">{1}</th>').format(_classes(name), name.html(row))
    rest = (Markup('<td class="{0}">{1}</td>').format(_classes(column), column.html(row)) for column in others)
    return Markup("<tr>{0}</tr>").format(Markup("").join((first, *rest)))


def _classes(column: Column[RowT]) -> str:
    return " ".join(name for name, has in (("az-number", column.number), ("az-wide", column.wide)) if has)


def _plain(value: Value) -> str | int | float | Decimal:
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
