"""Where `altaviz demo` refuses to begin. A demo that runs, and runs again, is in test_demo.py."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from config.errors import InputError
from config.settings import Settings, load_settings
from pipelines import demo as module
from pipelines.demo import demo
from pipelines.runtime.console import StageReporter
from serving.schemas import Compressor
from serving.warehouse.migrations import migrated_warehouse
from serving.warehouse.tables import upsert_compressors
from tests.folders import TemporaryDirectory


class BegunError(Exception):
    """The demo has begun: it simulates."""


@pytest.fixture
def begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo stops at its first step, which writes."""

    def simulate(*_: object) -> None:
        raise BegunError

    monkeypatch.setattr(module, "simulate", simulate)


def _with_readings(home: Path) -> Settings:
    pl.DataFrame({"compressor_id": ["C-1"]}).write_delta(str(home / "lake" / "bronze"))
    return load_settings(home)


def _run(settings: Settings) -> None:
    with StageReporter(interactive=False) as report:
        demo(settings, report)


def test_a_home_with_readings_of_its_own_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    settings = _with_readings(tmp_path)
    with pytest.raises(InputError, match=r"the lake .*lake holds readings that no demo loaded; .*choose an empty place with --home"):
        _run(settings)
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]


@pytest.mark.parametrize(("profile", "error"), [("demo", BegunError), ("history", InputError)])
def test_a_home_of_a_demo_is_known_by_the_simulation_in_its_inbox(
    tmp_path: Path, begins: None, profile: str, error: type[Exception]
) -> None:
    settings = _with_readings(tmp_path)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "simulation.json").write_text(json.dumps({"profile": profile}))
    with pytest.raises(error):
        _run(settings)


def test_a_warehouse_with_compressors_is_refused_and_an_empty_one_taken(begins: None) -> None:
    with TemporaryDirectory(prefix="altaviz-") as folder:
        settings = load_settings(Path(folder) / "home")
        with pytest.raises(BegunError):
            _run(settings)
        with migrated_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
            upsert_compressors(connection, [Compressor("C-1", "Ariel JGK/4", 1480.0, None, None)])
        with pytest.raises(InputError, match=r"the warehouse .* holds compressors that no demo loaded; .*--home and a database of its own"):
            _run(settings)
