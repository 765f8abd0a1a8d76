"""Opens the Spark session when a job first needs it. No other module opens one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import EnvironmentSetupError
from config.logs import native_output_to
from config.sections.etl import SparkConfig
from config.settings import Settings
from pipelines.runtime.class_archive import class_archive
from pipelines.runtime.jars import SETUP, delta_jars
from pipelines.runtime.java import find_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOG_SETTINGS = Path(__file__).with_name("log4j2.properties")


def open_spark(config: SparkConfig, home: Path) -> SparkSession:
    """Open a Spark session with Delta, in UTC. The JVM's output goes to `<home>/logs/spark.log`.

    Raises EnvironmentSetupError if pyspark, Java or a Delta jar is missing, or the JVM fails.
    """
    java_home = find_java()
    os.environ["JAVA_HOME"] = str(java_home)
    # workers must use this interpreter, not the shell's `python3`
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    if not delta_jars():
        raise EnvironmentSetupError(f"the Delta jars are not beside Spark's: run `{SETUP}`")
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    log = home / "logs" / "spark.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    builder = SparkSession.builder.appName("altaviz").master(config.master)
    for key, value in _session_options(config, home, class_archive(java_home)).items():
        builder = builder.config(key, value)
    try:
        with native_output_to(log):
            return builder.getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        raise EnvironmentSetupError(f"Spark does not start: {str(error).splitlines()[0]}; see {log}") from error


def _session_options(config: SparkConfig, home: Path, archive: Path | None) -> dict[str, str]:
    flags = [f"-Dlog4j2.configurationFile={_LOG_SETTINGS.as_uri()}", config.jvm_flags]
    if archive is not None and "Archive" not in config.jvm_flags:  # a JVM takes one archive
        flags.append(f'"-XX:SharedArchiveFile={archive}" -XX:+VerifySharedSpaces')  # a damaged archive is ignored
    return {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        # the default INT96 has no statistics to prune by, and overflows in other readers
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.driver.memory": config.driver_memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": " ".join(flags),
        "spark.local.dir": str(home / "spark-scratch"),
        "spark.sql.warehouse.dir": str(home / "spark-warehouse"),
        "spark.hadoop.fs.permissions.umask-mode": "077",  # Hadoop sets the permissions of its files itself, whatever the process's umask
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.shuffle.partitions": str(config.shuffle_partitions),
        "spark.sql.autoBroadcastJoinThreshold": f"{config.broadcast_limit_mb}m",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(config.arrow_batch_rows),
        "spark.python.worker.reuse": "true",
        # a commit without rows still carries the state of the build
        "spark.databricks.delta.skipRecordingEmptyCommits": "false",
        # VACUUM lists files in this many tasks: the default of 10,000 took minutes for a hundred files
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": str(config.shuffle_partitions),
        # a site's tables have short logs: more partitions only cost time
        "spark.databricks.delta.snapshotPartitions": "1",
    }


class LazySpark:
    """Opens at most one session for a command: one that needs none starts no JVM."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: SparkSession | None = None

    def get(self) -> SparkSession:
        """The session, opened at the first call. Raises EnvironmentSetupError."""
        if self._session is None:
            self._session = open_spark(self._settings.etl.spark, self._settings.home)
        return self._session

    def __enter__(self) -> LazySpark:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._session is not None:
            self._session.stop()
