"""Writing and reading the warehouse's tables over an open connection.

Every write is an upsert on the natural key. An unchanged row is not touched, and the returned number counts rows inserted or changed.
Dataclass rows go through statements of many rows. Frames are copied into a temporary table and merged from there. The caller owns the
transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

import polars as pl
import psycopg
from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from config.sections.scoring import HealthSection
from serving.schemas import Compressor, EdgeExport, LatestPrediction, MaintenanceEvent, Prediction, QualityMetric, StationRow
from serving.warehouse.upkeep.partitions import dropped_months, make_partitions, month_of

_COPY_ROWS: Final = 100_000  # rows of a frame turned into text at a time
_ROWS_AT_ONCE: Final = 500  # of dataclasses in one statement: triggers run once for it; a statement takes 65,535 values
_STAGING: Final = sql.Identifier("altaviz_staging")


@dataclass(frozen=True)
class Table:
    """A table's natural key. With month partitions, `time` names the partitioning column.

    Rows that are computed from the lake again and again (`recomputed`) are left out where retention dropped their month. Others are refused.
    """

    name: str
    key: tuple[str, ...]
    time: str | None = None
    recomputed: bool = False


_STATIONS: Final = Table("station_locations", ("station_id",))
_COMPRESSORS: Final = Table("compressor_metadata", ("compressor_id",))
_EVENTS: Final = Table("maintenance_events", ("compressor_id", "event_date", "event_type"))
_AGGREGATES: Final = Table("sensor_readings_agg", ("compressor_id", "window_type", "agg_timestamp"), "agg_timestamp", recomputed=True)
_QUALITY: Final = Table("data_quality_metrics", ("stage", "metric_name", "metric_timestamp"), "metric_timestamp", recomputed=True)
_PREDICTIONS: Final = Table("ml_predictions", ("compressor_id", "model_version", "prediction_timestamp"), "prediction_timestamp")
_EDGE_EXPORTS: Final = Table("edge_exports", ("digest",))

# The columns of ml_predictions beside the compressor, as the fields of Prediction.
_PREDICTED: Final = """
    prediction_timestamp, model_version, status, rul_days::float8, rul_lower_days::float8, rul_upper_days::float8,
    failure_probability::float8, confidence_score::float8, health, horizon_days::float8, reasons, features_used,
    act_by, expected_saving_usd::float8, data_faults
