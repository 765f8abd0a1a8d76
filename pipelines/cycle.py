"""Runs one hourly cycle over the inbox of a home: `altaviz run`. Every step can be repeated, so a killed cycle is simply run again."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from config.errors import AllRefusedError, NoReadingsError
from config.settings import Settings
from features.lake import BRONZE, Lake
from pipelines.lakehouse.ingest import ingest
from pipelines.lakehouse.medallion import build
from pipelines.lifecycle.retrain import retrain
from pipelines.operations.monitor import monitor
from pipelines.operations.notify import notify
from pipelines.operations.score import score
from pipelines.runtime.console import StageReporter
from pipelines.runtime.moment import choose_moment
from pipelines.runtime.spark import LazySpark


def run(settings: Settings, as_of: datetime | None, report: StageReporter) -> dict[str, Any]:
    """Ingest, features, score, monitor, and retrain if drifted, all at `as_of` (None: now).

    A promoted model scores and is monitored in the same cycle. A second run at the same moment has nothing left to do. Returns ingest,
    features, score, monitor, retrain, notify: the results of these commands. Those of score and monitor are of the last champion. If the inbox
    is empty, ingest has `skipped` with the reason. Raises what they raise; earlier steps are kept.
    """
    started = time.perf_counter()
    delivery = settings.notifications.delivery  # a wrong file stops the cycle before it begins
    moment = choose_moment(settings, as_of)
    with LazySpark(settings) as spark:
        ingested = _ingest_inbox(settings, spark, report)
        built = build(settings, moment, spark, report)
    scored = score(settings, moment, report, is_live=as_of is None)
    monitored = monitor(settings, moment, report, page=False)
    with LazySpark(settings) as spark:
        retrained = retrain(settings, moment, spark, report, if_drifted=True)
    if retrained["decision"] == "promoted":
        scored = score(settings, moment, report, is_live=as_of is None)
        monitored = monitor(settings, moment, report, page=False)
    notified = notify(settings, report, as_of=moment, within_s=delivery.cycle_s)
    return {
        "as_of": moment,
        "ingest": ingested,
        "features": built,
        "score": scored,
        "monitor": monitored,
        "retrain": retrained,
        "notify": notified,
        "seconds": round(time.perf_counter() - started, 2),
    }


def _ingest_inbox(settings: Settings, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """`ingest` of the inbox. Once the home has readings, an empty inbox or refused files do not stop the cycle."""
    try:
        return ingest(settings, settings.inbox, spark, report)
    except AllRefusedError as error:
        if not Lake(settings.lake_uri).exists(BRONZE):
            raise
        return error.report
    except NoReadingsError as error:
        if settings.etl.ingest.inbox or not Lake(settings.lake_uri).exists(BRONZE):
            raise
        return {"skipped": str(error)}
