from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from config.errors import HomeError
from features.contract import READING_FIELDS
from features.site.guard import workbook_process
from tests.features.site.files import read, refusal
from tests.features.site.workbooks import write_workbook

DAY = 46083.25  # 2026-03-02 06:00 as Excel stores it
ROW: list[object] = ["C-1", DAY, 3.25, 200.5, 60, 1000, 1400, 10000, 100]


def test_sheet_that_holds_the_readings_is_found_with_its_title_and_dates(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", Notes=[["call me"]], Data=[["Report"], list(READING_FIELDS), ROW])
    found = read(path)
    assert (found.times, found.column("vibration_mms"), found.column("gas_flow_mcf")) == (["03-02 06:00"], [3.25], [10000.0])
    assert "sheet 'Data' is read, not 'Notes' (readings.format.sheet)" in found.notes.assumed
    assert found.notes.left_out_lines == ["rows 1 to 1, above the header"]


def test_error_words_of_a_sheet_cost_their_cell(tmp_path: Path) -> None:
    wrong = [*ROW[:2], "#VALUE!", *ROW[3:]]
    found = read(write_workbook(tmp_path / "a.xlsx", Data=[list(READING_FIELDS), ROW, wrong]))
    assert found.column("vibration_mms") == [3.25, None]
    assert found.notes.null_words == {"vibration_mms": {"#VALUE!": 1}}


def test_sheet_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", Data=[list(READING_FIELDS), ROW])
    assert "no sheet 'Daten', but Data" in refusal(path, format={"sheet": "Daten"})


def test_file_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text("no workbook")
    assert refusal(tmp_path / "a.xlsx").startswith("unreadable: ")


@pytest.mark.parametrize("zone", ["UTC", "America/Chicago"])
def test_dates_of_a_sheet_are_wall_clock_times(tmp_path: Path, zone: str) -> None:
    found = read(write_workbook(tmp_path / "a.xlsx", Data=[list(READING_FIELDS), ROW]), time={"zone": zone})
    assert found.times == ["03-02 06:00" if zone == "UTC" else "03-02 12:00"]


def test_a_disk_without_room_for_temporary_files_is_no_fault_of_a_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_workbook(tmp_path / "a.xlsx", Data=[list(READING_FIELDS), ROW])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(HomeError, match=r"a workbook needs a temporary file \(No such file or directory\): make room in /tmp"):
        read(path)


def test_a_disk_that_fills_while_a_workbook_is_read_is_told_from_a_bad_one(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", Data=[list(READING_FIELDS), ROW])
    with path.open("rb") as book, Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-P", workbook_process.__file__, "2000", "100"]
        done = subprocess.run(command, stdin=book, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (workbook_process.NO_ROOM, b"No space left on device")
