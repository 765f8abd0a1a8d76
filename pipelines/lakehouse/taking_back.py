"""Takes back compressors and reading files by hand: `altaviz retire`, `altaviz withdraw`. Both can be undone."""

from __future__ import annotations

import getpass
from typing import Any

import polars as pl

from config.errors import InputError
from config.settings import Settings
from features.contract import COMPRESSOR_ID
from features.lake import COMPRESSORS, Lake
from features.reference_tables.tables import read_reference_history, write_compressors
from features.reference_tables.taking_back import retire_by_hand, take_into_service
from features.withdrawals import find_file, undo_withdrawal, withdraw_file
from pipelines.lakehouse.prediction_alerts import sync_prediction_alerts
from pipelines.lakehouse.warehouse_sync import sync_reference, sync_withdrawals
from pipelines.runtime.console import StageReporter
from pipelines.runtime.lake_lock import writing_lake
from serving.schemas import present_moment
from serving.warehouse.migrations import migrated_warehouse

_NEXT = "altaviz features, then altaviz score"


def retire(
    settings: Settings, compressor_id: str, reason: str | None, by: str | None, report: StageReporter, *, undo: bool
) -> dict[str, Any]:
    """Take a compressor out of service, or put it back with `undo`. A list that still names it does not put it back.

    Returns compressor_id, retired, retired_at, retired_by. Raises InputError if it is unknown or already so; WarehouseError.
    """
    lake = Lake(settings.lake_uri)
    with writing_lake(settings):
        rows = read_reference_history(lake, COMPRESSORS)
        known = {row[COMPRESSOR_ID]: row for row in rows.iter_rows(named=True)}
        if compressor_id not in known:
            raise InputError(f"{compressor_id!r} is not a known compressor: use an id of the ingested list")
        if (known[compressor_id]["retired_at"] is None) == undo:
            state = "is in service: there is nothing to undo" if undo else "is retired already; --undo puts it back into service"
            if undo or known[compressor_id]["retired_by_hand"]:
                raise InputError(f"{compressor_id} {state}")
        who = f"{by or getpass.getuser()} by hand" + (f": {reason}" if reason else "")
        changed = take_into_service(rows, compressor_id) if undo else retire_by_hand(rows, compressor_id, who, present_moment())
        write_compressors(lake, changed)
    with report.stage("warehouse"), migrated_warehouse(settings.database, settings.home) as warehouse:
        sync_reference(warehouse, lake, settings.fleet)
    now = changed.row(by_predicate=pl.col(COMPRESSOR_ID) == compressor_id, named=True)
    return {COMPRESSOR_ID: compressor_id, "retired": not undo, "retired_at": now["retired_at"], "retired_by": now["retired_by"]}


def withdraw(settings: Settings, name: str, reason: str | None, by: str | None, report: StageReporter, *, undo: bool) -> dict[str, Any]:
    """Withdraw a reading file, or restore it with `undo`. `name` is its name or the start of its SHA-256.

    The next `features` builds silver and gold without it. Predictions made from it are marked at once. Returns file, sha256, rows,
    withdrawn, withdrawn_at, withdrawn_by, reason, compressors, predictions_marked, next. Raises InputError, WarehouseError.
    """
    lake = Lake(settings.lake_uri)
    with writing_lake(settings):
        file = find_file(lake, name)
        moment = present_moment()
        done = undo_withdrawal(lake, file, moment) if undo else withdraw_file(lake, file, by or getpass.getuser(), reason, moment)
    with report.stage("warehouse"), migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        marked = sync_withdrawals(connection, lake, settings.etl)
        sync_prediction_alerts(connection, settings, marked.changed)
    return {
        "file": file.name,
        "sha256": file.sha256,
        "rows": file.rows,
        "withdrawn": not undo,
        "withdrawn_at": done.withdrawn_at,
        "withdrawn_by": done.withdrawn_by,
        "reason": done.reason,
        "compressors": sorted(done.spans),
        "predictions_marked": marked.predictions,
        "next": _NEXT,
    }
