"""What a reference file withdraws and restores. Rows of the tables in and out, without a lake.

A file is the whole truth for what it covers. What it no longer names is withdrawn, and kept with who and
when. A withdrawn compressor is retired. A file that names it again brings it back, and events likewise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from features.contract import COMPRESSOR_ID

if TYPE_CHECKING:  # the service has no reader of workbooks
    from features.site.reference_files.reference_file import Doubt

Schema = dict[str, pl.DataType | type[pl.DataType]]

COMPRESSOR_SCHEMA: Schema = {
    "compressor_id": pl.String,
    "model": pl.String,
    "horsepower": pl.Float64,
    "install_date": pl.Date,
    "station_id": pl.String,
}
EVENT_SCHEMA: Schema = {
    "compressor_id": pl.String,
    "event_date": pl.Datetime("us", "UTC"),
    "event_type": pl.String,
    "description": pl.String,
    "downtime_hours": pl.Float64,
    "severity": pl.String,
    "cost_usd": pl.Float64,
}
RETIREMENT: Schema = {"retired_at": pl.Datetime("us", "UTC"), "retired_by": pl.String, "retired_by_hand": pl.Boolean}
WITHDRAWAL: Schema = {"withdrawn_at": pl.Datetime("us", "UTC"), "withdrawn_by": pl.String}
ORDER: Schema = {"work_order_id": pl.String}  # the completed work order that reported an event; null: an events file did
EVENT_HISTORY_SCHEMA: Schema = EVENT_SCHEMA | WITHDRAWAL | ORDER
COMPRESSOR_KEY = ["compressor_id"]
EVENT_KEY = ["compressor_id", "event_date", "event_type"]
_FEW_ROWS: Final = 3  # of so few events a file may take back most


def in_force(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` of either table of the lake, without the withdrawn ones."""
    for taken_back in ("retired_at", "withdrawn_at"):
        if taken_back in rows.columns:
            rows = rows.filter(pl.col(taken_back).is_null())
    return rows


@dataclass(frozen=True)
class Coverage:
    """What a file covers, and how much of that it may withdraw."""

    origin: str  # who takes it back
    at: datetime
    compressor_ids: frozenset[str] | None = None  # None: all
    since: datetime | None = None  # events from then on; None: all
    most_share: float = 0.5
    whole: bool = True


@dataclass
class Changes:
    """What a file withdrew and restored, by key.

    `held` is the reason if it should have withdrawn rows and did not.
    """

    taken_back: list[dict[str, Any]] = field(default_factory=list)
    restored: list[dict[str, Any]] = field(default_factory=list)
    still_retired: list[str] = field(default_factory=list)  # by hand, though the file lists them
    held: str | None = None


def merge_compressors(present: pl.DataFrame, rows: pl.DataFrame, named: set[str], covers: Coverage) -> tuple[pl.DataFrame, Changes]:
    """The compressors table after a file: `rows` replace theirs, and compressors it no longer names are retired.

    `rows` have COMPRESSOR_SCHEMA and retired_date. `named` also holds those whose row was rejected: they stay
    as they were. A retirement by hand stays.
    """
    changes = Changes()
    before = {row[COMPRESSOR_ID]: row for row in present.iter_rows(named=True)}
    after = dict(before)
    for row in rows.iter_rows(named=True):
        compressor_id, retired_on = row[COMPRESSOR_ID], row.pop("retired_date")
        old = before.get(compressor_id)
        retirement = dict.fromkeys(RETIREMENT)
        if old is not None and old["retired_by_hand"]:
            retirement = {name: old[name] for name in RETIREMENT}
            changes.still_retired.append(compressor_id)
        elif retired_on is not None and _midnight(retired_on) <= covers.at:
            who = f"retired_date in {covers.origin.split()[0]}"
            retirement = {"retired_at": _midnight(retired_on), "retired_by": who, "retired_by_hand": False}
        if retirement["retired_at"] is None and old is not None and old["retired_at"] is not None:
            changes.restored.append({COMPRESSOR_ID: compressor_id})
        if retirement["retired_at"] is not None and (old is None or old["retired_at"] is None):
            changes.taken_back.append({COMPRESSOR_ID: compressor_id})
        after[compressor_id] = {**row, **retirement}
    covered = [
        name
        for name, row in before.items()
        if row["retired_at"] is None and (covers.compressor_ids is None or name in covers.compressor_ids)
    ]
    gone = sorted(set(covered) - named)
    changes.held = _why_held(len(gone), len(covered), "compressors", covers, few=0)
    if changes.held is None:
        for name in gone:
            after[name] = {**after[name], "retired_at": covers.at, "retired_by": covers.origin, "retired_by_hand": False}
            changes.taken_back.append({COMPRESSOR_ID: name})
    return pl.DataFrame(list(after.values()), schema=COMPRESSOR_SCHEMA | RETIREMENT), changes


