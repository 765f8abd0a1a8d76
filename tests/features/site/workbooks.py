"""Workbooks as small as they can be."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def write_workbook(path: Path, **sheets: list[list[object]]) -> Path:
    """An .xlsx file: numbers in the second column are dates."""
    return write_sheets(
        path,
        **{
            name: "".join(f"<row>{''.join(_cell(cell, column) for column, cell in enumerate(row))}</row>" for row in rows)
            for name, rows in sheets.items()
        },
    )


def write_sheets(path: Path, **sheets: str) -> Path:
    """An .xlsx file of sheets with these rows in XML."""
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
        for at, lines in enumerate(sheets.values(), 1):
            archive.writestr(f"xl/s{at}.xml", f'<worksheet xmlns="{_SHEET}"><sheetData>{lines}</sheetData></worksheet>')
    return path


def _cell(cell: object, column: int) -> str:
    if isinstance(cell, str):
        return f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
    return f'<c s="{int(column == 1)}"><v>{cell}</v></c>'
