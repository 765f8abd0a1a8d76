"""What every suite shares: one Spark session per test process, the shipped rules, an empty lake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from config.settings import Settings, load_settings
from features.build import Rules
from features.lake import Lake
from pipelines.session import open_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped configuration, untouched by the caller's environment."""
    return load_settings(tmp_path_factory.mktemp("home"), environ={})


@pytest.fixture(scope="session")
def rules(settings: Settings) -> Rules:
    return Rules(settings.etl, settings.thresholds, settings.fleet)


@pytest.fixture(scope="session")
def spark(settings: Settings) -> Iterator[SparkSession]:
    """A real session; one shuffle partition, because test frames are tiny."""
    small = settings.etl.spark.model_copy(update={"shuffle_partitions": 1, "driver_memory": "1g"})
    session = open_spark(small, settings.home)
    yield session
    session.stop()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def field_data() -> Path:
    """A week of readings that nobody on the project made; it is handed over next to the project, not with it."""
    folder = PROJECT.parent / "shared" / "data" / "field"
    if not (folder / "expected.json").is_file():
        pytest.skip(f"no field data at {folder}")
    return folder
