"""The week of field data, loaded through the command line: everything planted in it is found, to the row."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from features.contract import COMPRESSOR_ID, SENSORS, TIMESTAMP
from tests.pipelines.console_script import SOME_REFUSED, report_of

DEGRADATION_START = datetime(2026, 3, 6)


@pytest.fixture(scope="module")
def expected(field_data: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((field_data / "expected.json").read_text())
    return document


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("field")


@pytest.fixture(scope="module")
def books(field_data: Path, home: Path) -> dict[str, Any]:
    report_of("ingest", field_data, home=home, code=SOME_REFUSED)
    return report_of("features", home=home)


@pytest.fixture(scope="module")
def removed(books: dict[str, Any], home: Path) -> pl.DataFrame:
    """Values nulled by the spike rule."""
    return pl.read_delta(str(home / "lake" / "rejects")).filter(kind="value", reason="isolated_spike")


@pytest.fixture(scope="module")
def silver(books: dict[str, Any], home: Path) -> pl.DataFrame:
    return pl.read_delta(str(home / "lake" / "silver"))


def test_books_are_the_expected_ones_to_the_row(books: dict[str, Any], expected: dict[str, Any]) -> None:
    assert books["bronze_rows"] == expected["rows_in_readable_files"]
    assert books["silver_rows"] == books["gold_rows"] == expected["distinct_valid_readings"]
    assert books["rejected_rows"] == expected["rejected_rows"]
    assert books["bronze_rows"] == books["silver_rows"] + sum(books["rejected_rows"].values())
    assert books["pending_rows"] == 0


def test_both_bad_files_are_refused_by_name_with_their_reason(books: dict[str, Any], expected: dict[str, Any]) -> None:
    reasons = {reason.partition(":")[0]: name for name, reason in books["rejected_files"].items()}
    assert reasons == expected["rejected_files"]


def test_impossible_values_are_found_by_sensor(books: dict[str, Any], home: Path, expected: dict[str, Any]) -> None:
    nulled = pl.read_delta(str(home / "lake" / "rejects")).filter(kind="value", reason="out_of_range")
    assert dict(nulled.group_by("sensor").len().iter_rows()) == expected["out_of_range_values"]


def test_every_planted_spike_is_removed(removed: pl.DataFrame, expected: dict[str, Any]) -> None:
    gone = removed.filter(compressor_id=expected["spiky"], sensor="vibration_mms")[TIMESTAMP].dt.strftime("%Y-%m-%d %H:%M:%S")
    assert set(expected["planted_spikes_vibration_x4"]) <= set(gone)


def test_few_other_values_go(removed: pl.DataFrame, silver: pl.DataFrame, expected: dict[str, Any]) -> None:
    measured = sum(silver[sensor].count() for sensor in SENSORS) + removed.height
    assert (removed.height - len(expected["planted_spikes_vibration_x4"])) / measured <= 0.015


def test_failing_units_lose_no_larger_share_than_healthy_ones(
    removed: pl.DataFrame, silver: pl.DataFrame, expected: dict[str, Any]
) -> None:
    failing = [expected["failed_inside"], expected["failing_at_end"]]

    def share(condition: pl.Expr) -> float:
        return removed.filter(condition).height / (silver.filter(condition).height * len(SENSORS))

    degrading = pl.col(COMPRESSOR_ID).is_in(failing) & (pl.col(TIMESTAMP).dt.replace_time_zone(None) >= DEGRADATION_START)
    healthy = ~pl.col(COMPRESSOR_ID).is_in([*failing, expected["spiky"]])
    assert share(degrading) <= share(healthy)


def test_same_folder_again_adds_nothing(field_data: Path, books: dict[str, Any], home: Path) -> None:
    again = report_of("ingest", field_data, home=home, code=SOME_REFUSED)
    assert (again["loaded_files"], again["bronze_rows"]) == ({}, books["bronze_rows"])
    assert report_of("features", "--as-of", "2026-03-09T05:50:00", home=home)["rebuilt"] == []