"""

TABLES: Final = (
    "station_locations",
    "compressor_metadata",
    "sensor_readings_agg",
    "maintenance_events",
    "alert_history",
    "data_quality_metrics",
    "ml_predictions",
    "drift_metrics",
    "drift_decisions",
    "model_decisions",
    "edge_exports",
    "alert_changes",
    "machine_lives",
    "outbox",
    "work_orders",
    "work_order_changes",
    "api_keys",
    "api_writes",
)


def upsert_stations(connection: psycopg.Connection, rows: Iterable[StationRow]) -> int:
    """Write stations; returns the rows inserted or changed."""
    return upsert_rows(connection, _STATIONS, StationRow, rows)


def upsert_compressors(connection: psycopg.Connection, rows: Iterable[Compressor]) -> int:
    """Write compressors. An undescribed station is entered with its id alone. Returns the compressors inserted or changed."""
    compressors = list(rows)
    stations = sorted({row.station_id for row in compressors if row.station_id})
    insert = "INSERT INTO station_locations (station_id) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
    connection.execute(insert, [stations])
    return upsert_rows(connection, _COMPRESSORS, Compressor, compressors)


def upsert_events(connection: psycopg.Connection, rows: Iterable[MaintenanceEvent]) -> int:
    """Write maintenance events; returns the rows inserted or changed."""
    return upsert_rows(connection, _EVENTS, MaintenanceEvent, rows)


def upsert_quality_metrics(connection: psycopg.Connection, rows: Iterable[QualityMetric]) -> int:
    """Write data quality metrics; returns the rows inserted or changed."""
    return upsert_rows(connection, _QUALITY, QualityMetric, rows)


def upsert_predictions(connection: psycopg.Connection, rows: Iterable[Prediction]) -> int:
    """Write predictions; returns the rows inserted or changed."""
    return upsert_rows(connection, _PREDICTIONS, Prediction, rows)


def upsert_edge_export(connection: psycopg.Connection, row: EdgeExport) -> int:
    """Write the digest of an exported folder; returns the rows inserted or changed."""
    return upsert_rows(connection, _EDGE_EXPORTS, EdgeExport, [row])


def upsert_aggregates(connection: psycopg.Connection, frame: pl.DataFrame) -> int:
    """Write the frame of features.aggregates.hourly_aggregates; returns the rows inserted or changed."""
    months = pl.col("agg_timestamp").dt.truncate("1mo")
    dropped = dropped_months(connection, _AGGREGATES.name, frame.select(months.unique()).to_series())
    if dropped:
        frame = frame.filter(~months.is_in([datetime(year, month, 1, tzinfo=UTC) for year, month in dropped]))
    if frame.is_empty():
        return 0
    columns = _identifiers(frame.columns)
    # the columns' own types, so that a value is rounded before it is compared
    create = sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA")
    connection.execute(create.format(_STAGING, columns, sql.Identifier(_AGGREGATES.name)))
    copy_in = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(_STAGING, columns)
    with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        for part in frame.iter_slices(_COPY_ROWS):
            copy.write(part.write_csv(include_header=False))
    make_partitions(connection, _AGGREGATES.name, frame["agg_timestamp"].dt.truncate("1mo").unique())
    written = connection.execute(_merge(_AGGREGATES, frame.columns, sql.SQL("SELECT {} FROM {}").format(columns, _STAGING))).rowcount
    connection.execute(sql.SQL("DROP TABLE {}").format(_STAGING))
    return written


def delete_aggregates(connection: psycopg.Connection, kept: pl.DataFrame | None, start: datetime, end: datetime) -> int:
    """Delete the aggregates of (start, end] outside `kept` (None: all), whose readings are gone. Returns the rows deleted."""
    deletion = """
        DELETE FROM sensor_readings_agg WHERE agg_timestamp > %s AND agg_timestamp <= %s
          AND (compressor_id, window_type, agg_timestamp) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[]))
    """
    keys = [[] if kept is None else kept[name].to_list() for name in _AGGREGATES.key]
    return connection.execute(deletion, [start, end, *keys]).rowcount


def table_counts(connection: psycopg.Connection) -> dict[str, int]:
    """Rows per table, in the order of TABLES."""
    counts = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, count(*) FROM {}").format(sql.Literal(name), sql.Identifier(name)) for name in TABLES
    )
    return {str(name): int(count) for name, count in connection.execute(counts)}


def latest_predictions(
    connection: psycopg.Connection, as_of: datetime | None = None, compressor_ids: Sequence[str] | None = None
) -> list[LatestPrediction]:
    """The view v_latest_predictions for every compressor in service, or some. Most urgent first (serving.schemas.urgency).

    The moment is `as_of`, or now by the database's clock. Then rows later than the clock skew are ignored. Predictions from withdrawn readings
    are skipped.
    """
    query = f"""
        SELECT compressor_id, {_PREDICTED}, status_timestamp, age_hours::float8, rul_days_now::float8
        FROM v_latest_predictions
        WHERE %(ids)s::text[] IS NULL OR compressor_id = ANY(%(ids)s)
        ORDER BY rul_days_now NULLS LAST, rul_days NULLS LAST, failure_probability DESC NULLS LAST, compressor_id
    """
    parameters = {"ids": None if compressor_ids is None else list(compressor_ids)}
    with fleet_as_of(connection, as_of), connection.cursor(row_factory=class_row(LatestPrediction)) as cursor:
        return cursor.execute(query, parameters).fetchall()


@contextmanager
def fleet_as_of(connection: psycopg.Connection, moment: datetime | None) -> Iterator[None]:
    """Inside, the views show the fleet at `moment` (now when None). A failed transaction resets that by itself."""
    set_moment = "SELECT set_config('altaviz.as_of', %s, TRUE)"
    if moment is not None:
        connection.execute(set_moment, [moment.isoformat()])
    yield
    if moment is not None:
        connection.execute(set_moment, [""])


def last_usable(connection: psycopg.Connection, predictions: Iterable[Prediction]) -> dict[str, LatestPrediction]:
    """The last prediction with numbers that still holds, by compressor without numbers among `predictions`.

    Those are stored already, and of one moment.
    """
    without = {row.compressor_id: row.prediction_timestamp for row in predictions if row.status != "ok"}
    if not without:
        return {}
    latest = latest_predictions(connection, max(without.values()), list(without))
    return {row.compressor_id: row for row in latest if row.status != "ok" and row.rul_days is not None}


def write_view_rules(connection: psycopg.Connection, clock_skew: timedelta, health: HealthSection) -> None:
    """Write the configuration that the views need."""
    rules = [clock_skew, health.warning.value, health.critical.value]
    columns = "clock_skew, warning_days, critical_days"
    connection.execute(f"UPDATE view_rules SET ({columns}) = ROW(%s, %s, %s) WHERE ({columns}) IS DISTINCT FROM (%s, %s, %s)", rules * 2)


def start_replay(connection: psycopg.Connection, moment: datetime) -> None:
    """From now on the home replays the past, and stands at `moment`: its views and its service take that for now."""
    connection.execute("UPDATE view_rules SET replay_as_of = %s", [moment])


def move_replay(connection: psycopg.Connection, moment: datetime | None) -> None:
    """Move a home that replays the past to `moment`. None makes it live: it stands at the clock's now. A live home stays live."""
    connection.execute("UPDATE view_rules SET replay_as_of = %s WHERE replay_as_of IS NOT NULL", [moment])


