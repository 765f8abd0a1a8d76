"""The benchmark of the warehouse on a small fleet: it asks with the service's own functions, and their plans use the indexes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.errors import InputError
from config.settings import load_settings
from pipelines.benchmarking.warehouse import warehouse
from pipelines.benchmarking.warehouse_fleet import FleetSize
from pipelines.runtime.console import StageReporter
from pipelines.views.benchmark import show_warehouse
from tests.folders import TemporaryDirectory

SIZE = FleetSize(compressors=200, days=3, predictions=4000)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def result(folder: Path) -> dict[str, Any]:
    return warehouse(load_settings(home=folder), SIZE, 2, folder / "fleet", StageReporter(interactive=False))


def test_the_fleet_has_the_rows_that_were_asked_for_and_the_hourly_write_is_taken_back(result: dict[str, Any]) -> None:
    assert result["rows"] == {
        "compressor_metadata": 200,
        "sensor_readings_agg": 200 * 3 * 24 * 3,
        "ml_predictions": 4000,
        "alert_history": 400,
        "alert_changes": result["rows"]["alert_changes"],
        "work_orders": result["rows"]["work_orders"],
    }
    assert (result["hourly_write"]["aggregate_rows"], result["hourly_write"]["predictions"]) == (600, 200)


def test_no_question_reads_a_whole_month_and_the_partial_and_composite_indexes_are_used(result: dict[str, Any]) -> None:
    questions = result["questions"]
    judged = "page: Model, what came true in 90 days"  # it weighs every prediction of a month
    assert {name: row["large_scans"] for name, row in questions.items() if row["large_scans"] and name != judged} == {}
    used = {name: set(row["indexes"]) for name, row in questions.items()}
    assert used["service: one compressor, 7 days"] >= {"sensor_readings_agg_pkey", "idx_predictions_newest", "idx_alert_needed"}
    assert used["service: fleet, first page"] >= {"idx_predictions_usable", "maintenance_events_pkey"}
    assert used["page: moment and freshness"] >= {"idx_agg_window_time", "idx_predictions_time"}


def test_a_folder_of_another_fleet_is_refused(result: dict[str, Any], folder: Path) -> None:
    with pytest.raises(InputError, match="holds a fleet of another size"):
        warehouse(load_settings(home=folder), FleetSize(10, 3, 100), 2, folder / "fleet", StageReporter(interactive=False))


def test_the_table_names_every_question(result: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    show_warehouse(result)
    printed = capsys.readouterr().out
    assert "600 aggregates" in printed
    assert all(name[:18] in printed for name in result["questions"])
