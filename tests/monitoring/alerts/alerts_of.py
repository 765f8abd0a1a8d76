"""Finds the alerts of readings that a test spells out. Tests name minutes after MONDAY; the machine has run since five hours before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from config.settings import Settings
from features.contract import COMPRESSOR_ID, PRESSURE_DIFFERENTIAL, SENSORS, TEMP_DELTA, TIMESTAMP
from features.sensor_health.settings import HealthRules
from monitoring.alerts.engine import AlertEngine
from monitoring.alerts.threshold_alerts import alert_quantities
from serving.warehouse.alerts import Alert
from tests.features.readings import MONDAY, compressors, reading

_RUNNING_MINUTES: Final = 300
GOLD_SCHEMA: Final = pl.Schema(
    {COMPRESSOR_ID: pl.String(), TIMESTAMP: pl.Datetime("us", "UTC"), PRESSURE_DIFFERENTIAL: pl.Float64(), TEMP_DELTA: pl.Float64()}
)
SILVER_SCHEMA: Final = pl.Schema({COMPRESSOR_ID: pl.String(), TIMESTAMP: pl.Datetime("us", "UTC"), **dict.fromkeys(SENSORS, pl.Float64())})


def limits_engine(settings: Settings, fleet: pl.DataFrame | None = None, **changed: Any) -> AlertEngine:
    """The engine of the shipped limits, without own normals, with `changed` keys of quality.yaml's alerts."""
    rules = settings.quality.alerts.model_copy(update=changed)
    quantities = alert_quantities(compressors("C-1", "C-2") if fleet is None else fleet, settings.thresholds, rules)
    return AlertEngine(rules, HealthRules.of(settings.quality.sensor_health, settings.thresholds), quantities)


def silver_of(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Silver of the readings, and of the healthy ones of their compressors before MONDAY."""
    rows = list(rows)
    before = [reading(-minute, name) for name in sorted({row[COMPRESSOR_ID] for row in rows}) for minute in range(10, _RUNNING_MINUTES, 10)]
    return pl.DataFrame([{name: row[name] for name in SILVER_SCHEMA} for row in (*before, *rows)], schema=SILVER_SCHEMA)


def alerts_of(engine: AlertEngine, rows: Iterable[dict[str, Any]], gold: pl.DataFrame | None = None) -> list[Alert]:
    """The alerts of these readings of a machine that has run before them."""
    return engine.find(silver_of(rows), pl.DataFrame(schema=GOLD_SCHEMA) if gold is None else gold)[0]


def at(minute: float) -> datetime:
    """The moment, by minutes after MONDAY."""
    return MONDAY + timedelta(minutes=minute)


def minutes(moments: Sequence[datetime | None]) -> tuple[float | None, ...]:
    """Inverse of `at`."""
    return tuple(None if moment is None else (moment - MONDAY) / timedelta(minutes=1) for moment in moments)


def spans(alerts: Iterable[Alert]) -> list[tuple[float | None, ...]]:
    """Minutes of the first reading beyond, of the raising, of the last reading beyond, and of the resolution."""
    return [minutes((alert.alert_timestamp, alert.raised_at, alert.last_seen, alert.resolved_at)) for alert in alerts]
