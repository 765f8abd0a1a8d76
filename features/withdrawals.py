"""Reading files withdrawn with `altaviz withdraw`. No JVM.

Silver and gold leave them out. Bronze keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import polars as pl
from deltalake import write_deltalake

from config.errors import InputError
from config.sections.etl import IngestConfig
from features.contract import COMPRESSOR_ID, FILE_SEQ, LOADED_AT, SOURCE_FILE, SOURCE_SHA256, TIMESTAMP
from features.increments import BuildState, RebuildPlan
from features.lake import BRONZE, GOLD, Interval, Lake

WITHDRAWALS: Final = "withdrawals"
_SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "sha256": pl.String,
    "file": pl.String,
    "withdrawn_at": pl.Datetime("us", "UTC"),
    "withdrawn_by": pl.String,
    "reason": pl.String,
    "undone_at": pl.Datetime("us", "UTC"),  # null: in force
    "gold_table_id": pl.String,  # the gold that held the file; null: none did
    "first_gold_version": pl.Int64,  # the versions of it that were made from the file
    "last_gold_version": pl.Int64,
    "spans": pl.String,  # JSON: by compressor its first and its last reading in the file
}
_SHORTEST_SHA: Final = 4  # characters that may stand for a SHA-256
_MOST_NAMED: Final = 10


@dataclass(frozen=True)
class LoadedFile:
    """A reading file as bronze has it."""

    name: str
    sha256: str
    file_seq: int
    rows: int
    loaded_at: datetime

    def __str__(self) -> str:
        return f"{self.sha256[:12]} ({self.name}, {self.rows:,} rows, loaded {self.loaded_at:%Y-%m-%d %H:%M} UTC)"


@dataclass(frozen=True)
class GoldVersions:
    """The versions of a gold table that were made from a file."""

    table_id: str
    first_version: int
    last_version: int


@dataclass(frozen=True)
class Withdrawal:
    """A withdrawn file: who withdrew it, when and why, and what had been made from it."""

    sha256: str
    file: str
    withdrawn_at: datetime
    withdrawn_by: str
    reason: str | None
    undone_at: datetime | None
    gold: GoldVersions | None  # None: the file never came that far
    spans: Mapping[str, tuple[datetime, datetime]]


def find_file(lake: Lake, query: str) -> LoadedFile:
    """The file named `query`, or whose SHA-256 begins with it.

    Raises InputError for none or several, with the candidates.
    """
    if not lake.exists(BRONZE):
        raise InputError(f"no readings under {lake.root}: run `altaviz ingest DIR` first")
    start = query.lower()
    fits = pl.col(SOURCE_FILE) == query
    if len(start) >= _SHORTEST_SHA:
        fits |= pl.col(SOURCE_SHA256).str.starts_with(start)
    found = (
        pl.scan_delta(lake.uri(BRONZE))
        .filter(fits)
        .group_by(SOURCE_SHA256)
        .agg(pl.col(SOURCE_FILE).first(), pl.col(FILE_SEQ).first(), pl.len(), pl.col(LOADED_AT).first())
        .sort(FILE_SEQ)
        .collect()
    )
    files = [LoadedFile(name, sha, seq, rows, loaded_at) for sha, name, seq, rows, loaded_at in found.iter_rows()]
    if not files:
        raise InputError(f"no loaded file has the name {query!r} or a SHA-256 that begins so: use a name from `altaviz ingest --json`")
    if len(files) > 1:
        named = ", ".join(map(str, files[-_MOST_NAMED:]))
        raise InputError(f"{query!r} fits {len(files)} files: {named}; give the start of one SHA-256")
    return files[0]


def withdraw_file(lake: Lake, file: LoadedFile, by: str, reason: str | None, at: datetime) -> Withdrawal:
    """Withdraw `file`, from the next `altaviz features` on.

    Raises InputError when it is withdrawn already.
    """
    if file.sha256 in read_withdrawn(lake):
        raise InputError(f"{file} is withdrawn already; `altaviz withdraw {file.sha256[:12]} --undo` restores it")
    spans = (
        pl.scan_delta(lake.uri(BRONZE))
        .filter(pl.col(SOURCE_SHA256) == file.sha256, pl.col(TIMESTAMP).is_not_null(), pl.col(COMPRESSOR_ID).is_not_null())
        .group_by(COMPRESSOR_ID)
        .agg(pl.col(TIMESTAMP).min().alias("first"), pl.col(TIMESTAMP).max().alias("last"))
        .sort(COMPRESSOR_ID)
        .collect()
    )
    held = {name: (first, last) for name, first, last in spans.iter_rows()}
    made = Withdrawal(file.sha256, file.name, at, by, reason, None, _gold_made_from(lake, file), held)
    _write(lake, [*read_withdrawals(lake), made])
    return made


def undo_withdrawal(lake: Lake, file: LoadedFile, at: datetime) -> Withdrawal:
    """Restore `file`, from the next `altaviz features` on.

    Raises InputError when it is not withdrawn.
    """
    withdrawals = read_withdrawals(lake)
    for place, item in enumerate(withdrawals):
        if item.sha256 == file.sha256 and item.undone_at is None:
            undone = replace(item, undone_at=at)
            _write(lake, [*withdrawals[:place], undone, *withdrawals[place + 1 :]])
            return undone
    raise InputError(f"{file} is not withdrawn: there is nothing to undo")


def read_withdrawals(lake: Lake) -> list[Withdrawal]:
    """All withdrawals, also undone ones, oldest first."""
    if not lake.exists(WITHDRAWALS):
        return []
    rows = pl.read_delta(lake.uri(WITHDRAWALS)).sort("withdrawn_at", "sha256")
    return [_from_row(row) for row in rows.iter_rows(named=True)]


def read_withdrawn(lake: Lake) -> frozenset[str]:
    """SHA-256 of every file that is withdrawn now."""
    return frozenset(item.sha256 for item in read_withdrawals(lake) if item.undone_at is None)


def plan_withdrawals(bronze: pl.LazyFrame, state: BuildState | None, withdrawn: frozenset[str], ingest: IngestConfig) -> RebuildPlan:
    """What must be rebuilt for files withdrawn or restored since `state`.

    The interval goes from their first reading to the end of the data. A fault shown by such a reading lasts
    until another reading ends it.
    """
    changed = frozenset() if state is None else state.withdrawn ^ withdrawn
    if not changed:
        return RebuildPlan(changed=[], unplaced=False)
    time = pl.col(TIMESTAMP)
    placed = pl.when(time >= ingest.earliest).then(time)
    own = pl.col(SOURCE_SHA256).is_in(sorted(changed))
    first, last, unplaced = (
        bronze.select(placed.filter(own).min(), placed.max().alias("last"), (own & placed.is_null()).any()).collect().row(0)
    )
    return RebuildPlan(changed=[] if first is None else [Interval(first, last)], unplaced=bool(unplaced))


def _gold_made_from(lake: Lake, file: LoadedFile) -> GoldVersions | None:
    """The versions of gold that hold `file`. None if no version does.

    A commit without a record of its sources may hold it.
    """
    if not lake.exists(GOLD):
        return None
    gold = lake.delta(GOLD)
    since: int | None = None
    for commit in lake.commits(GOLD):  # newest first
        if commit["metadata"] is not None and int(commit["metadata"]["file_seq"]) < file.file_seq:
            break
        since = commit["version"]
    else:
        since = 0  # older commits than the log keeps may hold it too
    return None if since is None else GoldVersions(str(gold.metadata().id), since, int(gold.version()))


def _write(lake: Lake, withdrawals: list[Withdrawal]) -> None:
    write_deltalake(lake.uri(WITHDRAWALS), pl.DataFrame(list(map(_to_row, withdrawals)), schema=_SCHEMA), mode="overwrite")


def _to_row(item: Withdrawal) -> dict[str, Any]:
    gold = item.gold
    return {
        "sha256": item.sha256,
        "file": item.file,
        "withdrawn_at": item.withdrawn_at,
        "withdrawn_by": item.withdrawn_by,
        "reason": item.reason,
        "undone_at": item.undone_at,
        "gold_table_id": gold.table_id if gold else None,
        "first_gold_version": gold.first_version if gold else None,
        "last_gold_version": gold.last_version if gold else None,
        "spans": json.dumps({name: [moment.isoformat() for moment in span] for name, span in item.spans.items()}),
    }


def _from_row(row: dict[str, Any]) -> Withdrawal:
    table_id = row["gold_table_id"]
    gold = None if table_id is None else GoldVersions(table_id, row["first_gold_version"], row["last_gold_version"])
    spans = {
        name: (datetime.fromisoformat(first), datetime.fromisoformat(last)) for name, (first, last) in json.loads(row["spans"]).items()
    }
    names = ("sha256", "file", "withdrawn_at", "withdrawn_by", "reason", "undone_at")
    return Withdrawal(**{name: row[name] for name in names}, gold=gold, spans=spans)
