"""Reports what an ingest of a folder would do, without writing: `altaviz ingest --check`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.settings import Settings
from config.site.description import load_site
from features.intake import RefusedFile, SiteReader, list_reading_files, name_files
from features.lake import Lake
from features.reference_tables.loading import ReferenceRules, check_reference
from features.site.check import FolderCheck, RowRules
from pipelines.lakehouse.ingest import note_facts
from pipelines.runtime.console import StageReporter


def check(settings: Settings, folder: Path, report: StageReporter, site_file: Path | None = None) -> dict[str, Any]:
    """Read all of `folder` as `ingest` would, and count.

    Returns files, refused_files {name: reason}, rows, rows_refused {reason: rows}, compressors {id: rows}. Also columns {sensor: unit,
    values, missing, low, high, normal, impossible, mapped} and identity {compressor_id, timestamp: columns}. Also rejected_reference_rows,
    refused_reference_files, and the facts of note_facts. Raises NoReadingsError, MetadataError, ConfigError.
    """
    started = time.perf_counter()
    site = load_site(folder, site_file)
    files = list_reading_files(folder)
    rules, now = settings.etl.ingest, datetime.now(UTC)
    reference_rules = ReferenceRules(settings.fleet, rules, site.reference)
    stations, reference = check_reference(Lake(settings.lake_uri), folder, reference_rules, now)
    placed = {name: station for name, station in stations.items() if station is not None}
    reader = SiteReader(site.readings, placed, limits=rules.limits, folder=folder)
    latest = now + rules.clock_skew
    found = FolderCheck(RowRules(frozenset(stations), rules.earliest, latest), settings.thresholds)
    refused: dict[str, str] = {}
    with report.stage("check") as advance:
        for done, (name, path) in enumerate(name_files(folder, files)):
            advance(done, len(files))
            try:
                for _ in reader.read(path, name, rules.rows_per_batch):
                    pass  # a file counts as a whole, and may be refused at its end
                for batch in reader.read(path, name, rules.rows_per_batch):
                    found.add(batch)
            except RefusedFile as refusal:
                refused[name] = refusal.reason
        advance(len(files), len(files), rows=found.rows)
    facts = found.facts()
    for field, of in facts["columns"].items():
        of["mapped"] = _places(reader, field)
    identity = {field: _places(reader, field) for field in ("compressor_id", "timestamp")}
    return {
        "files": len(files),
        "refused_files": refused,
        **facts,
        "identity": identity,
        **reference,
        **note_facts(reader.notes),
        "seconds": round(time.perf_counter() - started, 2),
    }


def _places(reader: Any, field: str) -> list[str]:
    """Columns and tags that a field comes from, over all files."""
    return list(dict.fromkeys(place for notes in reader.notes.values() for place in notes.mapped.get(field, [])))
