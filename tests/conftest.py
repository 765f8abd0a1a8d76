"""What every suite shares: one Spark session per test process, the shipped rules, an empty lake."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling

from config.settings import Settings, load_settings
from features.build import Rules
from features.lake import Lake
from tests.edit_loop import HEAVY_FIXTURES, is_light, refuse_heavy_work
from tests.folders import PASSABLE, passable_folder, passable_place
from tests.lent_spark import LENT_SPARK

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROJECT = Path(__file__).parents[1]
# These use the demo's home one after another, so one process runs them all, and the demo for both processes.
IN_THE_DEMOS_HOME = (
    "tests/pipelines/test_demo.py",
    "tests/pipelines/operations/test_reproduce.py",
    "tests/pipelines/edge/test_export.py",
    "tests/pipelines/documentation/test_pictures.py",
    "tests/pipelines/test_tutorial.py",
)
UNTIL_THE_DEMO_IS_THERE = "tests/features/"  # what the other process does
# These use copies of the home, so either process may run them.
IN_COPIES_OF_THAT = (
    "tests/pipelines/lifecycle/test_takeover.py",
    "tests/pipelines/test_kill_cycle.py",
    "tests/pipelines/lakehouse/test_cases.py",
    "tests/pipelines/operations/test_planted_faults.py",
)
THEN = ("tests/pipelines/", "tests/serving/", "tests/training/", "")  # long files first: short ones at the end let both end together


OWN_FOLDER: pytest.StashKey[Path] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="only the edit loop: tests without Spark, TensorFlow and servers")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Temporary folders that every user may pass through: root's database server is another user."""
    if config.option.fast:
        refuse_heavy_work()
    if hasattr(config, "workerinput"):
        return
    os.umask(0o022)
    place = passable_place()
    if place is None and os.geteuid() == 0:
        raise pytest.UsageError("as root the tests need a folder for temporary files that every user may pass through: set TMPDIR to one")
    if place is not None:
        tempfile.tempdir = os.environ["TMPDIR"] = place  # also for the processes that the tests start
    if config.option.basetemp is None:
        config.stash[OWN_FOLDER] = passable_folder("altaviz-tests-")
        config.option.basetemp = str(config.stash[OWN_FOLDER] / "all")


def pytest_sessionfinish() -> None:
    LENT_SPARK.stop()


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(OWN_FOLDER, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def tmp_path_factory(tmp_path_factory: pytest.TempPathFactory) -> pytest.TempPathFactory:
    """pytest's, whose folders others may pass through, as those of /var are; its own are for one user alone."""
    base, make = tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp

    def mktemp(basename: str, numbered: bool = True) -> Path:
        made = make(basename, numbered)
        made.chmod(PASSABLE)
        return made

    for folder in (base, *([base.parent] if "PYTEST_XDIST_WORKER" in os.environ else [])):  # both are this test run's
        folder.chmod(PASSABLE)
    tmp_path_factory.mktemp = mktemp  # type: ignore[method-assign]
    return tmp_path_factory


class Sharing(LoadFileScheduling):
    """Gives each process whole files, and all that use the demo's home to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "demo" if file in IN_THE_DEMOS_HOME else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Sharing:
    return Sharing(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The edit loop does not even import the other files. None: other rules decide."""
    test_file = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if config.option.fast and test_file and not is_light(collection_path) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests in an order that keeps both processes busy to the end; the edit loop has only some."""
    if config.option.fast:
        heavy = [item for item in items if HEAVY_FIXTURES & set(getattr(item, "fixturenames", ()))]
        config.hook.pytest_deselected(items=heavy)
        items[:] = [item for item in items if item not in heavy]
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """Place of a test's file in the order of the constants above."""
    file = item.nodeid.partition("::")[0]
    order = (*IN_THE_DEMOS_HOME, UNTIL_THE_DEMO_IS_THERE, *IN_COPIES_OF_THAT, *THEN)
    return next(place for place, beginning in enumerate(order) if file.startswith(beginning))


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped configuration, untouched by the caller's environment."""
    return load_settings(tmp_path_factory.mktemp("home"), environ={})


@pytest.fixture(scope="session")
def rules(settings: Settings) -> Rules:
    return Rules(settings.etl, settings.thresholds, settings.fleet, settings.quality.sensor_health)


@pytest.fixture(scope="session")
def spark() -> SparkSession:
    """The session of this test process."""
    return LENT_SPARK.get()


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
