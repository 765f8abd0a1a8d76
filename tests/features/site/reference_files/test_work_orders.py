"""Maintenance events: bad rows by line and word, and work orders as a maintenance system exports them."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.errors import MetadataError
from config.site.reference_files import EventsSection
from features.site.reference_files.reference_file import Doubt
from features.site.reference_files.work_orders import read_events
from tests.features.site.reference_files.tables import EARLIEST, EVENT_HEADER, NOW, events_of

GOOD = "C-1,2026-03-02 09:00:00,scheduled,Quarterly,3.0,low,1200.0\n"
EXPORT = EventsSection.model_validate(
    {
        "columns": {
            "compressor_id": "Asset",
            "event_date": "Actual Finish",
            "event_type": "WO Type",
            "description": "Long Text",
            "downtime_hours": "Down (min)",
            "cost_usd": "Total Cost",
        },
        "date_formats": ["%d.%m.%Y %H:%M"],
        "time_zone": "America/Chicago",
        "event_types": {"PM": "scheduled", "Corrective": "unscheduled", "BRKDWN": "failure"},
        "ignore": ["Admin"],
        "compressor_ids": {"Unit 1": "C-1"},
        "status": {"column": "Status", "keep": ["COMP", "CLOSE"]},
        "downtime_unit": "min",
    }
)


@pytest.mark.parametrize(
    ("row", "reason", "column", "word"),
    [
        ("C-1,2026-03-09 02:00:00,Emergency shutdown,ESD trip,0.5,high,0", "unknown_event_type", "event_type", "Emergency shutdown"),
        ("C-1,26-03-09,failure,,,,", "bad_date", "event_date", "26-03-09"),
        ("C-1,,failure,,,,", "missing_date", "event_date", ""),
        ("C-1,1980-01-06,failure,,,,", "implausible_date", "event_date", "1980-01-06"),
        ("C-1,2028-01-01,failure,,,,", "implausible_date", "event_date", "2028-01-01"),
        ("C-1,2026-03-09,failure,,four,,", "bad_number", "downtime_hours", "four"),
        ("C-1,2026-03-09,failure,,87601,,", "implausible_downtime", "downtime_hours", "87601"),
        ("C-1,2026-03-09,failure,,-5,,", "implausible_downtime", "downtime_hours", "-5"),
        ("C-1,2026-03-09,failure,,nan,,", "", "", ""),  # a word for no value
        ("C-1,2026-03-09,failure,,inf,,", "bad_number", "downtime_hours", "inf"),
        ("C-1,2026-03-09,failure,,1,,-1", "implausible_cost", "cost_usd", "-1"),
        (",2026-03-09,failure,,,,", "missing_compressor_id", "compressor_id", ""),
        ("C-9,2026-03-09,failure,,,,", "unknown_compressor", "compressor_id", "C-9"),
        ("C-1,2026-03-09,failure,a, b,1,low,5", "wrong_column_count", "compressor_id", "8 cells below 7 columns"),
        ("C-1,2026-03-09,failure", "wrong_column_count", "compressor_id", "3 cells below 7 columns"),
    ],
)
def test_a_bad_row_is_rejected_by_line_and_word(tmp_path: Path, row: str, reason: str, column: str, word: str) -> None:
    file = events_of(tmp_path, f"{EVENT_HEADER}{GOOD}{row}\nC-2,2026-03-03,inspection,,,,\n")
    said = [(item.file, item.line, item.reason, item.column, item.word) for item in file.rejected]
    assert said == ([("maintenance_events.csv", 3, reason, column, word)] if reason else [])
    assert all(item.cure for item in file.rejected)
    assert len(file.rows) == 3 - len(said)


def test_a_good_row_is_taken_as_it_is(tmp_path: Path) -> None:
    file = events_of(tmp_path, EVENT_HEADER + GOOD)
    assert file.rows == [
        {
            "compressor_id": "C-1",
            "event_date": datetime(2026, 3, 2, 9, tzinfo=UTC),
            "event_type": "scheduled",
            "description": "Quarterly",
            "downtime_hours": 3.0,
            "severity": "low",
            "cost_usd": 1200.0,
        }
    ]
    assert (file.named, file.rejected, file.assumed, file.whole) == ({"C-1"}, [], [], True)
    assert file.origin.startswith("maintenance_events.csv ")


def test_of_two_rows_for_one_event_the_last_is_used(tmp_path: Path) -> None:
    file = events_of(tmp_path, EVENT_HEADER + GOOD + GOOD.replace("3.0", "5.0"))
    assert [row["downtime_hours"] for row in file.rows] == [5.0]
    assert [(item.line, item.reason) for item in file.rejected] == [(2, "duplicate")]


def test_a_rejected_row_leaves_a_doubt_about_the_event_it_may_be(tmp_path: Path) -> None:
    second, third = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
    file = events_of(tmp_path, f"{EVENT_HEADER}C-1,2026-03-02,Emergency,,,,\nC-2,soon,failure,,,,\nTotal: 2,,,,,,\n")
    assert file.doubts == [Doubt("C-1", second), Doubt("C-2", None), Doubt(None, None)]
    assert [doubt.may_be("C-1", second) for doubt in file.doubts] == [True, False, False]
    assert [doubt.may_be("C-2", third) for doubt in file.doubts] == [False, True, False]


def test_a_last_line_without_its_end_is_not_trusted(tmp_path: Path) -> None:
    file = events_of(tmp_path, EVENT_HEADER + GOOD + "C-2,2026-03-03,failure,,,,15")
    assert [(item.line, item.reason) for item in file.rejected] == [(3, "cut_off_line")]
    assert not file.whole


def test_one_stray_quote_costs_one_row(tmp_path: Path) -> None:
    file = events_of(tmp_path, f'{EVENT_HEADER}C-1,2026-03-02,failure,"5 inch pipe,1,,\n{GOOD}')
    assert [row["event_type"] for row in file.rows] == ["scheduled"]
    assert [(item.line, item.reason) for item in file.rejected] == [(2, "wrong_column_count")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found(tmp_path: Path, encoding: str, delimiter: str) -> None:
    header = EVENT_HEADER.replace(",", delimiter)
    row = delimiter.join(["C-1", "2026-03-02", "failure", "Lüfter", "3", "high", "10"])
    file = events_of(tmp_path, f"{header}{row}\n".encode(encoding))
    assert [(item["description"], item["cost_usd"]) for item in file.rows] == [("Lüfter", 10.0)]
    assert any("cp1252" in text for text in file.assumed) == (encoding == "cp1252")
    assert any("separated" in text for text in file.assumed) == (delimiter != ",")


def test_work_orders_map_to_events(tmp_path: Path) -> None:
    lines = [
        "Work orders of Karnes City;;;;;;",
        "Asset;WO Type;Status;Actual Finish;Down (min);Total Cost;Long Text",
        "Unit 1;PM;COMP;09.03.2026 14:05;90;1.200,50;Öl",
        "C-2;brkdwn;Close;1.1.2026 00:00;1.440;3,5;",
        "C-2;PM;WAPPR;01.04.2026 08:00;;;planned",
        "C-2;ADMIN;COMP;02.01.2026 08:00;;;holiday",
        "C-2;ZZ9;COMP;02.01.2026 08:00;;;",
    ]
    file = events_of(tmp_path, "\n".join([*lines, ""]).encode("cp1252"), EXPORT)
    assert [(row["compressor_id"], row["event_date"], row["event_type"], row["downtime_hours"], row["cost_usd"]) for row in file.rows] == [
        ("C-1", datetime(2026, 3, 9, 19, 5, tzinfo=UTC), "scheduled", 1.5, 1200.5),
        ("C-2", datetime(2026, 1, 1, 6, tzinfo=UTC), "failure", 24.0, 3.5),
    ]
    assert file.left_out == {"other_status": 1, "ignored_type": 1}
    assert [(item.line, item.column, item.word) for item in file.rejected] == [(7, "WO Type", "ZZ9")]
    assert "reference.events.event_types or ignore" in file.rejected[0].cure
    assert file.assumed == ["read as cp1252", "columns are separated by ';'", "the header is line 2"]


def test_work_orders_may_come_as_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    header = ["Asset", "WO Type", "Status", "Actual Finish", "Down (min)", "Total Cost", "Long Text"]
    _write_workbook(path, [header, ["C-1", "PM", "COMP", "09.03.2026 14:05", 90, 1200.5, "oil"]])
    rows = read_events(path, EXPORT, {"C-1"}, EARLIEST, NOW).rows
    assert [(row["downtime_hours"], row["cost_usd"], row["description"]) for row in rows] == [(1.5, 1200.5, "oil")]
    path.write_bytes(b"PK cut off")
    with pytest.raises(MetadataError, match=r"orders.xlsx cannot be read"):
        read_events(path, EXPORT, {"C-1"}, EARLIEST, NOW)


def test_a_file_without_a_needed_column_says_which(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=r"maintenance_events.csv lacks the column\(s\) event_type, severity; expected compressor_id"):
        events_of(tmp_path, "compressor_id,event_date,description,downtime_hours,cost_usd\n")
    with pytest.raises(MetadataError, match=r"lacks the column\(s\) Status"):
        events_of(tmp_path, "Asset,WO Type,Actual Finish,Down,Total Cost,Long Text\n", EXPORT)


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"date_formats": ["%d.%m.%y"]}, "four digits"),
        ({"time_zone": "Texas"}, "no IANA time zone"),
        ({"event_types": {"PM": "repair"}}, "scheduled"),
        ({"event_types": {"PM": "scheduled"}, "ignore": ["pm "]}, "also in event_types; keep one"),
        ({"colums": {}}, "Extra inputs"),
    ],
)
def test_a_wrong_description_is_refused(section: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        EventsSection.model_validate(section)


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=r"maintenance_events.csv lacks the column\(s\)"):
        events_of(tmp_path, '"' + "x" * 200_000)
    with pytest.raises(MetadataError, match="is neither UTF-8 nor cp1252"):
        events_of(tmp_path, bytes(range(128, 256)))


def _write_workbook(path: Path, rows: list[list[object]]) -> None:
    """The least that is an Excel file: one sheet, texts in the cells."""

    def cell(value: object) -> str:
        return f"<c><v>{value}</v></c>" if isinstance(value, int | float) else f'<c t="inlineStr"><is><t>{value}</t></is></c>'

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    sheet = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    with zipfile.ZipFile(path, "w") as book:
        book.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        book.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        book.writestr("xl/worksheets/sheet1.xml", f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>')
