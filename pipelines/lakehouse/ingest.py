"""Loads reference files and readings of a folder into the lake: `altaviz ingest`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.errors import AllRefusedError, NoReadingsError
from config.settings import Settings
from config.site.description import load_site
from features import bronze
from features.intake import SiteReader, list_reading_files, name_files
from features.lake import BRONZE, COMPRESSORS, Lake
from features.reference_tables.loading import ReferenceRules, load_reference
from features.reference_tables.tables import read_reference
from features.row_counts import count_rows
from features.withdrawals import read_withdrawn
from pipelines.runtime.console import StageReporter
from pipelines.runtime.lake_lock import writing_lake
from pipelines.runtime.spark import LazySpark

if TYPE_CHECKING:
    from features.intake import FileNotes


def ingest(settings: Settings, folder: Path, spark: LazySpark, report: StageReporter, site_file: Path | None = None) -> dict[str, Any]:
    """Load `folder` into bronze and the reference tables. Known files add nothing.

    `site_file` describes the site's files (None: site.yaml in the folder, if there is one). Returns the row counts
    (features.row_counts.count_rows) and what this run loaded. `refused_reference_files` names a reference file that cannot be read. The
    lake then keeps its reference data; without any, MetadataError. Raises AllRefusedError if every reading file was refused,
    NoReadingsError if there is none or all are empty.
    """
    started = time.perf_counter()
    site = load_site(folder, site_file)
    files = list_reading_files(folder)
    lake = Lake(settings.lake_uri)
    rules = ReferenceRules(settings.fleet, settings.etl.ingest, site.reference)
    with writing_lake(settings):
        reference = load_reference(lake, folder, rules, datetime.now(UTC))
        with report.stage("ingest") as advance:
            named = name_files(folder, files)
            compressors = read_reference(lake, COMPRESSORS)
            stations = dict(zip(compressors["compressor_id"], compressors["station_id"], strict=True))
            reader = SiteReader(site.readings, stations, limits=settings.etl.ingest.limits, folder=folder)
            load = bronze.BronzeLoad(lake, settings.home / "staging", settings.etl.ingest, datetime.now(UTC))
            loaded = bronze.load_files(spark.get, load, named, advance, reader)
            advance(len(files), len(files), rows=sum(loaded.loaded.values()))
        if not lake.exists(BRONZE) and not loaded.refused:
            why = f"{', '.join(loaded.changing)} is still being written: run it again" if loaded.changing else "all are empty"
            raise NoReadingsError(f"{folder / 'readings'}: no file holds a reading that can be loaded ({why})")
        books, withdrawn = count_rows(lake), read_withdrawn(lake)
    result: dict[str, Any] = {
        **books,
        "loaded_files": loaded.loaded,
        "known_files": loaded.known,
        "refused_files": loaded.refused,
        "changing_files": loaded.changing,
        "withdrawn_files": [name for name in loaded.known if loaded.digests[name] in withdrawn],
        **reference.facts(),
        **note_facts(loaded.notes),
        "seconds": round(time.perf_counter() - started, 2),
    }
    if len(loaded.refused) == len(files):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in loaded.refused.items())
        raise AllRefusedError(f"{folder / 'readings'}: no file holds a reading that can be loaded ({reasons})", result)
    return result


def note_facts(notes: Mapping[str, FileNotes]) -> dict[str, Any]:
    """`assumed`, `null_words`, `unused_columns` and `left_out_lines` by file, without empty ones."""
    return {
        "assumed": {name: note.assumed for name, note in notes.items() if note.assumed},
        "null_words": {
            name: {column: dict(words) for column, words in note.null_words.items()} for name, note in notes.items() if note.null_words
        },
        "unused_columns": {name: note.unused_columns for name, note in notes.items() if note.unused_columns},
        "left_out_lines": {name: note.left_out_lines for name, note in notes.items() if note.left_out_lines},
    }
