"""Bronze: every readable row as it came, with its file and load time. Appended, never rewritten."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from config.sections.etl import IngestConfig
from features.contract import EVENT_DATE, FILE_SEQ, LOADED_AT, SOURCE_FILE, SOURCE_ROW, SOURCE_SHA256, TIMESTAMP
from features.intake import ChangingFile, FileNotes, RefusedFile, SiteReader
from features.lake import BRONZE, Lake
from features.quarantine import note_refusals
from features.site.guard.reading_notes import ReadingNotes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

READING_NOTES: Final = "reading"  # folder of a home beside that of the staged files

Progress = Callable[[int, int], None]  # done, total


@dataclass(frozen=True)
class StagedFile:
    """A checked reading file, rewritten in the contract's types."""

    name: str
    sha256: str
    path: Path
    rows: int


@dataclass
class IngestReport:
    """What one ingest did. Every file is in exactly one of the first four."""

    loaded: dict[str, int] = field(default_factory=dict)  # name -> rows
    known: list[str] = field(default_factory=list)  # the same content is in bronze already
    refused: dict[str, str] = field(default_factory=dict)  # name -> reason
    changing: list[str] = field(default_factory=list)  # somebody is writing them: left for the next run
    digests: dict[str, str] = field(default_factory=dict)  # name -> SHA-256, of every file that could be read whole
    notes: dict[str, FileNotes] = field(default_factory=dict)  # name -> what reading it assumed, counted and left out


@dataclass(frozen=True)
class BronzeLoad:
    """Where reading files are loaded to, by which settings, and when."""

    lake: Lake
    staging: Path  # folder for copies and decoded files; emptied before and after
    config: IngestConfig
    loaded_at: datetime


def load_files(
    spark: Callable[[], SparkSession],
    load: BronzeLoad,
    files: Iterable[tuple[str, Path]],
    progress: Progress = lambda done, total: None,
    reader: SiteReader | None = None,
) -> IngestReport:
    """Load new and valid files of `files` (name, path) into bronze, and quarantine the rest.

    - spark: opens the session when the first row is to be written. A run that finds nothing new needs no JVM.
    - reader: knows how the site writes its files. None: names and cells of the files decide.

    A copy in `staging` is hashed and decoded, so nobody can change the file in between. While a file is
    decoded, a note beside `staging` names it. A file that killed `killed_runs` runs is refused. Files become
    visible in whole commits of about `rows_per_commit` rows. After a kill, the next run loads the rest.
    """
    lake, config, staging = load.lake, load.config, load.staging
    listed = list(files)
    reader = reader or SiteReader(limits=config.limits)
    report = IngestReport(notes=reader.notes)
    notes = ReadingNotes(staging.with_name(READING_NOTES), config.killed_runs)
    known, next_seq = _loaded_files(lake)
    pending: list[StagedFile] = []
    refused: list[tuple[str, str, str]] = []
    _empty(staging)
    for done, (name, path) in enumerate(listed):
        progress(done, len(listed))
        digest = ""
        try:
            digest = report.digests[name] = reader.digest(path, name)
            if digest in known:
                report.known.append(name)
                continue
            notes.refuse_killer(digest)
            copy = _place_of_copy(staging, path)
            if reader.digest(path, name, copy) != digest:
                raise ChangingFile(f"{name} changes while it is read")
            with notes.reading(digest, name):
                batches = reader.read(path, name, config.rows_per_batch, copy)
                staged = _stage(batches, name, digest, staging / f"{next_seq:08d}.parquet", next_seq)
        except ChangingFile:
            report.changing.append(name)
            continue
        except RefusedFile as refusal:
            report.refused[name] = refusal.reason
            refused.append((name, digest, refusal.reason))
            continue
        known.add(digest)
        next_seq += 1
        pending.append(staged)
        if sum(item.rows for item in pending) >= config.rows_per_commit:
            _commit(spark(), load, pending, report)
            pending = []
    note_refusals(lake, refused, load.loaded_at)
    if pending:
        _commit(spark(), load, pending, report)
    progress(len(listed), len(listed))
    shutil.rmtree(staging, ignore_errors=True)
    return report


def _place_of_copy(staging: Path, path: Path) -> Path:
    """Path for the copy of `path`, in place of the copy before.

    It keeps the file's name, because the name shows the format.
    """
    folder = staging / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder / path.name


def _loaded_files(lake: Lake) -> tuple[set[str], int]:
    """Digests in bronze and the next file number. Two run-length encoded columns are read, nothing else."""
    if not lake.exists(BRONZE):
        return set(), 0
    found = pl.scan_delta(lake.uri(BRONZE)).select(SOURCE_SHA256, FILE_SEQ).unique().collect()
    return set(found[SOURCE_SHA256].to_list()), int(found[FILE_SEQ].max() or 0) + 1  # type: ignore[arg-type]


def _stage(batches: Iterable[pa.RecordBatch], name: str, digest: str, target: Path, file_seq: int) -> StagedFile:
    """Write the batches of a file to `target`, adding their origin.

    Raises RefusedFile and leaves nothing.
    """
    rows = 0
    writer: pq.ParquetWriter | None = None
    try:
        for batch in batches:
            origin = {
                SOURCE_FILE: pa.repeat(pa.scalar(name), len(batch)),
                SOURCE_SHA256: pa.repeat(pa.scalar(digest), len(batch)),
                SOURCE_ROW: pa.array(range(rows, rows + len(batch)), pa.int64()),
                FILE_SEQ: pa.repeat(pa.scalar(file_seq, pa.int64()), len(batch)),
            }
            table = pa.Table.from_batches([batch])
            for column, values in origin.items():
                table = table.append_column(column, values)
            writer = writer or pq.ParquetWriter(target, table.schema, compression="lz4")
            writer.write_table(table)
            rows += len(batch)
    except RefusedFile:
        target.unlink(missing_ok=True)
        raise
    finally:
        if writer is not None:
            writer.close()
    return StagedFile(name, digest, target, rows)


def _commit(spark: SparkSession, load: BronzeLoad, staged: list[StagedFile], report: IngestReport) -> None:
    """Append the staged files to bronze in one Delta commit.

    A time before `earliest` gets no date, so a wrong clock makes no partition.
    """
    from pyspark.sql import functions as F

    holding_rows = [item for item in staged if item.rows > 0]
    if holding_rows:
        frame = spark.read.option("mergeSchema", "true").parquet(*(str(item.path) for item in holding_rows))
        date = F.when(F.col(TIMESTAMP) >= F.lit(load.config.earliest), F.to_date(TIMESTAMP))
        frame = frame.withColumns({EVENT_DATE: date, LOADED_AT: F.lit(load.loaded_at)})
        load.lake.append(frame, BRONZE, partition_by=EVENT_DATE, metadata={"files": [item.name for item in holding_rows]})
    for item in staged:
        report.loaded[item.name] = item.rows
        item.path.unlink(missing_ok=True)


def _empty(folder: Path) -> None:
    """Make `folder` new: a killed run may have left staged files there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
