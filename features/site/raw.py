"""A file opened, of whatever format: column names and batches of cells as they stand, with the place of every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from features.site.notes import Locate


@dataclass(frozen=True)
class RawBatch:
    """Cells by column, and the row of the file that each comes from (from 0, as `RawTable.locate` counts)."""

    arrays: list[pa.Array]
    rows: Sequence[int]


@dataclass(frozen=True)
class RawTable:
    """One table of a file: `text` cells need a number style; `units` is a row of units under the header."""

    names: list[str]
    batches: Callable[[], Iterator[RawBatch]]
    locate: Locate
    text: bool
    units: list[str] | None = None
    sample: Sequence[Sequence[str]] = ()  # the first rows of a text table, for its number style
