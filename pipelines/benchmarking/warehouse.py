"""Times every question of service and pages, and the hourly write, on a large made-up fleet: `altaviz benchmark warehouse`."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import polars as pl
import psutil
import psycopg

from benchmarks.serving import quantiles_ms
from config.errors import InputError
from config.settings import Settings
from pipelines.benchmarking.warehouse_fleet import END, FleetSize, fill
from pipelines.benchmarking.warehouse_questions import Question, questions
from pipelines.runtime.console import Advance, StageReporter
from serving.alerts.alert_key import AlertKey
from serving.schemas import Prediction
from serving.warehouse.connection import Warehouse, open_reader
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.tables import latest_predictions, upsert_aggregates, upsert_predictions

LIMIT_MS: Final = 50.0  # 95 of 100 answers
WRITE_LIMIT_S: Final = 10.0
_WARM_UP: Final = 12  # psycopg prepares a statement at its sixth run, and PostgreSQL settles on a plan five runs later
_SIZE: Final = "size.json"  # in a complete folder
_REPORTS: Final = 3  # runs of a report
_HOUR: Final = timedelta(hours=1)
_LARGE_ROWS: Final = 2000  # a sequential scan of fewer is no finding
_INDEX_SCANS: Final = """
    SELECT coalesce(parent.relname, stat.indexrelname), sum(stat.idx_scan)::bigint
    FROM pg_stat_user_indexes AS stat
    LEFT JOIN pg_inherits ON inhrelid = stat.indexrelid
    LEFT JOIN pg_class AS parent ON parent.oid = inhparent
    GROUP BY 1
