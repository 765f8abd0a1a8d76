"""Builds a small lake in a JVM that writes the archive of its classes. Later JVMs start from it.

Run by `make setup` as `python -m pipelines.lakehouse.spark_warm_up SCRATCH ARCHIVE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark import SparkContext

from config.settings import Settings, load_settings
from pipelines.lakehouse.ingest import ingest
from pipelines.lakehouse.medallion import build_lake
from pipelines.lakehouse.simulate import FleetRequest
from pipelines.lakehouse.simulate import run as simulate
from pipelines.runtime.console import StageReporter
from pipelines.runtime.spark import LazySpark


def _build_a_lake(settings: Settings) -> None:
    """Two days of two compressors into bronze, silver and gold."""
    site = settings.home / "simulated"
    simulate(site, settings.simulator, settings.fleet, FleetRequest(compressors=2, days=2))
    with LazySpark(settings) as spark, StageReporter(interactive=False) as report:
        ingest(settings, site, spark, report)
        build_lake(settings, None, spark, report)


def main(scratch: Path, archive: Path) -> int:
    """Wait until the JVM exits, which writes `archive`. Returns its exit code."""
    flags = load_settings(scratch, environ={}).etl.spark.jvm_flags
    _build_a_lake(load_settings(scratch, environ={"SPARK_JVM_FLAGS": f'{flags} "-XX:ArchiveClassesAtExit={archive}"'}))
    jvm = SparkContext._gateway.proc
    jvm.stdin.close()  # the JVM exits when its input closes
    return int(jvm.wait())


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
