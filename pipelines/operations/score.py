"""Writes the champion's predictions for every compressor in service to `ml_predictions`: `altaviz score`."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import polars as pl

from config.errors import NoDataError
from config.settings import Settings
from features.lake import EVENTS, GOLD, Lake
from features.reference_tables.renewals import read_renewals
from features.reference_tables.tables import read_fleet, read_reference_history, read_retired
from features.reference_tables.taking_back import in_force
from pipelines.lakehouse.prediction_alerts import sync_prediction_alerts
from pipelines.lakehouse.warehouse_sync import sync_reference, sync_view_rules, sync_withdrawals
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.moment import choose_moment
from serving.prediction.predictor import Predictor
from serving.registry.client import Registry
from serving.registry.model_record import ModelRecord
from serving.schemas import present_moment, report_rows
from serving.warehouse import tables
from serving.warehouse.connection import Warehouse
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.prediction_points import earliest
from serving.warehouse.upkeep.partitions import make_partitions_ahead
from serving.work_orders.reported_events import waiting_events, with_waiting_events


def score(settings: Settings, as_of: datetime | None, report: StageReporter, *, is_live: bool | None = None) -> dict[str, Any]:
    """Score the compressors in service at `as_of` (None: now). A repeated moment writes no row twice.

    A home that replays the past moves to `as_of`. It becomes live when `is_live`: the moment is the clock's now (None: so without `as_of`).
    Returns model_version, as_of, retired (ids that are not scored), predictions (serving.schemas.report_rows), rows_written,
    alert_rows_written (of alerts from predictions), seconds.
    Raises MomentError, NoChampionError, NoDataError, ModelError, WarehouseError.
    """
    started = time.perf_counter()
    moment = choose_moment(settings, as_of)
    is_now = as_of is None if is_live is None else is_live
    quieten()
    lake = Lake(settings.lake_uri)
    gold = lake.delta(GOLD)
    compressor_ids = read_fleet(lake)["compressor_id"].sort().to_list()
    if not compressor_ids:
        raise NoDataError("no compressor is in service: put one back with `altaviz retire ID --undo`, or ingest a list of compressors")
    with report.stage("champion"):
        champion = Registry(settings.tracking_uri).champion()
        predictor = Predictor(champion, settings.scoring, settings.costs, settings.model.scoring.threads)
    with migrated_warehouse(settings.database, settings.home) as warehouse:
        with report.stage("predict") as advance:
            renewed = read_renewals(_events(warehouse, lake)).at(compressor_ids, moment)
            predictions = predictor.predict(gold, compressor_ids, moment, renewed)
            advance(1, 1, compressors=len(predictions))
        with report.stage("write"):
            ModelRecord(warehouse).compare_champion(champion)  # write nothing if the file is not the one that was decided on
            sync_reference(warehouse, lake, settings.fleet)
            sync_view_rules(warehouse, settings)
            with warehouse.connection() as connection:
                make_partitions_ahead(connection, moment, settings.database.partitions.months_ahead)
                written = tables.upsert_predictions(connection, predictions)
                marked = sync_withdrawals(connection, lake, settings.etl).changed
                scored = dict.fromkeys(compressor_ids, moment)
                alerts_written = sync_prediction_alerts(connection, settings, earliest([*scored.items(), *marked.items()]))
                usable = tables.last_usable(connection, predictions)
                tables.move_replay(connection, None if is_now else moment)
    return {
        "model_version": champion.version,
        "as_of": moment,
        "retired": read_retired(lake),
        "predictions": report_rows(predictions, usable),
        "rows_written": written,
        "alert_rows_written": alerts_written,
        "seconds": round(time.perf_counter() - started, 2),
    }


def _events(warehouse: Warehouse, lake: Lake) -> pl.DataFrame:
    """The maintenance events in force, also those of completed orders that the lake has not taken in yet."""
    with warehouse.connection() as connection:
        waiting = waiting_events(connection)
    return in_force(with_waiting_events(read_reference_history(lake, EVENTS), waiting, present_moment()))
