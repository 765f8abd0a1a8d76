"""altaviz site init: draft how a site writes its readings."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Any

from config.settings import Settings
from pipelines.console import StageReporter


def draft(settings: Settings, folder: Path, out: Path | None, report: StageReporter) -> dict[str, Any]:
    """Write a draft of site.yaml for `folder` and try it on its files.

    Returns site_file, drafted_from, lines [{key, value, confidence, decide}], to_decide (count), other_columns [files] and
    refused_files {name: reason} under the draft. Raises NoReadingsError, and InputError when the file is there already or nothing opens.
    """
    from config.errors import InputError
    from config.site.description import SITE_FILE, load_site
    from features.intake import RefusedFile, SiteReader, list_reading_files
    from features.site.site_draft import draft_site

    target = out or folder / SITE_FILE
    if target.exists():
        raise InputError(f"{target} is there already: move it away, or name another file with --out")
    files = {str(path.relative_to(folder / "readings")): path for path in list_reading_files(folder)}
    with report.stage("draft") as advance:
        drafted = draft_site(files, _known_ids(folder), settings.thresholds)
        try:
            target.write_text(drafted.text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"{target} cannot be written: {error.strerror}; name another file with --out") from error
        reader = SiteReader(load_site(folder, target).readings)
        refused = {}
        for done, (name, path) in enumerate(files.items()):
            advance(done, len(files))
            try:
                for _ in reader.read(path, name, settings.etl.ingest.rows_per_batch):
                    pass
            except RefusedFile as refusal:
                refused[name] = refusal.reason
        advance(len(files), len(files))
    return {
        "site_file": target,
        "drafted_from": drafted.drafted_from,
        "lines": [dataclasses.asdict(line) for line in drafted.lines],
        "to_decide": sum(line.decide is not None for line in drafted.lines),
        "other_columns": drafted.others,
        "refused_files": refused,
    }


def _known_ids(folder: Path) -> list[str]:
    """The ids of compressor_metadata.csv, where it is there and names them so."""
    path = folder / "compressor_metadata.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        return [row["compressor_id"].strip() for row in csv.DictReader(stream) if row.get("compressor_id")]
