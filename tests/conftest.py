"""What every suite shares: one Spark session per test process, the shipped rules, an empty lake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling

from config.settings import Settings, load_settings
from features.build import Rules
from features.lake import Lake
from pipelines.session import open_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROJECT = Path(__file__).parents[1]
GO_ON_FROM_THE_DEMO = {f"tests/pipelines/test_{name}.py" for name in ("cases", "demo", "edge", "planted_faults", "reproduce", "takeover")}
TAKE_THE_DEMO_LATER = "tests/pipelines/test_kill_cycle.py"  # the other process runs it, once the demo is there
BEFORE_THAT = ("tests/config/", "tests/features/")  # what that process does until then


class Sharing(LoadFileScheduling):
    """Gives each process whole files, and all that go on from the demo to the same one, which runs it once."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "demo" if file in GO_ON_FROM_THE_DEMO else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Sharing:
    return Sharing(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What goes on from the demo comes first: it takes longest."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    file = item.nodeid.partition("::")[0]
    if file in GO_ON_FROM_THE_DEMO:
        return 0
    return 1 if file.startswith(BEFORE_THAT) else 2 if file == TAKE_THE_DEMO_LATER else 3


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped configuration, untouched by the caller's environment."""
    return load_settings(tmp_path_factory.mktemp("home"), environ={})


@pytest.fixture(scope="session")
def rules(settings: Settings) -> Rules:
    return Rules(settings.etl, settings.thresholds, settings.fleet, settings.quality.sensor_health)


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