def merge_events(present: pl.DataFrame, rows: pl.DataFrame, doubts: list[Doubt], covers: Coverage) -> tuple[pl.DataFrame, Changes]:
    """The events table after a file: `rows` are in force, and covered events it no longer holds are withdrawn.

    `rows` have EVENT_SCHEMA. An event that a rejected row may stand for (`doubts`) stays as it was, and one that a work order reported.
    """
    present = fit(present, EVENT_HISTORY_SCHEMA)
    rows = fit(rows, EVENT_SCHEMA | WITHDRAWAL).join(
        present.filter(pl.col("withdrawn_at").is_null()).select(*EVENT_KEY, *ORDER), on=EVENT_KEY, how="left"
    )
    absent = present.join(rows, on=EVENT_KEY, how="anti")
    covered = pl.col("withdrawn_at").is_null() & pl.col("work_order_id").is_null()
    if covers.compressor_ids is not None:
        covered &= pl.col(COMPRESSOR_ID).is_in(sorted(covers.compressor_ids))
    if covers.since is not None:
        covered &= pl.col("event_date") >= covers.since
    uncertain = [
        any(doubt.may_be(compressor_id, moment) for doubt in doubts)
        for compressor_id, moment in absent.select(COMPRESSOR_ID, "event_date").iter_rows()
    ]
    absent = absent.with_columns(_gone=covered & ~pl.Series(uncertain, dtype=pl.Boolean))
    gone = absent.filter("_gone")
    changes = Changes()
    changes.held = _why_held(gone.height, present.filter(covered).height, "events", covers, few=_FEW_ROWS)
    if changes.held is None:
        changes.taken_back = _keys(gone)
        absent = absent.with_columns(
            withdrawn_at=pl.when("_gone").then(pl.lit(covers.at, pl.Datetime("us", "UTC"))).otherwise("withdrawn_at"),
            withdrawn_by=pl.when("_gone").then(pl.lit(covers.origin)).otherwise("withdrawn_by"),
        )
    changes.restored = _keys(present.filter(pl.col("withdrawn_at").is_not_null()).join(rows, on=EVENT_KEY, how="semi"))
    return pl.concat([absent.drop("_gone"), rows]), changes


def retire_by_hand(present: pl.DataFrame, compressor_id: str, by: str, at: datetime) -> pl.DataFrame:
    """The compressors table with one more retired, until it is restored by hand."""
    return _set_retirement(present, compressor_id, {"retired_at": at, "retired_by": by, "retired_by_hand": True})


def take_into_service(present: pl.DataFrame, compressor_id: str) -> pl.DataFrame:
    """The compressors table with `compressor_id` back in service."""
    return _set_retirement(present, compressor_id, dict.fromkeys(RETIREMENT))


def _set_retirement(present: pl.DataFrame, compressor_id: str, values: dict[str, Any]) -> pl.DataFrame:
    own = pl.col(COMPRESSOR_ID) == compressor_id
    return present.with_columns(
        pl.when(own).then(pl.lit(values[name], dtype=kind)).otherwise(name).alias(name) for name, kind in RETIREMENT.items()
    )


def _why_held(gone: int, covered: int, what: str, covers: Coverage, *, few: int) -> str | None:
    """Why nothing is withdrawn: a partial file must not empty a fleet.

    None if the file may withdraw what is gone.
    """
    if not gone:
        return None
    if not covers.whole:
        return f"{gone} of {covered} {what} are gone, but its last line has no line end: hand over the whole file, or end the line"
    if covered > few and gone > covers.most_share * covered:
        return (
            f"{gone} of {covered} {what} are gone, more than {covers.most_share:.0%}: the file seems partial. Hand over the whole file, "
            "or raise ingest.most_withdrawn_share in etl_config.yaml for one run"
        )
    return None


def _keys(events: pl.DataFrame) -> list[dict[str, Any]]:
    return events.select(EVENT_KEY).sort(EVENT_KEY).to_dicts()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def fit(rows: pl.DataFrame, schema: Schema | pl.Schema) -> pl.DataFrame:
    """`rows` with exactly the columns of `schema`. Older tables and callers lack some."""
    return rows.select(
        (pl.col(name).cast(kind) if name in rows.columns else pl.lit(None, kind)).alias(name) for name, kind in schema.items()
    )