"""
_LARGE_SCANS: Final = "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE n_live_tup > %s"


def warehouse(settings: Settings, size: FleetSize, repetitions: int, data: Path | None, report: StageReporter) -> dict[str, Any]:
    """Time the questions as altaviz_reader, warm, then one hour's write of the fleet.

    The embedded server runs in `data`. A complete folder of the same size is used again. None: a folder in the home, removed at the end.
    Returns rows, questions {name: n, p50, p95, p99, max in ms; server_cpu_ms; indexes; large_scans}, hourly_write, load_average,
    within_limits. Raises InputError (data of another size), WarehouseError.
    """
    database = settings.database.model_copy(update={"connection": settings.database.connection.model_copy(update={"host": None})})
    with _folder(settings, data) as folder, migrated_warehouse(database, folder) as writer:
        _require_fleet(writer, folder, size, report)
        with open_reader(database, folder) as reader, reader.connection() as connection:
            asked = _questions(settings, connection)
            with report.stage("questions") as advance:
                answered = _ask_all(connection, asked, repetitions, advance)
        with report.stage("hourly write"):
            write = _write_hour(writer)
        with writer.connection() as connection:
            rows = {name: _one(connection, f"SELECT count(*) FROM {name}") for name in _TABLES}
    return {
        "size": asdict(size),
        "rows": rows,
        "questions": answered,
        "hourly_write": write,
        "load_average": round(os.getloadavg()[0], 1),
        "within_limits": all(row["p95"] < LIMIT_MS for row in answered.values() if not row["is_report"])
        and write["seconds"] < WRITE_LIMIT_S,
    }


_TABLES: Final = ("compressor_metadata", "sensor_readings_agg", "ml_predictions", "alert_history", "alert_changes", "work_orders")


@contextmanager
def _folder(settings: Settings, data: Path | None) -> Iterator[Path]:
    if data is not None:
        yield data
        return
    folder = settings.home / f"benchmark-warehouse-{os.getpid()}"  # made by the server, with access for its user
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _require_fleet(writer: Warehouse, folder: Path, size: FleetSize, report: StageReporter) -> None:
    """Fill an empty folder. Raise InputError for one that holds another fleet, or part of one."""
    done = folder / _SIZE
    if done.exists():
        found = json.loads(done.read_text(encoding="utf-8"))
        if found != asdict(size):
            raise InputError(f"{folder} holds a fleet of another size ({found}): give an empty folder, or ask for that size")
        return
    with writer.connection() as connection:
        if _one(connection, "SELECT count(*) FROM compressor_metadata"):
            raise InputError(f"{folder} holds a database that was not filled whole: give an empty folder")
    with report.stage("fill") as advance:
        fill(writer, size, advance)
    done.write_text(json.dumps(asdict(size)), encoding="utf-8")


def _questions(settings: Settings, connection: psycopg.Connection) -> list[Question]:
    """About a compressor whose newest prediction has no numbers, which is the slowest case, and about one that has an open alert."""
    found = connection.execute(
        "SELECT compressor_id, station_id FROM v_fleet_health_summary ORDER BY status = 'ok', compressor_id LIMIT 1"
    ).fetchone()
    alert = connection.execute("SELECT compressor_id, alert_type, alert_timestamp FROM v_alerts WHERE state <> 'closed' LIMIT 1").fetchone()
    if found is None or alert is None:
        raise InputError("the fleet has no compressor with a prediction, or no open alert: ask for more compressors and days")
    return questions(settings, str(found[0]), str(found[1]), AlertKey(*alert))


def _ask_all(connection: psycopg.Connection, asked: list[Question], repetitions: int, advance: Advance) -> dict[str, Any]:
    answered: dict[str, Any] = {}
    server = psutil.Process(connection.info.backend_pid)
    (limit,) = connection.execute("SHOW statement_timeout").fetchone() or ("0",)
    for done, question in enumerate(asked):
        timed = _REPORTS if question.is_report else repetitions
        connection.execute("SELECT set_config('statement_timeout', %s, FALSE)", ["0" if question.is_report else limit])
        for _ in range(1 if question.is_report else _WARM_UP):
            question.ask(connection)
        connection.commit()
        before = _scans(connection)
        worked = server.cpu_times()
        seconds = []
        for _ in range(timed):
            started = time.perf_counter()
            question.ask(connection)
            seconds.append(time.perf_counter() - started)
        now = server.cpu_times()
        connection.commit()
        after = _scans(connection)
        cpu_s = now.user + now.system - worked.user - worked.system
        answered[question.name] = {
            **quantiles_ms(seconds),
            "is_report": question.is_report,
            "server_cpu_ms": round(1000 * cpu_s / timed, 1),
            "indexes": sorted(name for name in after[0] if after[0][name] > before[0].get(name, 0)),
            "large_scans": sorted(name for name in after[1] if after[1][name] > before[1].get(name, 0)),
        }
        advance(done + 1, len(asked))
    return answered


def _scans(connection: psycopg.Connection) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Scans so far: by index, and of whole large tables or months."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.commit()
    indexes: dict[str, int] = dict(connection.execute(_INDEX_SCANS).fetchall())
    tables: dict[str, int] = dict(connection.execute(_LARGE_SCANS, [_LARGE_ROWS]).fetchall())
    connection.commit()
    return indexes, tables


def _write_hour(writer: Warehouse) -> dict[str, Any]:
    """Write the hour after the last one: three windows and a prediction of every compressor. Then take it back."""
    at = END + _HOUR
    with writer.connection() as connection:
        aggregates, predictions = _next_aggregates(connection), _next_predictions(connection)
    started = time.perf_counter()
    with writer.connection() as connection:
        written = upsert_aggregates(connection, aggregates)
    aggregated = time.perf_counter()
    with writer.connection() as connection:
        predicted = upsert_predictions(connection, predictions)
    ended = time.perf_counter()
    with writer.connection() as connection:
        connection.execute("DELETE FROM sensor_readings_agg WHERE agg_timestamp = %s", [at])
        connection.execute("DELETE FROM ml_predictions WHERE prediction_timestamp = %s", [at])
    return {
        "aggregate_rows": written,
        "predictions": predicted,
        "aggregates_s": round(aggregated - started, 2),
        "predictions_s": round(ended - aggregated, 2),
        "seconds": round(ended - started, 2),
    }


def _next_aggregates(connection: psycopg.Connection) -> pl.DataFrame:
    """The last hour's rows, an hour later."""
    query = "SELECT * FROM sensor_readings_agg WHERE agg_timestamp = %s ORDER BY compressor_id, window_type"
    cursor = connection.execute(query, [END])
    names = [column.name for column in cursor.description or ()]
    frame = pl.DataFrame(cursor.fetchall(), schema=names, orient="row", infer_schema_length=None)
    return frame.drop("created_at", "updated_at").with_columns(pl.col("agg_timestamp", "last_reading_at") + _HOUR)


def _next_predictions(connection: psycopg.Connection) -> list[Prediction]:
    """The newest predictions, an hour later."""
    return [
        Prediction(
            row.compressor_id, END + _HOUR, row.model_version, "ok" if row.rul_days is not None else row.status, row.rul_days, row.rul_lower_days, row.rul_upper_days,
            row.failure_probability, row.confidence_score, row.health, row.horizon_days, row.reasons, row.features_used,
            row.act_by, row.expected_saving_usd,
        )
        for row in latest_predictions(connection)
    ]  # fmt: skip


def _one(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
