from __future__ import annotations

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from features.contract import READING_FIELDS
from tests.features.site.files import read, refusal

_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
DAY = 46083.25  # 2026-03-02 06:00 as Excel stores it
ROW: list[object] = ["C-1", DAY, 3.25, 200.5, 60, 1000, 1400, 10000, 100]


def _workbook(path: Path, **sheets: list[list[object]]) -> Path:
    """An .xlsx file as small as it can be: numbers in the second column are dates."""
    names = "".join(f'<sheet name="{name}" sheetId="{at}" r:id="r{at}"/>' for at, name in enumerate(sheets, 1))
    links = "".join(f'<Relationship Id="r{at}" Type="{_RELATION}/worksheet" Target="s{at}.xml"/>' for at in range(1, len(sheets) + 1))
    formats = '<cellXfs><xf numFmtId="0"/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="w" Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr("xl/workbook.xml", f'<workbook xmlns="{_SHEET}" xmlns:r="{_RELATION}"><sheets>{names}</sheets></workbook>')
        styles = f'<Relationship Id="st" Type="{_RELATION}/styles" Target="styles.xml"/>'
        archive.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{_PACKAGE}">{links}{styles}</Relationships>')
        archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{_SHEET}">{formats}</styleSheet>')
        for at, rows in enumerate(sheets.values(), 1):
            lines = "".join(f"<row>{''.join(_cell(cell, column) for column, cell in enumerate(row))}</row>" for row in rows)
            archive.writestr(f"xl/s{at}.xml", f'<worksheet xmlns="{_SHEET}"><sheetData>{lines}</sheetData></worksheet>')
    return path


def _cell(cell: object, column: int) -> str:
    if isinstance(cell, str):
        return f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
    return f'<c s="{int(column == 1)}"><v>{cell}</v></c>'


def test_sheet_that_holds_the_readings_is_found_with_its_title_and_dates(tmp_path: Path) -> None:
    path = _workbook(tmp_path / "a.xlsx", Notes=[["call me"]], Data=[["Report"], list(READING_FIELDS), ROW])
    found = read(path)
    assert (found.times, found.column("vibration_mms"), found.column("gas_flow_mcf")) == (["03-02 06:00"], [3.25], [10000.0])
    assert "sheet 'Data' is read, not 'Notes' (readings.format.sheet)" in found.notes.assumed
    assert found.notes.left_out_lines == ["rows 1 to 1, above the header"]


def test_error_words_of_a_sheet_cost_their_cell(tmp_path: Path) -> None:
    wrong = [*ROW[:2], "#VALUE!", *ROW[3:]]
    found = read(_workbook(tmp_path / "a.xlsx", Data=[list(READING_FIELDS), ROW, wrong]))
    assert found.column("vibration_mms") == [3.25, None]
    assert found.notes.null_words == {"vibration_mms": {"#VALUE!": 1}}


def test_sheet_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = _workbook(tmp_path / "a.xlsx", Data=[list(READING_FIELDS), ROW])
    assert "no sheet 'Daten', but Data" in refusal(path, format={"sheet": "Daten"})


def test_file_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text("no workbook")
    assert refusal(tmp_path / "a.xlsx").startswith("unreadable: ")


@pytest.mark.parametrize("zone", ["UTC", "America/Chicago"])
def test_dates_of_a_sheet_are_wall_clock_times(tmp_path: Path, zone: str) -> None:
    found = read(_workbook(tmp_path / "a.xlsx", Data=[list(READING_FIELDS), ROW]), time={"zone": zone})
    assert found.times == ["03-02 06:00" if zone == "UTC" else "03-02 12:00"]
