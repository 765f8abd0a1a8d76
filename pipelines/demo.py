"""altaviz demo: the main job from nothing to the fleet table, on simulated fleets."""

from __future__ import annotations

import time
from typing import Any

from config.errors import NoChampionError
from config.settings import Settings
from features.lake import GOLD, Lake
from pipelines.lakehouse.ingest import ingest
from pipelines.lakehouse.medallion import build, build_lake
from pipelines.lakehouse.simulate import run as simulate
from pipelines.lifecycle.train import train
from pipelines.operations.score import score
from pipelines.runtime.console import StageReporter
from pipelines.runtime.mlflow_environment import quieten
from pipelines.runtime.spark import LazySpark
from serving.registry.client import Registry


def demo(settings: Settings, report: StageReporter) -> dict[str, Any]:
    """Simulate a history to learn from and the demo's fleet, load both, train, and score the fleet at the end of its data.

    The history lives in its own home, `<home>/history`, which is where `altaviz train` looks; the fleet's files come into `<home>/inbox`, which
    is where `altaviz run` looks. Running it again repeats nothing
    that is done: files known are skipped, and a champion that was trained on this very history stays.
    Returns the result of `score`, with `books` of the demo's readings, `training` and `seconds`.
    """
    started = time.perf_counter()
    past = settings.below("history")
    with report.stage("simulate history") as advance:
        simulate(past.home / "simulated", settings.simulator, settings.fleet, profile="history", progress=advance)
    with report.stage("simulate demo") as advance:
        simulate(settings.home / "inbox", settings.simulator, settings.fleet, profile="demo", progress=advance)
    with LazySpark(settings) as spark:
        ingest(past, past.home / "simulated", spark, report)
        build_lake(past, None, spark, report)
        ingest(settings, settings.home / "inbox", spark, report)
        books = build(settings, None, spark, report)
    training = None
    if not _champion_knows_history(settings):
        with LazySpark(settings) as spark:
            training = train(settings, spark, report)
    scored = score(settings, Lake(settings.lake_uri).newest_reading(), report)
    return {**scored, "books": books, "training": training, "seconds": round(time.perf_counter() - started, 2)}


def _champion_knows_history(settings: Settings) -> bool:
    quieten()
    try:
        champion = Registry(settings.tracking_uri).champion()
    except NoChampionError:
        return False
    return champion.facts.gold_version == Lake(settings.training_lake_uri).version(GOLD)
