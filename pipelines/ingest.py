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

    Returns the books (features.build.count_rows) and what this run loaded. A reference file that cannot be read is named in
    `refused_reference_files`, and the reference data of the lake stay; MetadataError where there are none yet.
    Raises AllRefusedError when every reading file was refused, NoReadingsError when there is no file or all are empty.
    """
    from config.errors import AllRefusedError, MetadataError, NoReadingsError
    from features import bronze
    from features.build import count_rows
    from features.intake import list_reading_files
    from features.lake import BRONZE, COMPRESSORS, Lake
    from features.reference import load_reference

    started = time.perf_counter()
    files = list_reading_files(folder)
    lake = Lake(settings.lake_uri)
    with writing_lake(settings):
        rejected_events: dict[str, int] = {}
        refused_reference: dict[str, str] = {}
        try:
            rejected_events = load_reference(lake, folder, settings.fleet)
        except MetadataError as error:
            if not lake.exists(COMPRESSORS):
                raise
            refused_reference["reference files"] = str(error)
        with report.stage("ingest") as advance:
            named = [(str(path.relative_to(folder / "readings")), path) for path in files]
            loaded = bronze.load_files(spark.get, lake, named, settings.home / "staging", settings.etl.ingest, datetime.now(UTC), advance)
            advance(len(files), len(files), rows=sum(loaded.loaded.values()))
        if not lake.exists(BRONZE) and not loaded.refused:
            raise NoReadingsError(f"{folder / 'readings'}: no file holds a reading that can be loaded (all are empty)")
        books = count_rows(lake)
    result: dict[str, Any] = {
        **books,
        "loaded_files": loaded.loaded,
        "known_files": loaded.known,
        "refused_files": loaded.refused,
        "refused_reference_files": refused_reference,
        "rejected_events": rejected_events,
        "seconds": round(time.perf_counter() - started, 2),
    }
    if len(loaded.refused) == len(files):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in loaded.refused.items())
        raise AllRefusedError(f"{folder / 'readings'}: no file holds a reading that can be loaded ({reasons})", result)
    return result
