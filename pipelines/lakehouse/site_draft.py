"""Drafts the description of a site's files: `altaviz site init`."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from config.errors import InputError, MetadataError
from config.sections.etl import ReadLimits
from config.settings import Settings
from config.site.description import SITE_FILE, load_site
from config.site.reference_files import CompressorsSection
from features.contract import COMPRESSOR_ID
from features.intake import RefusedFile, SiteReader, list_reading_files, name_files
from features.site.drafting.site_draft import Exports, draft_site
from features.site.reference_files.table_file import Header, read_table
from pipelines.runtime.console import StageReporter


def draft(settings: Settings, folder: Path, out: Path | None, report: StageReporter) -> dict[str, Any]:
    """Write a draft of site.yaml for `folder` and try it on its files.

    Returns site_file, drafted_from, lines [{key, value, confidence, decide}] and to_decide (count). Also other_columns [files], and
    refused_files {name: reason} under the draft. Raises NoReadingsError, and InputError when the file is there already or nothing opens.
    """
    target = out or folder / SITE_FILE
    taken = f"{target} is there already: move it away, or name another file with --out"
    if os.path.lexists(target):
        raise InputError(taken)
    files = dict(name_files(folder, list_reading_files(folder)))
    with report.stage("draft") as advance:
        limits = settings.etl.ingest.limits
        drafted = draft_site(Exports(folder, files, limits), _known_ids(folder, limits), settings.thresholds)
        try:
            with target.open("x", encoding="utf-8") as stream:  # follows no link
                stream.write(drafted.text)
        except FileExistsError as error:
            raise InputError(taken) from error
        except OSError as error:
            raise InputError(f"{target} cannot be written: {error.strerror}; name another file with --out") from error
        reader = SiteReader(load_site(folder, target).readings, limits=limits, folder=folder)
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


def _known_ids(folder: Path, limits: ReadLimits) -> list[str]:
    """The ids in compressor_metadata.csv; none if it is missing or unreadable."""
    section = CompressorsSection()
    try:
        table = read_table(folder / section.file, section, Header({COMPRESSOR_ID: COMPRESSOR_ID}, []), limits)
    except MetadataError:
        return []
    return [name for row in table.rows if (name := row.cells.get(COMPRESSOR_ID)) is not None]
