"""One Spark session for a whole test process: opened by the first test that needs it, lent to every command that runs in here."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.settings import load_settings
from tests.folders import TemporaryDirectory

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class LentSpark:
    """The session, and how it takes the place of the one that a command would open."""

    def __init__(self) -> None:
        self._session: SparkSession | None = None
        self._home: tempfile.TemporaryDirectory[str] | None = None

    def get(self) -> SparkSession:
        """The session. One shuffle partition, because test frames are tiny."""
        if self._session is None:
            from pipelines.runtime.spark import open_spark

            self._home = TemporaryDirectory(prefix="altaviz-spark-")
            config = load_settings(Path(self._home.name), environ={}).etl.spark
            small = config.model_copy(update={"shuffle_partitions": 1, "driver_memory": "1g"})
            self._session = open_spark(small, Path(self._home.name))
            # compiling code for a few rows takes longer than interpreting it; commands in processes of their own compile
            self._session.conf.set("spark.sql.codegen.wholeStage", "false")
            self._session.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        return self._session

    @contextmanager
    def lending(self) -> Iterator[None]:
        """Whoever asks `LazySpark` for a session inside the block gets this one, and does not stop it."""
        from pipelines.runtime.spark import LazySpark

        if self._session is not None:  # a home that is made anew in the same place has other tables
            self._session._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()  # type: ignore[union-attr]

        def lend(borrower: LazySpark) -> SparkSession:
            borrower._session = self.get()
            return borrower._session

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LazySpark, "get", lend)
            patch.setattr(LazySpark, "__exit__", lambda *_: None)
            yield

    def stop(self) -> None:
        if self._session is not None:
            self._session.stop()
        if self._home is not None:
            self._home.cleanup()


LENT_SPARK = LentSpark()
