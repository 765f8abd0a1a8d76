"""Reference data: which compressors there are, and what was done to them. Small tables, kept without a JVM."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from deltalake import write_deltalake

from config.errors import MetadataError
from config.fleet import FleetConfig
from features.contract import EVENT_FIELDS, EVENT_TYPES, METADATA_FIELDS, MOST_DOWNTIME_HOURS
from features.intake import parse_timestamps
from features.lake import COMPRESSORS, EVENTS, Lake

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
COMPRESSOR_KEY = ["compressor_id"]
EVENT_KEY = ["compressor_id", "event_date", "event_type"]


def read_compressors(path: Path, fleet: FleetConfig) -> pl.DataFrame:
    """compressor_metadata.csv as COMPRESSOR_SCHEMA. Raises MetadataError naming file, row and what to do."""
    table = _read_csv(path, METADATA_FIELDS, COMPRESSOR_SCHEMA)
    _refuse(path, table, pl.col("compressor_id").is_null(), "has no compressor_id")
    _refuse(path, table, pl.col("compressor_id").is_duplicated(), "is a second row for the same compressor_id")
    _refuse(
        path,
        table,
        ~pl.col("station_id").is_in(list(fleet.stations)).fill_null(False),
        "names a station that config/fleet.yaml does not list",
    )
    return table


def read_events(path: Path, known: set[str]) -> tuple[pl.DataFrame, dict[str, int]]:
    """maintenance_events.csv as EVENT_SCHEMA, and rows left out by reason (an event of an unknown compressor, a repeated one).

    Raises MetadataError naming file, row and what to do.
    """
    table = _read_csv(path, EVENT_FIELDS, EVENT_SCHEMA)
    _refuse(path, table, pl.col("event_date").is_null(), "has no event_date")
    _refuse(
        path, table, ~pl.col("event_type").is_in(EVENT_TYPES).fill_null(False), f"has an event_type other than {', '.join(EVENT_TYPES)}"
    )
    _refuse(
        path,
        table,
        ~pl.col("downtime_hours").is_between(0, MOST_DOWNTIME_HOURS).fill_null(True),
        f"has a downtime_hours outside 0 to {MOST_DOWNTIME_HOURS:g}",
    )
    of_known = table.filter(pl.col("compressor_id").is_in(list(known)).fill_null(False))
    events = of_known.unique(EVENT_KEY, keep="last", maintain_order=True)
    left_out = {"unknown_compressor": table.height - of_known.height, "duplicate": of_known.height - events.height}
    return events, {reason: rows for reason, rows in left_out.items() if rows}


def merge_reference(lake: Lake, table: str, rows: pl.DataFrame, key: list[str]) -> None:
    """Insert or update `rows` by `key`; rows that are there already, unchanged, cause no commit."""
    rows = rows.sort(key)
    if not lake.exists(table):
        write_deltalake(lake.uri(table), rows)
        return
    present = pl.read_delta(lake.uri(table)).select(rows.columns)
    kept = present.join(rows, on=key, how="anti")
    merged = pl.concat([kept, rows]).sort(key)
    if not merged.equals(present.sort(key)):
        write_deltalake(lake.uri(table), merged, mode="overwrite")


def read_reference(lake: Lake, table: str) -> pl.DataFrame:
    """The newest rows of `compressors` or `maintenance_events`; an empty frame when nothing was loaded yet."""
    schema = COMPRESSOR_SCHEMA if table == COMPRESSORS else EVENT_SCHEMA
    if not lake.exists(table):
        return pl.DataFrame(schema=schema)
    return pl.read_delta(lake.uri(table)).select(list(schema))


def load_reference(lake: Lake, folder: Path, fleet: FleetConfig) -> dict[str, int]:
    """Load the reference files of `folder` into the lake; returns events left out by reason.

    Raises MetadataError when no compressor is known afterwards.
    """
    metadata, events = folder / "compressor_metadata.csv", folder / "maintenance_events.csv"
    if metadata.is_file():
        merge_reference(lake, COMPRESSORS, read_compressors(metadata, fleet), COMPRESSOR_KEY)
    known = set(read_reference(lake, COMPRESSORS)["compressor_id"].to_list())
    if not known:
        raise MetadataError(f"{metadata} is missing and no compressor is known yet: add it with the columns {', '.join(METADATA_FIELDS)}")
    if not events.is_file():
        return {}
    rows, left_out = read_events(events, known)
    merge_reference(lake, EVENTS, rows, EVENT_KEY)
    return left_out


def _read_csv(path: Path, fields: tuple[str, ...], schema: Schema) -> pl.DataFrame:
    try:
        raw = pl.read_csv(path, infer_schema=False, null_values=["", "NA", "null", "None"])
    except (pl.exceptions.PolarsError, OSError) as error:
        raise MetadataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    missing = [name for name in fields if name not in raw.columns]
    if missing:
        raise MetadataError(f"{path} lacks the column(s) {', '.join(missing)}; expected {', '.join(fields)}")
    table = raw.select(fields)
    for name in fields:
        converted = _convert(table, name, schema[name])
        _refuse(
            path,
            table.with_columns(_bad=converted[name].is_null() & table[name].is_not_null()),
            pl.col("_bad"),
            f"has a {name} that is no {schema[name]}",
        )
        table = converted
    return table


def _convert(table: pl.DataFrame, name: str, kind: pl.DataType | type[pl.DataType]) -> pl.DataFrame:
    column = pl.col(name).str.strip_chars()
    if kind == pl.Datetime("us", "UTC"):
        return table.with_columns(parse_timestamps(column))
    if kind == pl.Date:
        return table.with_columns(column.str.slice(0, 10).str.to_date(strict=False, format="%Y-%m-%d"))
    return table.with_columns(column.cast(kind, strict=False))


def _refuse(path: Path, table: pl.DataFrame, bad: pl.Expr, what: str) -> None:
    """Raise MetadataError naming the first row where `bad` is true."""
    rows = table.with_row_index("_line", offset=2).filter(bad)["_line"]
    if len(rows):
        raise MetadataError(f"{path}: line {rows[0]} {what}: correct it and ingest again")
