"""Turns files of readings into batches of the contract's types. Every reading comes in here.

It uses pyarrow with bounded memory and no JVM. A file is opened by its content and matched with the contract.
The site's description decides, else names, units and cells do (features/site).

A cell without a valid value loses the cell. An unreadable time loses its row. Any other doubt refuses the
whole file, by name, with a reason: `unsupported_format`, `unreadable`, `missing_column`, `wrong_type` or
`bad_column_name`. Unsafe files are refused as `too_large`, `no_file`, `outside_folder` or `killed_runs`
(features/site/guard).
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
    """Batches of one file that no site.yaml describes.

    Raises RefusedFile. Batches yielded before that must be dropped.
    """
    return SiteReader().read(path, path.name, rows_per_batch)
