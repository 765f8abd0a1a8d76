"""Runs the whole product on simulated fleets, from nothing to the fleet table: `altaviz demo`."""

from __future__ import annotations

import time
from typing import Any

from config.errors import NoChampionError
from config.settings import Settings
from features.lake import GOLD, Lake
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
from serving.warehouse.migrations import migrated_warehouse


def demo(settings: Settings, report: StageReporter) -> dict[str, Any]:
    """Simulate a history to train on and the demo's fleet. Load both, train, and score the fleet at the end of its data.

    The history has its own home `<home>/history`, which `altaviz train` uses. The fleet's files go to `<home>/inbox`, which `altaviz run`
    reads. The home replays that week: its present is the end of the data. A second run skips known files, and keeps a champion that was trained on this history. Returns the result of `score`, with
    `books` of the demo's readings, `training` and `seconds`.
    """
    started = time.perf_counter()
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


def _trained_on_history(settings: Settings) -> bool:
    quieten()
    try:
        champion = Registry(settings.tracking_uri).champion()
    except NoChampionError:
        return False
    return champion.facts.gold_version == Lake(settings.training_lake_uri).version(GOLD)
