"""Loads the reference files of a folder.

Bad rows are rejected by line and word. Rows that a file no longer holds are withdrawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl
from deltalake import write_deltalake

from config.errors import MetadataError
from config.sections.etl import IngestConfig
from config.sections.fleet import FleetConfig
from config.site.reference_files import ReferenceFilesSection
from features.contract import COMPRESSOR_ID
from features.lake import COMPRESSORS, EVENTS, Lake
from features.reference_tables.tables import read_reference, read_reference_history, write_compressors, write_events
from features.reference_tables.taking_back import (
    COMPRESSOR_SCHEMA,
    EVENT_SCHEMA,
    Changes,
    Coverage,
    Schema,
    merge_compressors,
    merge_events,
)
from features.reference_tables.work_order_events import count_once
from features.site.reference_files.compressor_list import RETIRED_DATE, read_compressors
from features.site.reference_files.reference_file import ReferenceFile, RejectedRow, find_files
from features.site.reference_files.work_orders import read_events

REFERENCE_REJECTS: Final = "reference_rejects"
_REJECTS_SCHEMA: Final[Schema] = {
    "file": pl.String,
    "line": pl.Int64,
    "column": pl.String,
    "word": pl.String,
    "reason": pl.String,
    "cure": pl.String,
    "seen_at": pl.Datetime("us", "UTC"),
}


@dataclass
class ReferenceReport:
    """What the reference files of one ingest did. Its fields are keys of the `ingest` report."""

    rejected_events: dict[str, int] = field(default_factory=dict)  # rows of the events file by reason
    left_out_events: dict[str, int] = field(default_factory=dict)  # rows that site.yaml leaves out, by reason
    rejected_reference_rows: list[RejectedRow] = field(default_factory=list)
    refused_reference_files: dict[str, str] = field(default_factory=dict)
    withdrawn_events: list[dict[str, Any]] = field(default_factory=list)
    restored_events: list[dict[str, Any]] = field(default_factory=list)
    retired_compressors: list[str] = field(default_factory=list)
    restored_compressors: list[str] = field(default_factory=list)
    still_retired_compressors: list[str] = field(default_factory=list)  # by hand, though the file lists them
    held_withdrawals: dict[str, str] = field(default_factory=dict)  # file: why it took back nothing
    assumed_of_reference_files: dict[str, list[str]] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """As the `ingest` report has it."""
        return asdict(self)


@dataclass(frozen=True)
class ReferenceRules:
    """What decides how reference files are read."""

    fleet: FleetConfig
    ingest: IngestConfig
    site: ReferenceFilesSection


def load_reference(lake: Lake, folder: Path, rules: ReferenceRules, now: datetime) -> ReferenceReport:
    """Load the reference files of `folder` into the lake. A file that cannot be used is refused, by name, if the fleet is known without it.

    Raises MetadataError when no compressor is known afterwards.
    """
    load = _Load(lake, folder, rules, now)
    listed = load.compressors()
    known = set(read_reference(lake, COMPRESSORS)[COMPRESSOR_ID].to_list())
    if not known:
        raise MetadataError(_why_unknown(folder, rules.site, load.report))
    load.events(known, listed)
    return load.report


def check_reference(lake: Lake, folder: Path, rules: ReferenceRules, now: datetime) -> tuple[dict[str, str | None], dict[str, Any]]:
    """The stations of known compressors, and what `load_reference` would refuse. Writes nothing.

    A compressor is known if `folder` or the lake lists it.
    """
    refused: dict[str, str] = {}
    rejected: list[RejectedRow] = []
    present = read_reference(lake, COMPRESSORS)
    stations: dict[str, str | None] = dict(zip(present[COMPRESSOR_ID], present["station_id"], strict=True))
    for path in find_files(folder, rules.site.compressors)[-1:]:
        try:
            file = read_compressors(path, rules.site.compressors, rules.fleet, now, rules.ingest.limits)
        except MetadataError as error:
            refused[path.name] = str(error)
        else:
            stations |= {row[COMPRESSOR_ID]: row["station_id"] for row in file.rows}
            rejected += file.rejected
    for path in find_files(folder, rules.site.events)[-1:]:
        try:
            rejected += read_events(path, rules.site.events, set(stations), rules.ingest.earliest, now, rules.ingest.limits).rejected
        except MetadataError as error:
            refused[path.name] = str(error)
    return stations, {"rejected_reference_rows": [asdict(row) for row in rejected], "refused_reference_files": refused}


def read_rejects(lake: Lake) -> list[dict[str, Any]]:
    """Rejected rows of the newest reference file of each name, and refused files.

    `line` is None for a file.
    """
    if not lake.exists(REFERENCE_REJECTS):
        return []
    return pl.read_delta(lake.uri(REFERENCE_REJECTS)).sort("file", "line").to_dicts()


@dataclass(frozen=True)
class _Load:
    """The reference files of one folder on their way into the lake."""

    lake: Lake
    folder: Path
    rules: ReferenceRules
    now: datetime
    report: ReferenceReport = field(default_factory=ReferenceReport)

    def compressors(self) -> set[str] | None:
        """Load the list. Returns the compressors it names; None without a readable list."""
        section, ingest = self.rules.site.compressors, self.rules.ingest
        paths = find_files(self.folder, section)
        if not paths:
            return None
        try:
            file = read_compressors(paths[-1], section, self.rules.fleet, self.now, ingest.limits)
        except MetadataError as error:
            self._refuse(paths[-1], error)
            return None
        present = read_reference_history(self.lake, COMPRESSORS)
        rows = pl.DataFrame(file.rows, schema=COMPRESSOR_SCHEMA | {RETIRED_DATE: pl.Date})
        covered = None
        if section.covers == "stations":
            covered = frozenset(present.filter(pl.col("station_id").is_in(rows["station_id"].unique().to_list()))[COMPRESSOR_ID].to_list())
        covers = Coverage(file.origin, self.now, covered, most_share=ingest.most_withdrawn_share, whole=file.whole)
        merged, changes = merge_compressors(present, rows, file.named, covers)
        if merged.height:
            write_compressors(self.lake, merged)
        self.report.retired_compressors, self.report.restored_compressors = _ids(changes.taken_back), _ids(changes.restored)
        self.report.still_retired_compressors = sorted(changes.still_retired)
        self._record(file, changes, paths)
        return file.named

    def events(self, known: set[str], listed: set[str] | None) -> None:
        """Load the events of `known` compressors. The file covers `listed` ones, or those it names."""
        section, ingest = self.rules.site.events, self.rules.ingest
        paths = find_files(self.folder, section)
        if not paths:
            return
        try:
            file = read_events(paths[-1], section, known, ingest.earliest, self.now, ingest.limits)
        except MetadataError as error:
            self._refuse(paths[-1], error)
            return
        rows = pl.DataFrame(file.rows, schema=EVENT_SCHEMA)
        since = None
        if section.covers_days is not None:
            last = rows["event_date"].max()
            since = (last if isinstance(last, datetime) else self.now) - timedelta(days=section.covers_days)
        covered = frozenset(file.named if listed is None else listed)
        covers = Coverage(file.origin, self.now, covered, since, ingest.most_withdrawn_share, file.whole)
        merged, changes = merge_events(read_reference_history(self.lake, EVENTS), rows, file.doubts, covers)
        write_events(self.lake, count_once(merged, self.now))
        self.report.withdrawn_events, self.report.restored_events = changes.taken_back, changes.restored
        self.report.rejected_events = dict(Counter(row.reason for row in file.rejected))
        self.report.left_out_events = dict(file.left_out)
        self._record(file, changes, paths)

    def _record(self, file: ReferenceFile, changes: Changes, paths: list[Path]) -> None:
        """Add the file's rejects, assumptions and held withdrawals to the report."""
        if len(paths) > 1:
            file.assumed.append(
                f"{len(paths)} files fit its pattern; the last by name is read: remove the others, or narrow `file` in site.yaml"
            )
        self.report.rejected_reference_rows += file.rejected
        if changes.held is not None:
            self.report.held_withdrawals[file.name] = changes.held
        if file.assumed:
            self.report.assumed_of_reference_files[file.name] = file.assumed
        _keep_rejects(self.lake, file.name, file.rejected, self.now)

    def _refuse(self, path: Path, error: MetadataError) -> None:
        reason = str(error)
        self.report.refused_reference_files[path.name] = reason
        _keep_rejects(self.lake, path.name, [RejectedRow(path.name, None, "", "", "refused_file", reason)], self.now)


