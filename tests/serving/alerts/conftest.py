"""A warehouse with three compressors, whose present is the morning of the alerts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from serving.warehouse.alerts import Alert, Source, alert_lock, replace_alerts
from serving.warehouse.connection import Warehouse
from tests.serving.warehouse.conftest import migrated, warehouse

__all__ = ["migrated", "warehouse"]
T = datetime(2026, 3, 2, 6, tzinfo=UTC)
H = timedelta(hours=1)
NOW = T + 6 * H
OPEN = Alert(
    compressor_id="C-1",
    alert_type="vibration_mms_high",
    alert_timestamp=T,
    raised_at=T + H,
    critical_at=None,
    severity="warning",
    message="vibration 6.5 mm/s is at or above warning 6",
    value=6.5,
    threshold=6.0,
    last_seen=T + 3 * H,
    reading_count=19,
    resolved=False,
    resolved_at=None,
    settled_at=None,
)


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[psycopg.Connection]:
    """One transaction at NOW with the alert OPEN and its log."""
    with warehouse.connection() as opened:
        stand_at(opened, NOW)
        rewrite(opened, OPEN)
        yield opened
        opened.rollback()


def stand_at(connection: psycopg.Connection, moment: datetime) -> None:
    connection.execute("SELECT set_config('altaviz.as_of', %s, TRUE)", [moment.isoformat()])


def rewrite(connection: psycopg.Connection, *alerts: Alert) -> None:
    """What a cycle does: these are all alerts there are."""
    alert_lock(connection)
    replace_alerts(connection, alerts, None, SOURCES)


SOURCES: Sequence[Source] = ("threshold", "own_normal", "prediction", "data")
