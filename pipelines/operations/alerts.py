"""Reads the alerts that are open and the load of alarms: `altaviz alerts`."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, Final

from config.settings import Settings
from pipelines.runtime.console import StageReporter
from serving.alerts.alarm_load import alarm_load
from serving.alerts.alert_rows import AlertFilter, AlertRow, list_alerts
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.tables import fleet_as_of

_SHOWN: Final = {item.name for item in fields(AlertRow)} - {"withdrawn", "reading_count", "suppressed"}


def read_load(settings: Settings, as_of: datetime | None, days: float, limit: int, report: StageReporter) -> dict[str, Any]:
    """The alerts that nobody has closed at `as_of` (None: the home's present), and the load of the last `days` days.

    Returns as_of, open (number), alerts (the worst `limit`), kpis (serving.alerts.kpis.AlarmKpis; None without readings). Raises WarehouseError.
    """
    with (
        report.stage("warehouse"),
        migrated_warehouse(settings.database, settings.home) as warehouse,
        warehouse.connection() as connection,
        fleet_as_of(connection, as_of),
    ):
        row = connection.execute("SELECT moment FROM v_moment").fetchone()
        page = list_alerts(connection, AlertFilter(), limit)
        kpis = alarm_load(connection, days, settings.quality.alarm_kpis)
    return {
        "as_of": None if row is None else row[0].astimezone(UTC),
        "open": page.total,
        "alerts": [{name: value for name, value in asdict(alert).items() if name in _SHOWN} for alert in page.alerts],
        "kpis": None if kpis is None else asdict(kpis),
    }
