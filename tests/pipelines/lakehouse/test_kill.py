"""kill -9 at random moments, or data in steps, then one complete run. Lake and warehouse equal those of an undisturbed run."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.settings import load_settings
from features.contract import LOADED_AT
from features.lake import BRONZE, COMPRESSORS, GOLD, REJECTS, SILVER, Lake
from serving.home.ownership import find_exposed
from serving.warehouse.connection import open_warehouse
from tests.features.readings import MONDAY, assert_same_tables, noisy_fleet, write_readings
from tests.folders import TemporaryDirectory
from tests.pipelines.console_script import SOME_REFUSED, altaviz_process, kill_after, report_of

AS_OF = ("--as-of", "2026-03-05T00:00:00")
MIDWAY = ("--as-of", "2026-03-02T17:00:00")
TROUBLE_FROM = MONDAY + timedelta(hours=15)


@pytest.fixture
def homes() -> Iterator[Path]:
    # not tmp_path: the embedded server's own user must be able to pass through, and pytest shuts its folders
    with TemporaryDirectory(prefix="altaviz-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four files of two days of three compressors, repeated and bad rows among them; C-1 vibrates too much from Monday afternoon on."""
    folder = tmp_path_factory.mktemp("site")
    metadata = "".join(f"C-{number},Ajax DPC-360,1340,2020-01-01,STATION-A\n" for number in (1, 2))
    (folder / "compressor_metadata.csv").write_text(f"compressor_id,model,horsepower,install_date,station_id\n{metadata}")
    rows = noisy_fleet(3, 2)
    for row in rows:
        if row["compressor_id"] == "C-1" and row["timestamp"] >= TROUBLE_FROM and row["vibration_mms"] is not None:
            row["vibration_mms"] *= 2.2
    for part in range(4):
        write_readings(folder / "readings" / f"part-{part}.parquet", rows[part * 60 : part * 60 + 90])
    (folder / "readings" / "part-9.csv").write_text("not,readings\n")
    return folder


def _seconds_of(*arguments: str | Path, home: Path, code: int = 0) -> float:
    started = time.perf_counter()
    report_of(*arguments, home=home, code=code, run=altaviz_process)
    return time.perf_counter() - started


def _kill(arguments: tuple[str | Path, ...], begin: Path, homes: Path, kills: int, seconds: float, draw: random.Random) -> list[Path]:
    """Kill a command `kills` times, each time in another part of the time it takes, on a copy of the home `begin`.

    A run that ends before its moment leaves nothing to disturb: the next one gets a new copy and less time. Returns all copies.
    """
    used: list[Path] = []
    left, ended = kills, True
    while left:
        if ended:
            used.append(homes / f"{arguments[0]}-{len(used)}")
            shutil.copytree(begin, used[-1])
        ended = not kill_after(seconds * (left - 1 + draw.random()) / kills, *arguments, home=used[-1])
        left -= not ended
        seconds *= 0.8 if ended else 1.0
    return used


def test_killed_at_ten_random_moments_and_run_again_the_tables_are_those_of_an_undisturbed_run(site: Path, homes: Path) -> None:
    draw = random.Random(20261124)
    ingest: tuple[str | Path, ...] = ("ingest", site)
    features: tuple[str | Path, ...] = ("features", *AS_OF)
    empty, undisturbed = homes / "empty", homes / "undisturbed"
    empty.mkdir()
    ingest_s = _seconds_of(*ingest, home=undisturbed, code=SOME_REFUSED)
    ingested = _kill(ingest, empty, homes, 4, ingest_s, draw)
    for home in ingested:
        report_of(*ingest, home=home, code=SOME_REFUSED)
        assert_same_tables(_lake(home), _lake(undisturbed), (BRONZE, COMPRESSORS), LOADED_AT)
    features_s = _seconds_of(*features, home=undisturbed)
    for home in _kill(features, ingested[-1], homes, 6, features_s, draw):
        report_of(*features, home=home)
        assert_same_tables(_lake(home), _lake(undisturbed), (SILVER, REJECTS, GOLD))
        assert _written(home) == _written(undisturbed)
    in_steps = homes / "in-steps"
    shutil.copytree(ingested[-1], in_steps)
    report_of("features", *MIDWAY, home=in_steps)
    report_of(*features, home=in_steps)
    assert _written(in_steps) == _written(undisturbed)
    assert find_exposed(undisturbed) is None  # Spark sets the permissions of its files itself


def _lake(home: Path) -> Lake:
    return Lake(str(home / "lake"))


def _written(home: Path) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Alerts and data quality metrics of a home's warehouse, without the times of writing; there are some of each."""
    settings = load_settings(home, environ={})
    with open_warehouse(settings.database, home) as warehouse, warehouse.connection() as connection:
        alerts = connection.execute(
            """SELECT compressor_id, alert_type, alert_timestamp, severity, message, value, threshold, last_seen, reading_count,
                      resolved, resolved_at, settled_at, suppressed, withdrawn
               FROM alert_history ORDER BY 1, 2, 3"""
        ).fetchall()
        metrics = connection.execute(
            "SELECT metric_timestamp, stage, metric_name, metric_value, passed, "
            # the quarantine names when it saw a file and how often: a repeated run sees it again
            "CASE WHEN metric_name <> 'quarantined_files' THEN details END FROM data_quality_metrics ORDER BY 1, 2, 3"
        ).fetchall()
    assert alerts
    assert metrics
    return alerts, metrics
