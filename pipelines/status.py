"""altaviz status: what this home holds."""

from __future__ import annotations

from typing import Any

from config.settings import Settings
from pipelines.console import StageReporter


def summarise(settings: Settings, report: StageReporter) -> dict[str, Any]:
    """Books of the lake, rows of the warehouse tables, champion and newest reading; what is not there yet is None or 0."""
    from features.build import count_rows
    from features.contract import CHALLENGER, CHAMPION
    from features.lake import GOLD, Lake
    from features.quarantine import open_refusals, read_refusals
    from pipelines.tracking import quieten
    from serving.registry import Registry
    from serving.warehouse import tables
    from serving.warehouse.migrations import migrated_warehouse

    quieten()
    lake = Lake(settings.lake_uri)
    registry = Registry(settings.tracking_uri)
    with report.stage("warehouse"), migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        counts = tables.table_counts(connection)
    refused = open_refusals(lake)
    return {
        "home": settings.home,
        "lake": count_rows(lake),
        "gold_version": lake.version(GOLD) if lake.exists(GOLD) else None,
        "newest_reading": lake.newest_reading() if lake.exists(GOLD) else None,
        "refused_files": {
            name: {"reason": item.reason, "first_seen": item.first_seen, "last_seen": item.last_seen, "times": item.times}
            for name, item in refused.items()
        },
        "refusals": {"open": len(refused), "mended": sum(item.mended_at is not None for item in read_refusals(lake))},
        "warehouse": counts,
        "champion": registry.version_of(CHAMPION),
        "challenger": registry.version_of(CHALLENGER),
    }
