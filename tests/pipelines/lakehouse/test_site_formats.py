"""Files as sites deliver them, loaded through the command line. Every good row arrives, and every refusal and assumption is reported."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.conftest import PROJECT
from tests.pipelines.console_script import SOME_REFUSED, altaviz, report_of

ROWS = 36  # of every good file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared cases about formats in one folder; they are handed over next to the project, not with it."""
    cases = PROJECT.parent / "shared" / "cases"
    if not (cases / "site-formats" / "expected.txt").is_file():
        pytest.skip(f"no cases at {cases}")
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(cases / "site-formats", folder, dirs_exist_ok=True)
    shutil.copytree(cases / "delta-folder" / "readings", folder / "readings", dirs_exist_ok=True)
    shutil.copy(cases / "wrong-clock" / "readings" / "export_ddmmyy.csv", folder / "readings")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def loaded(folder: Path, home: Path) -> dict[str, Any]:
    return report_of("ingest", folder, home=home, code=SOME_REFUSED)


@pytest.fixture(scope="module")
def bronze(loaded: dict[str, Any], home: Path) -> pl.DataFrame:
    return pl.read_delta(str(home / "lake" / "bronze"))


def test_every_file_loads_all_its_rows(loaded: dict[str, Any], folder: Path) -> None:
    assert set(loaded["loaded_files"].values()) == {ROWS}
    assert len(loaded["loaded_files"]) == 12
    assert loaded["bronze_rows"] == 12 * ROWS


def test_two_digit_years_are_refused_with_line_word_and_cure(loaded: dict[str, Any]) -> None:
    assert list(loaded["refused_files"]) == ["export_ddmmyy.csv"]
    assert loaded["refused_files"]["export_ddmmyy.csv"] == (
        "wrong_type: timestamp: '09-03-26 06:00:00' (line 2) is no ISO 8601 time: its year has two digits; "
        "set readings.time.format in site.yaml, with %y"
    )


def test_of_the_delta_table_only_live_rows_are_there(bronze: pl.DataFrame) -> None:
    live = bronze.filter(pl.col("_source_file").str.starts_with("telemetry/"))
    assert (live.height, live["compressor_id"].unique().to_list()) == (ROWS, ["COMP-001"])
    assert live["vibration_mms"].mean() == pytest.approx(2.76, abs=0.005)
    assert not bronze["_source_file"].str.contains(r"_temporary|\.trash").any()


def test_words_cost_their_cell_and_are_counted(loaded: dict[str, Any], bronze: pl.DataFrame) -> None:
    assert loaded["null_words"] == {"pi_states.csv": {"vibration_mms": {"I/O Timeout": 1}, "discharge_temp_f": {"Bad": 1}}}
    states = bronze.filter(_source_file="pi_states.csv")
    assert (states["vibration_mms"].null_count(), states["discharge_temp_f"].null_count()) == (1, 1)


def test_european_files_hold_the_same_numbers(bronze: pl.DataFrame) -> None:
    for name in ("excel_eu.csv", "excel_eu_utf8.csv"):
        assert bronze.filter(_source_file=name)["gas_flow_mcf"].mean() == pytest.approx(9705.32, abs=0.01)


def test_what_was_assumed_and_what_nobody_reads_is_told(loaded: dict[str, Any]) -> None:
    assert loaded["assumed"]["excel_eu.csv"] == ["text in UTF-16", "cells are separated by semicolon", "numbers have a decimal comma"]
    assert loaded["assumed"]["units_row.csv"] == ["line 2 is a row of units"]
    assert loaded["unused_columns"] == {"extra_column.csv": ["Ambient Temp (F)"], "pandas_filtered.parquet": ["__index_level_0__"]}
    assert loaded["left_out_lines"] == {"appended_header.csv": ["1 repeated header lines, first line 20"]}


def test_check_writes_nothing_and_shows_ranges_and_refusals(folder: Path, tmp_path: Path) -> None:
    found = report_of("ingest", folder, "--check", home=tmp_path, code=SOME_REFUSED)
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
    assert list(found["refused_files"]) == ["export_ddmmyy.csv"]
    assert (found["rows"], found["rows_refused"]) == (12 * ROWS, {"duplicate": 2 * ROWS})
    vibration = found["columns"]["vibration_mms"]
    assert vibration == {
        "unit": "mm/s",
        "values": 12 * ROWS - 1,
        "missing": 1,
        "low": 1.54,
        "high": 6.27,
        "normal": [1.5, 4.5],
        "impossible": 0,
        "mapped": ["vibration_mms (mm/s)"],
    }
    assert "discharge_temp_f (degF)" in found["columns"]["discharge_temp_f"]["mapped"]


def test_check_tells_a_person_what_would_be_refused(folder: Path, tmp_path: Path) -> None:
    done = altaviz("ingest", folder, "--check", home=tmp_path)
    assert "file that would be refused: export_ddmmyy.csv: wrong_type: timestamp: '09-03-26 06:00:00' (line 2)" in done.stdout
    assert "no value in discharge_temp_f: 'Bad' 1 (pi_states.csv)" in done.stdout
    assert "unused column: 'Ambient Temp (F)' (extra_column.csv)" in done.stdout