def replay_moment(connection: psycopg.Connection) -> datetime | None:
    """The moment at which a home that replays the past stands. None for a live home."""
    row = connection.execute("SELECT replay_as_of FROM view_rules").fetchone()
    return row[0] if row else None


def moment_of(connection: psycopg.Connection) -> tuple[datetime, bool]:
    """The moment that the connection stands at, and whether the home replays the past."""
    moment, is_replay = connection.execute("SELECT moment, replay_as_of IS NOT NULL FROM v_moment").fetchone() or (None, None)
    assert isinstance(moment, datetime)
    return moment, bool(is_replay)


def count_future_predictions(connection: psycopg.Connection) -> int:
    """The number of predictions later than now by more than the clock skew. No view shows them before their time."""
    row = connection.execute("SELECT count(*) FROM ml_predictions, view_rules WHERE prediction_timestamp > now() + clock_skew").fetchone()
    return int(row[0]) if row else 0


def predictions_of_a_moment(
    connection: psycopg.Connection, compressor_id: str | None, as_of: datetime | None, model_version: str | None
) -> list[Prediction]:
    """The predictions for exactly `as_of`, of one compressor and one model version if given, by id.

    None means the newest moment with any, not later than now by more than the clock skew.
    """
    query = f"""
        WITH asked AS (
            SELECT * FROM ml_predictions
            WHERE compressor_id = coalesce(%(compressor_id)s, compressor_id) AND model_version = coalesce(%(model_version)s, model_version)
        )
        SELECT compressor_id, {_PREDICTED} FROM asked
        WHERE prediction_timestamp = coalesce(
            %(as_of)s, (SELECT max(prediction_timestamp) FROM asked, view_rules WHERE prediction_timestamp <= now() + clock_skew)
        )
        ORDER BY compressor_id, model_version
    """
    parameters = {"compressor_id": compressor_id, "as_of": as_of, "model_version": model_version}
    with connection.cursor(row_factory=class_row(Prediction)) as cursor:
        return cursor.execute(query, parameters).fetchall()


def compressors(connection: psycopg.Connection) -> list[Compressor]:
    """Every known compressor by id, also the retired ones."""
    names = [item.name for item in fields(Compressor)]
    query = sql.SQL("SELECT {} FROM compressor_metadata ORDER BY compressor_id").format(_identifiers(names))
    with connection.cursor(row_factory=class_row(Compressor)) as cursor:
        return cursor.execute(query).fetchall()


def upsert_rows(connection: psycopg.Connection, table: Table, row_type: type[Any], rows: Iterable[Any]) -> int:
    """Write dataclass rows whose fields are the table's columns. Of rows with one key, the last counts. Returns the rows inserted or changed."""
    columns = [item.name for item in fields(row_type)]
    last = list({tuple(getattr(row, name) for name in table.key): row for row in rows}.values())
    if table.time:
        time = attrgetter(table.time)
        dropped = dropped_months(connection, table.name, map(time, last)) if table.recomputed else set()
        last = [row for row in last if month_of(time(row)) not in dropped] if dropped else last
        make_partitions(connection, table.name, map(time, last))
    if not last:
        return 0
    last.sort(key=attrgetter(*table.key))  # two writers of the same rows wait for each other, and cannot deadlock
    one = sql.SQL("({})").format(sql.SQL(", ").join([sql.Placeholder()] * len(columns)))
    written = 0
    for start in range(0, len(last), _ROWS_AT_ONCE):
        part = last[start : start + _ROWS_AT_ONCE]
        source = sql.SQL("VALUES {}").format(sql.SQL(", ").join([one] * len(part)))
        values = [_adapt(getattr(row, name)) for row in part for name in columns]
        written += connection.execute(_merge(table, columns, source), values, prepare=False).rowcount
    return written


def _adapt(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, list | Mapping) else value


def _merge(table: Table, columns: Iterable[str], source: sql.Composable) -> sql.Composed:
    """INSERT of `source` that updates a differing row of the same key. Values are compared as the table stores them."""
    values = [name for name in columns if name not in table.key]
    return sql.SQL(
        "INSERT INTO {table} AS old ({columns}) {source} ON CONFLICT ({key}) DO UPDATE SET {assignments} "
        "WHERE ({old}) IS DISTINCT FROM ({new})"
    ).format(
        table=sql.Identifier(table.name),
        columns=_identifiers(columns),
        source=source,
        key=_identifiers(table.key),
        assignments=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in values),
        old=sql.SQL(", ").join(sql.Identifier("old", name) for name in values),
        new=sql.SQL(", ").join(sql.Identifier("excluded", name) for name in values),
    )


def _identifiers(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
