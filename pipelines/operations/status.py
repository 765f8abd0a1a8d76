"""Summarises what a home holds: `altaviz status`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from config.settings import Settings
from features.contract import CHALLENGER, CHAMPION
from features.lake import GOLD, Lake
from features.quarantine import open_refusals, read_refusals
from features.reference_tables.loading import read_rejects
from features.reference_tables.tables import read_retired
from features.row_counts import count_rows
from features.withdrawals import read_withdrawals
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.views.fleet import describe_usable
from serving.notifications.delivery import read_waiting
from serving.registry.client import Registry
from serving.warehouse import tables
from serving.warehouse.migrations import migrated_warehouse

if TYPE_CHECKING:
    from serving.schemas import LatestPrediction


def summarise(settings: Settings, report: StageReporter) -> dict[str, Any]:
    """Row counts of lake and warehouse, champion and newest reading. What is missing is None or 0.

    The counts in `predictions` are by the status of the newest prediction. Compressors without one are in `without_numbers`.
    Messages that wait or were given up are in `notifications`, by channel. A home that replays the past stands at `replay_as_of`; that is None for a live home. Rows later than the clock allows are in `future_predictions`: no view shows them.
    """
    quieten()
    lake = Lake(settings.lake_uri)
    registry = Registry(settings.tracking_uri)
    with report.stage("warehouse"), migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        counts = tables.table_counts(connection)
        replay_as_of = tables.replay_moment(connection)
        latest, future = tables.latest_predictions(connection), tables.count_future_predictions(connection)
        outbox = read_waiting(connection)
    refused = open_refusals(lake)
    return {
        "home": settings.home,
        "replay_as_of": replay_as_of,
        "lake": count_rows(lake),
        "gold_version": lake.version(GOLD) if lake.exists(GOLD) else None,
        "newest_reading": lake.newest_reading() if lake.exists(GOLD) else None,
        "retired_compressors": read_retired(lake),
        "withdrawn_files": {item.file: item.withdrawn_at for item in read_withdrawals(lake) if item.undone_at is None},
        **_reference_rejects(read_rejects(lake)),
        "refused_files": {
            name: {"reason": item.reason, "first_seen": item.first_seen, "last_seen": item.last_seen, "times": item.times}
            for name, item in refused.items()
        },
        "refusals": {"open": len(refused), "mended": sum(item.mended_at is not None for item in read_refusals(lake))},
        "warehouse": counts,
        "predictions": dict(Counter(row.status for row in latest)),
        "without_numbers": {row.compressor_id: describe_standing(row) for row in latest if row.status != "ok"},
        "future_predictions": future,
        "notifications": {
            row.channel: {"waiting": row.waiting, "oldest": row.oldest, "given_up": row.given_up, "last_error": row.last_error}
            for row in outbox
        },
        "champion": registry.version_of(CHAMPION),
        "challenger": registry.version_of(CHALLENGER),
    }


def describe_standing(row: LatestPrediction) -> str:
    """The status, and the last usable prediction if there is one."""
    if row.rul_days is None:
        return row.status
    usable = {"rul_days": row.rul_days, "rul_days_now": row.rul_days_now, "age_hours": row.age_hours}
    return f"{row.status}, {describe_usable(usable)}"


def _reference_rejects(rejects: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Rejected rows of reference files by place, and refused files by name, each with reason and repair."""
    rows = {
        f"{row['file']} line {row['line']}, {row['column']}": f"{row['reason']} {row['word']!r}: {row['cure']}"
        for row in rejects
        if row["line"] is not None
    }
    return {
        "rejected_reference_rows": rows,
        "refused_reference_files": {row["file"]: row["cure"] for row in rejects if row["line"] is None},
    }
