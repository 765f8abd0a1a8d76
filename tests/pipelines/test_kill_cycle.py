"""kill -9 at random moments of the hourly cycle, then one complete run. Lake, warehouse and registry equal those of an undisturbed run."""

from __future__ import annotations

import itertools
import random
import time
from pathlib import Path
from typing import Any

from config.settings import load_settings
from features.contract import CHAMPION, LOADED_AT
from features.lake import BRONZE, COMPRESSORS, GOLD, REJECTS, SILVER, Lake
from serving.registry.client import Registry
from serving.registry.transitions import decision_of
from serving.warehouse.connection import open_warehouse
from tests.features.readings import assert_same_tables
from tests.pipelines.console_script import altaviz_process, kill_after, report_of
from tests.pipelines.demo import END_OF_DEMO, Demo

CYCLE = ("run", "--as-of", END_OF_DEMO)
KILLS = 3
# What follows from readings and model; times of writing, run ids and what a fit measures (equal to 1e-5, not to the bit) do not count.
TABLES = {
    "ml_predictions": "compressor_id, prediction_timestamp, model_version, status, health, horizon_days",
    "drift_metrics": "metric_timestamp, model_version, kind, name, drifted",
    "drift_decisions": "metric_timestamp, model_version, drift, retrain",
    "model_decisions": "model_version, decision, trigger, drift_timestamp, previous_version",
    "alert_history": "compressor_id, alert_type, alert_timestamp, severity, reading_count, resolved_at",
    "data_quality_metrics": "metric_timestamp, stage, metric_name, metric_value, passed",
    "sensor_readings_agg": "compressor_id, window_type, agg_timestamp, reading_count, vibration_avg",
    "maintenance_events": "compressor_id, event_date, event_type",
}


def test_a_cycle_killed_at_random_moments_ends_in_the_state_of_an_undisturbed_one(demo: Demo) -> None:
    undisturbed = demo.before_the_cycle(demo.home.with_name("undisturbed"))
    started = time.perf_counter()
    report_of(*CYCLE, home=undisturbed, run=altaviz_process, **demo.quick)
    seconds = time.perf_counter() - started
    draw = random.Random(20261125)
    killed = _cut_off(demo, draw, seconds)
    for _ in range(KILLS - 1):  # a killed cycle goes on where it was cut off, so later kills meet later steps
        kill_after(draw.uniform(0.1, 0.9) * seconds, *CYCLE, home=killed, **demo.quick)
    report_of(*CYCLE, home=killed, **demo.quick)
    assert_same_tables(_lake(killed), _lake(undisturbed), (BRONZE, COMPRESSORS), LOADED_AT)
    assert_same_tables(_lake(killed), _lake(undisturbed), (SILVER, REJECTS, GOLD))
    assert _rows(demo, killed) == _rows(demo, undisturbed)
    assert _models(demo, killed) == _models(demo, undisturbed)


def _cut_off(demo: Demo, draw: random.Random, seconds: float) -> Path:
    """A home whose cycle was killed. If it ended before the kill, try again from the start, with half the time."""
    homes = (demo.before_the_cycle(demo.home.with_name(f"killed-{attempt}")) for attempt in itertools.count())
    return next(
        home
        for attempt, home in enumerate(homes)
        if kill_after(draw.uniform(0.1, 0.9) * seconds / 2**attempt, *CYCLE, home=home, **demo.quick)
    )


def _lake(home: Path) -> Lake:
    return Lake(str(home / "lake"))


def _rows(demo: Demo, home: Path) -> dict[str, list[tuple[Any, ...]]]:
    settings = load_settings(home, environ=demo.quick)
    with open_warehouse(settings.database, home) as warehouse, warehouse.connection() as connection:
        found = {
            table: connection.execute(f"SELECT {columns} FROM {table} ORDER BY {columns}").fetchall()  # type: ignore[arg-type]
            for table, columns in TABLES.items()
        }
    assert found["ml_predictions"]
    assert found["drift_decisions"]
    return found


def _models(demo: Demo, home: Path) -> tuple[str | None, list[tuple[str, str | None]]]:
    registry = Registry(load_settings(home, environ=demo.quick).tracking_uri)
    decisions = [(version.version, decision_of(version)) for version in registry.versions()]
    return registry.version_of(CHAMPION), [(version, decision and decision.decision) for version, decision in decisions]
