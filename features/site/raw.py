"""An opened file of any format: column names, batches of raw cells, and the place of every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.site.notes import Locate


def row_place(row: int) -> str:
    """A row, from 0, in the words of a person, for a format without lines."""
    return f"row {row + 1}"


@dataclass(frozen=True)
class RawBatch:
    """Cells by column, and the file's row of each (from 0, as `RawTable.locate` counts)."""

    arrays: list[pa.Array]
    rows: Sequence[int]


@dataclass(frozen=True)
class RawTable:
    """One table of a file.

    Cells of `text` need a number style. `units` is a row of units below the header.
    """

    names: list[str]
    batches: Callable[[], Iterator[RawBatch]]
    locate: Locate
    text: bool
    units: list[str] | None = None
    sample: Sequence[Sequence[str]] = ()  # the first rows of a text table, for its number style

    def without_deleted(self, kept: NDArray[np.bool_] | None) -> RawTable:
        """The same table without the rows that `kept` marks as deleted.

        Rows beyond its end stay. None keeps all.
        """
        if kept is None:
            return self

        def batches() -> Iterator[RawBatch]:
            for batch in self.batches():
                here = np.ones(len(batch.rows), bool)
                known = kept[batch.rows[0] : batch.rows[0] + len(batch.rows)] if len(batch.rows) else here
                here[: len(known)] = known
                yield RawBatch([array.filter(pa.array(here)) for array in batch.arrays], np.asarray(batch.rows)[here].tolist())

        return replace(self, batches=batches)
