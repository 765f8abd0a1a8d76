"""Runs the whole product on simulated fleets, from nothing to the fleet table: `altaviz demo`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from config.errors import InputError, NoChampionError
from config.settings import Settings
from features.lake import BRONZE, GOLD, Lake
from features.simulator.fleet import MARKER
from pipelines.lakehouse.ingest import ingest
from pipelines.lakehouse.medallion import build, build_lake
from pipelines.lakehouse.simulate import FleetRequest
from pipelines.lakehouse.simulate import run as simulate
from pipelines.lifecycle.train import train
from pipelines.operations.score import score
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.spark import LazySpark
from serving.alerts.advance import advance_alerts
from serving.registry.client import Registry
from serving.warehouse import tables
from serving.warehouse.connection import open_warehouse
from serving.warehouse.migrations import migrated_warehouse


def demo(settings: Settings, report: StageReporter) -> dict[str, Any]:
    """Simulate a history to train on and the demo's fleet. Load both, train, and score the fleet at the end of its data.

    The history has its own home `<home>/history`, which `altaviz train` uses. The fleet's files go to `<home>/inbox`, which `altaviz run`
    reads. The home replays that week: its present is the end of the data. A second run skips known files, and keeps a champion that was trained on this history. Returns the result of `score`, with
    `books` of the demo's readings, `training` and `seconds`. Raises InputError for a home of real machines.
    """
    started = time.perf_counter()
    _require_no_real_machines(settings)
    history = settings.below("history")
    with report.stage("simulate history") as advance:
        simulate(history.home / "simulated", settings.simulator, settings.fleet, FleetRequest("history"), advance)
    with report.stage("simulate demo") as advance:
        simulate(settings.home / "inbox", settings.simulator, settings.fleet, FleetRequest("demo"), advance)
    with LazySpark(settings) as spark:
        ingest(history, history.home / "simulated", spark, report)
        build_lake(history, None, spark, report)
        ingest(settings, settings.home / "inbox", spark, report)
        books = build(settings, None, spark, report)
    training = None
    if not _trained_on_history(settings):
        with LazySpark(settings) as spark:
            training = train(settings, spark, report)
    scored = score(settings, Lake(settings.lake_uri).newest_reading(), report)
    with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        tables.start_replay(connection, scored["as_of"])
        advance_alerts(connection, scored["as_of"], settings.thresholds.escalation)
    return {**scored, "books": books, "training": training, "seconds": round(time.perf_counter() - started, 2)}


def _require_no_real_machines(settings: Settings) -> None:
    """Raise InputError where simulated machines would come among others. A demo's home has its simulation in the inbox, whatever its version."""
    if _simulated_profile(settings.home / "inbox" / MARKER) == "demo":
        return
    remedy = "simulated machines would come among them, and the home would replay their week: choose an empty place with --home"
    if Lake(settings.lake_uri).exists(BRONZE):
        raise InputError(f"the lake {settings.lake_uri} holds readings that no demo loaded; {remedy}")
    with open_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        is_made = connection.execute("SELECT to_regclass('compressor_metadata') IS NOT NULL").fetchone()
        if is_made == (True,) and connection.execute("SELECT FROM compressor_metadata LIMIT 1").fetchone() is not None:
            raise InputError(f"the warehouse {warehouse.place} holds compressors that no demo loaded; {remedy} and a database of its own")


def _simulated_profile(marker: Path) -> str | None:
    try:
        return str(json.loads(marker.read_text(encoding="utf-8"))["profile"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _trained_on_history(settings: Settings) -> bool:
    quieten()
    try:
        champion = Registry(settings.tracking_uri).champion()
    except NoChampionError:
        return False
    return champion.facts.gold_version == Lake(settings.training_lake_uri).version(GOLD)