def _keep_rejects(lake: Lake, name: str, rejected: Iterable[RejectedRow], now: datetime) -> None:
    """Replace the stored rejects of the file `name`. Equal rejects cause no commit."""
    rows = pl.DataFrame([{**asdict(row), "seen_at": now} for row in rejected], schema=_REJECTS_SCHEMA)
    if not lake.exists(REFERENCE_REJECTS):
        if rows.height:
            write_deltalake(lake.uri(REFERENCE_REJECTS), rows)
        return
    present = pl.read_delta(lake.uri(REFERENCE_REJECTS))
    own = pl.col("file") == name
    if not rows.drop("seen_at").equals(present.filter(own).drop("seen_at")):
        write_deltalake(lake.uri(REFERENCE_REJECTS), pl.concat([present.filter(~own), rows]), mode="overwrite")


def _ids(keys: list[dict[str, Any]]) -> list[str]:
    return sorted(key[COMPRESSOR_ID] for key in keys)


def _why_unknown(folder: Path, site: ReferenceFilesSection, report: ReferenceReport) -> str:
    refused = next(iter(report.refused_reference_files.values()), None)
    if refused is not None:
        return refused
    place = folder / site.compressors.file
    if report.rejected_reference_rows:
        row = report.rejected_reference_rows[0]
        return f"{place}: no row can be used; line {row.line}: {row.reason} {row.word!r}: {row.cure}"
    if find_files(folder, site.compressors):
        return f"{place} lists no compressor and none is known yet: add one row for each"
    columns = ", ".join(COMPRESSOR_SCHEMA)
    return f"{place} is missing and no compressor is known yet: add it with the columns {columns}"
