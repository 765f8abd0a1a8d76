"""Writing and reading the warehouse's tables over an open connection.

Every write is an upsert on the natural key: rows are copied into a temporary table and merged from there, a row that is already there
unchanged is not touched, and the number returned is that of rows inserted or changed. The caller owns the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

import polars as pl
import psycopg
from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from serving.schemas import Compressor, MaintenanceEvent, Prediction, QualityMetric, Station

_COPY_ROWS: Final = 100_000  # rows of a frame turned into text at a time
_STAGING: Final = sql.Identifier("altaviz_staging")


@dataclass(frozen=True)
class _Table:
    """A table's natural key; `time` names the partitioning column of a table that has month partitions."""

    name: str
    key: tuple[str, ...]
    time: str | None = None


_STATIONS: Final = _Table("station_locations", ("station_id",))
_COMPRESSORS: Final = _Table("compressor_metadata", ("compressor_id",))
_EVENTS: Final = _Table("maintenance_events", ("compressor_id", "event_date", "event_type"))
_AGGREGATES: Final = _Table("sensor_readings_agg", ("compressor_id", "window_type", "agg_timestamp"), "agg_timestamp")
_QUALITY: Final = _Table("data_quality_metrics", ("stage", "metric_name", "metric_timestamp"), "metric_timestamp")
_PREDICTIONS: Final = _Table("ml_predictions", ("compressor_id", "model_version", "prediction_timestamp"), "prediction_timestamp")

TABLES: Final = (
    "station_locations",
    "compressor_metadata",
    "sensor_readings_agg",
    "maintenance_events",
    "alert_history",
    "data_quality_metrics",
    "ml_predictions",
)


def upsert_stations(connection: psycopg.Connection, rows: Iterable[Station]) -> int:
    """Write stations; returns the rows inserted or changed."""
    return _upsert_rows(connection, _STATIONS, Station, rows)


def upsert_compressors(connection: psycopg.Connection, rows: Iterable[Compressor]) -> int:
    """Write compressors; a station nobody has described yet is entered with its id alone. Returns the compressors inserted or changed."""
    compressors = list(rows)
    stations = sorted({row.station_id for row in compressors if row.station_id})
    insert = "INSERT INTO station_locations (station_id) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
    connection.execute(insert, [stations])
    return _upsert_rows(connection, _COMPRESSORS, Compressor, compressors)


def upsert_events(connection: psycopg.Connection, rows: Iterable[MaintenanceEvent]) -> int:
    """Write maintenance events; returns the rows inserted or changed."""
    return _upsert_rows(connection, _EVENTS, MaintenanceEvent, rows)


def upsert_quality_metrics(connection: psycopg.Connection, rows: Iterable[QualityMetric]) -> int:
    """Write data quality metrics; returns the rows inserted or changed."""
    return _upsert_rows(connection, _QUALITY, QualityMetric, rows)


def upsert_predictions(connection: psycopg.Connection, rows: Iterable[Prediction]) -> int:
    """Write predictions; returns the rows inserted or changed."""
    return _upsert_rows(connection, _PREDICTIONS, Prediction, rows)


def upsert_aggregates(connection: psycopg.Connection, frame: pl.DataFrame) -> int:
    """Write the frame of features.aggregates.hourly_aggregates; returns the rows inserted or changed."""
    if frame.is_empty():
        return 0
    _create_staging(connection, _AGGREGATES, frame.columns)
    copy_in = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(_STAGING, _identifiers(frame.columns))
    with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        for part in frame.iter_slices(_COPY_ROWS):
            copy.write(part.write_csv(include_header=False))
    return _merge(connection, _AGGREGATES, frame.columns)


def table_counts(connection: psycopg.Connection) -> dict[str, int]:
    """Rows per table, in the order of TABLES."""
    counts = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, count(*) FROM {}").format(sql.Literal(name), sql.Identifier(name)) for name in TABLES
    )
    return {str(name): int(count) for name, count in connection.execute(counts)}


def latest_predictions(connection: psycopg.Connection, as_of: datetime | None = None) -> list[Prediction]:
    """The newest prediction of every compressor, at or before `as_of` if given; most urgent first, as serving.schemas.urgency orders."""
    query = """
        SELECT compressor_id, prediction_timestamp, model_version, status, rul_days::float8, rul_lower_days::float8, rul_upper_days::float8,
               failure_probability::float8, confidence_score::float8, health, horizon_days::float8, reasons, features_used
        FROM (SELECT DISTINCT ON (compressor_id) *
              FROM ml_predictions
              WHERE prediction_timestamp <= coalesce(%s, 'infinity'::timestamptz)
              ORDER BY compressor_id, prediction_timestamp DESC, updated_at DESC, model_version DESC) AS newest
        ORDER BY rul_days NULLS LAST, failure_probability DESC NULLS LAST, compressor_id
    """
    with connection.cursor(row_factory=class_row(Prediction)) as cursor:
        return cursor.execute(query, [as_of]).fetchall()


def compressors(connection: psycopg.Connection) -> list[Compressor]:
    """The fleet by id."""
    names = [item.name for item in fields(Compressor)]
    query = sql.SQL("SELECT {} FROM compressor_metadata ORDER BY compressor_id").format(_identifiers(names))
    with connection.cursor(row_factory=class_row(Compressor)) as cursor:
        return cursor.execute(query).fetchall()


def _upsert_rows(connection: psycopg.Connection, table: _Table, row_type: type[Any], rows: Iterable[Any]) -> int:
    """Write dataclass rows; of several with one key the last wins."""
    columns = [item.name for item in fields(row_type)]
    last = {tuple(getattr(row, name) for name in table.key): row for row in rows}
    _create_staging(connection, table, columns)
    copy_in = sql.SQL("COPY {} ({}) FROM STDIN").format(_STAGING, _identifiers(columns))
    with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        for row in last.values():
            values = (getattr(row, name) for name in columns)
            copy.write_row([Jsonb(value) if isinstance(value, list | Mapping) else value for value in values])
    return _merge(connection, table, columns)


def _create_staging(connection: psycopg.Connection, table: _Table, columns: Iterable[str]) -> None:
    """An empty temporary table with the columns' types, so that a value is rounded before it is compared."""
    create = sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA")
    connection.execute(create.format(_STAGING, _identifiers(columns), sql.Identifier(table.name)))


def _merge(connection: psycopg.Connection, table: _Table, columns: Iterable[str]) -> int:
    """Upsert what was staged and drop the staging table."""
    if table.time:
        moments = sql.SQL("SELECT DISTINCT date_trunc('month', {}, 'UTC') FROM {}").format(sql.Identifier(table.time), _STAGING)
        connection.execute(sql.SQL("SELECT ensure_month_partitions({}, ARRAY({}))").format(sql.Literal(table.name), moments))
    values = [name for name in columns if name not in table.key]
    merge = sql.SQL(
        "INSERT INTO {table} AS old ({columns}) SELECT {columns} FROM {staging} ON CONFLICT ({key}) DO UPDATE SET {assignments} "
        "WHERE ({old}) IS DISTINCT FROM ({new})"
    ).format(
        table=sql.Identifier(table.name),
        columns=_identifiers(columns),
        staging=_STAGING,
        key=_identifiers(table.key),
        assignments=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in values),
        old=sql.SQL(", ").join(sql.Identifier("old", name) for name in values),
        new=sql.SQL(", ").join(sql.Identifier("excluded", name) for name in values),
    )
    written = connection.execute(merge).rowcount
    connection.execute(sql.SQL("DROP TABLE {}").format(_STAGING))
    return written


def _identifiers(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
