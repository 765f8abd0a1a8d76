"""altaviz ingest: reference files and readings of a folder into the lake."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.settings import Settings
from pipelines.console import StageReporter
from pipelines.home import writing_lake
from pipelines.session import LazySpark


def ingest(settings: Settings, folder: Path, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """Load `folder` into bronze and the reference tables; what is there already adds nothing.

    Returns the books (features.build.count_rows) and what this run loaded. Raises NoReadingsError, MetadataError,
    and NoReadingsError also when not one file could be loaded and bronze is still empty.
    """
    from config.errors import NoReadingsError
    from config.site.description import load_site
    from features import bronze
    from features.build import count_rows
    from features.intake import file_digest, list_reading_files
    from features.lake import BRONZE, Lake
    from features.reference_load import ReferenceRules, load_reference
    from features.withdrawals import read_withdrawn

    started = time.perf_counter()
    files = list_reading_files(folder)
    lake = Lake(settings.lake_uri)
    rules = ReferenceRules(settings.fleet, settings.etl.ingest, load_site(folder).reference)
    with writing_lake(settings):
        reference = load_reference(lake, folder, rules, datetime.now(UTC))
        with report.stage("ingest") as advance:
            named = [(str(path.relative_to(folder / "readings")), path) for path in files]
            loaded = bronze.load_files(spark.get, lake, named, settings.home / "staging", settings.etl.ingest, datetime.now(UTC), advance)
            advance(len(files), len(files), rows=sum(loaded.loaded.values()))
        if not lake.exists(BRONZE):
            reasons = "; ".join(f"{name}: {reason}" for name, reason in loaded.refused.items())
            raise NoReadingsError(f"{folder / 'readings'}: no file holds a reading that can be loaded ({reasons or 'all are empty'})")
        books, withdrawn = count_rows(lake), read_withdrawn(lake)
    return {
        **books,
        "loaded_files": loaded.loaded,
        "known_files": loaded.known,
        "refused_files": loaded.refused,
        "withdrawn_files": [name for name, path in named if name in loaded.known and withdrawn and file_digest(path) in withdrawn],
        **reference.facts(),
        "seconds": round(time.perf_counter() - started, 2),
    }
