"""Quarantine: every refused file by name and content, until its content could be loaded.

An export often has the same name every hour. So time and content resolve a refusal, never the name alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl
from deltalake import write_deltalake

from features.contract import LOADED_AT, SOURCE_FILE, SOURCE_SHA256
from features.lake import BRONZE, QUARANTINE, Lake

_TIME: Final = pl.Datetime("us", "UTC")
_SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "file": pl.String,
    "sha256": pl.String,
    "reason": pl.String,
    "seen_at": _TIME,
    "last_seen": _TIME,
    "times": pl.Int64,
}


@dataclass(frozen=True)
class Refusal:
    """A refused content of a file; all times are UTC.

    `sha256` is empty when the file could not be read at all. `mended_at` is None while the refusal is open.
    """

    file: str
    sha256: str
    reason: str  # of the last time
    first_seen: datetime
    last_seen: datetime
    times: int
    mended_at: datetime | None


def note_refusals(lake: Lake, refused: Iterable[tuple[str, str, str]], seen_at: datetime) -> None:
    """Store refused files (name, sha256, reason).

    If the same name and content was refused before, its count rises.
    """
    rows = [(name, digest, reason, seen_at, seen_at, 1) for name, digest, reason in refused]
    if not rows:
        return
    noted = pl.concat([_read(lake), pl.DataFrame(rows, schema=_SCHEMA, orient="row")])
    counted = noted.group_by("file", "sha256", maintain_order=True).agg(
        pl.col("reason").last(), pl.col("seen_at").min(), pl.col("last_seen").max(), pl.col("times").sum()
    )
    write_deltalake(lake.uri(QUARANTINE), counted.select(*_SCHEMA), mode="overwrite", schema_mode="overwrite")


def read_refusals(lake: Lake) -> list[Refusal]:
    """Every refusal so far, oldest first.

    A refusal is resolved once its content, or a later file of its name, is in bronze. A file without rows
    resolves nothing.
    """
    noted = _read(lake).sort("last_seen", "file")
    if noted.is_empty():
        return []
    by_name, by_content = _loads(lake, noted)
    found = []
    for name, digest, reason, first_seen, last_seen, times in noted.iter_rows():
        loads = [by_content[digest]] if digest in by_content else [moment for moment in by_name.get(name, []) if moment >= last_seen]
        found.append(Refusal(name, digest, reason, first_seen, last_seen, times, min(loads, default=None)))
    return found


def open_refusals(lake: Lake) -> dict[str, Refusal]:
    """The newest open refusal of each file, by name."""
    return {item.file: item for item in read_refusals(lake) if item.mended_at is None}


def _read(lake: Lake) -> pl.DataFrame:
    """The table in its present form. Earlier versions lack `last_seen` and `times`."""
    if not lake.exists(QUARANTINE):
        return pl.DataFrame(schema=_SCHEMA)
    noted = pl.read_delta(lake.uri(QUARANTINE))
    if "times" not in noted.columns:
        noted = noted.with_columns(pl.col("seen_at").alias("last_seen"), pl.lit(1, pl.Int64).alias("times"))
    return noted.select(*_SCHEMA).cast(dict(_SCHEMA))  # type: ignore[arg-type]


def _loads(lake: Lake, noted: pl.DataFrame) -> tuple[dict[str, list[datetime]], dict[str, datetime]]:
    """When files with the names, and with the contents, of `noted` were loaded."""
    if not lake.exists(BRONZE):
        return {}, {}
    wanted = pl.col(SOURCE_FILE).is_in(noted["file"].unique().to_list()) | pl.col(SOURCE_SHA256).is_in(noted["sha256"].unique().to_list())
    loaded = pl.scan_delta(lake.uri(BRONZE)).select(SOURCE_FILE, SOURCE_SHA256, LOADED_AT).filter(wanted).unique().collect()
    by_name: dict[str, list[datetime]] = {}
    by_content: dict[str, datetime] = {}
    for name, digest, moment in loaded.iter_rows():
        by_name.setdefault(name, []).append(moment)
        by_content[digest] = min(moment, by_content.get(digest, moment))
    return by_name, by_content
