"""Files of readings into batches of the contract's types (pyarrow, bounded memory, no JVM): the way in of every reading.

A file is opened as what it is and matched with the contract, by the site's description or by what its names, units and cells show
(features/site). A cell that is no value costs the cell, a time that cannot be read its row; what makes the rest doubtful refuses
the whole file, by name, with the reason `unsupported_format`, `unreadable`, `missing_column`, `wrong_type` or `bad_column_name`.
So does what no reader should meet: `too_large`, `no_file`, `outside_folder`, `killed_runs` (features/site/guard).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from features.site.cells import READING_TYPES as READING_TYPES
from features.site.drafting.listing import file_digest as file_digest
from features.site.drafting.listing import list_reading_files as list_reading_files
from features.site.drafting.listing import name_files as name_files
from features.site.notes import ChangingFile as ChangingFile
from features.site.notes import FileNotes as FileNotes
from features.site.notes import RefusedFile as RefusedFile
from features.site.reader import SiteReader as SiteReader
from features.site.times import parse_timestamps as parse_timestamps


def read_batches(path: Path, rows_per_batch: int) -> Iterator[pa.RecordBatch]:
    """Batches of one file that no site.yaml describes. Raises RefusedFile; batches yielded before that must be dropped."""
    return SiteReader().read(path, path.name, rows_per_batch)
