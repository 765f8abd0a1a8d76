"""Times bronze to gold, and gold compared with Spark's own windows and DuckDB: `altaviz benchmark features`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.features import duckdb_windows, largest_difference, range_between
from benchmarks.memory import PeakMemory
from config.settings import Settings
from config.site.reference_files import ReferenceFilesSection
from features.bronze import BronzeLoad, load_files
from features.build import Rules, build_silver_and_gold
from features.contract import DATE
from features.gold import build_features, complete_features, compressor_limits
from features.intake import list_reading_files
from features.lake import COMPRESSORS, GOLD, SILVER, Lake
from features.reference_tables.loading import ReferenceRules, load_reference
from features.reference_tables.tables import read_reference
from pipelines.lakehouse.simulate import FleetRequest
from pipelines.lakehouse.simulate import run as simulate
from pipelines.runtime.console import Advance, StageReporter
from pipelines.runtime.spark import LazySpark


def features(settings: Settings, compressors: int, days: int, interval_min: int, spark: LazySpark, report: StageReporter) -> dict[str, Any]:
    """Time bronze to gold over a simulated fleet. Then time gold alone, compared with a plain Spark plan and DuckDB.

    Works below `<home>/benchmark`, which it empties first. Raises InputError, EnvironmentSetupError.
    """
    folder = settings.home / "benchmark"
    shutil.rmtree(folder, ignore_errors=True)
    lake = Lake(str(folder / "lake"))
    timed = _Timed(report)
    with timed.stage("simulate") as advance:
        simulated = simulate(
            folder / "site",
            settings.simulator,
            settings.fleet,
            FleetRequest("history", compressors, days, interval_min),
            advance,
        )
    with PeakMemory() as memory:
        _bronze_to_gold(settings, lake, folder, simulated.end, spark, timed)
    stages = {name: timed.seconds[name] for name in ("bronze", "silver", "rejects", "gold")}
    total = sum(stages.values())
    differences = _gold_alone(settings, lake, folder, spark, timed)
    kernel = timed.seconds["gold: kernel"]
    return {
        "readings": simulated.rows,
        "silver_rows": lake.row_count(SILVER),
        "gold_rows": lake.row_count(GOLD),
        "bronze_to_gold": {
            **{f"{name}_s": seconds for name, seconds in stages.items()},
            "total_s": round(total, 2),
            "rows_per_s": round(simulated.rows / total),
            "peak_rss_gib": round(memory.peak_gib, 2),
        },
        "gold_alone": {
            "kernel_s": kernel,
            "range_between_s": timed.seconds["gold: rangeBetween"],
            "duckdb_s": timed.seconds["gold: DuckDB"],
            "times_as_fast_as_range_between": round(timed.seconds["gold: rangeBetween"] / kernel, 2),
            "times_as_fast_as_duckdb": round(timed.seconds["gold: DuckDB"] / kernel, 2),
            "largest_difference": differences,
        },
    }


class _Timed:
    """The reporter's stages, keeping the seconds of each by name."""

    def __init__(self, report: StageReporter) -> None:
        self.seconds: dict[str, float] = {}
        self._report = report

    @contextmanager
    def stage(self, name: str) -> Iterator[Advance]:
        started = time.perf_counter()
        with self._report.stage(name) as advance:
            yield advance
        self.seconds[name] = round(time.perf_counter() - started, 2)


def _bronze_to_gold(settings: Settings, lake: Lake, folder: Path, as_of: datetime, spark: LazySpark, timed: _Timed) -> None:
    """Run the code of `ingest` and `features` from a cold JVM."""
    load_reference(lake, folder / "site", ReferenceRules(settings.fleet, settings.etl.ingest, ReferenceFilesSection()), datetime.now(UTC))
    files = [(path.name, path) for path in list_reading_files(folder / "site")]
    with timed.stage("bronze") as advance:
        load_files(spark.get, BronzeLoad(lake, folder / "staging", settings.etl.ingest, datetime.now(UTC)), files, advance)
    build_silver_and_gold(
        spark.get, lake, Rules(settings.etl, settings.thresholds, settings.fleet, settings.quality.sensor_health), as_of, timed.stage
    )


def _gold_alone(settings: Settings, lake: Lake, folder: Path, spark: LazySpark, timed: _Timed) -> dict[str, float]:
    """Time gold three ways from the same silver. Returns the largest differences to the kernel, on a sample of compressors.

    The kernel runs first, so the warm JVM favours the others.
    """
    session, etl = spark.get(), settings.etl
    known = read_reference(lake, COMPRESSORS)
    limits = session.createDataFrame(compressor_limits(known, settings.fleet, settings.thresholds).to_arrow())
    silver = lake.read(session, SILVER)
    tolerance = etl.gold.delta_tolerance_s
    with timed.stage("gold: kernel"):
        lake.replace(build_features(silver, limits, etl, settings.thresholds), "gold_kernel", partition_by=DATE, metadata={})
    with timed.stage("gold: rangeBetween"):
        plain = complete_features(range_between(silver, tolerance), limits, settings.thresholds)
        lake.replace(plain, "gold_range_between", partition_by=DATE, metadata={})
    target = folder / "gold_duckdb.parquet"
    with timed.stage("gold: DuckDB"):
        duckdb_windows(lake.delta(SILVER).file_uris(), target, tolerance, threads=session.sparkContext.defaultParallelism)
    kernel = pl.scan_delta(lake.uri("gold_kernel"))
    sample = known["compressor_id"].gather_every(max(known.height // 20, 1)).to_list()
    return {
        "range_between": largest_difference(kernel, pl.scan_delta(lake.uri("gold_range_between")), sample),
        "duckdb": largest_difference(kernel, pl.scan_parquet(target), sample),
    }
