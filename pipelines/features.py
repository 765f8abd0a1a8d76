"""altaviz features: bronze -> silver -> gold -> warehouse aggregates."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from config.settings import Settings
from pipelines.console import StageReporter
from pipelines.home import writing_lake
from pipelines.session import LazySpark


def build(settings: Settings, as_of: datetime | None, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """Bring silver, rejects, gold and the warehouse up to bronze at `as_of` (now when None).

    Returns the books (features.build.count_rows). Raises NoDataError, WarehouseError.
    """
    from features.build import Rules, build_silver_and_gold, count_rows
    from features.lake import BRONZE, Lake

    started = time.perf_counter()
    lake = Lake(settings.lake_uri)
    moment = as_of or datetime.now(UTC)
    with writing_lake(settings):
        if not lake.exists(BRONZE):
            lake.delta(BRONZE)
        rules = Rules(settings.etl, settings.thresholds, settings.fleet)
        plan = build_silver_and_gold(spark.get(), lake, rules, moment, report.stage)
        books = count_rows(lake)
    rebuilt = "all" if plan.touched is None else [[item.start, item.end] for item in plan.touched]
    return {**books, "as_of": moment, "rebuilt": rebuilt, "seconds": round(time.perf_counter() - started, 2)}
