"""The list of compressors: a bad cell loses the cell, a bad id or station the row."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from config.errors import MetadataError
from config.site.reference_files import CompressorsSection
from tests.features.site.reference_files.tables import METADATA_HEADER, compressors_of


def test_a_good_row_is_taken_as_it_is(tmp_path: Path) -> None:
    file = compressors_of(tmp_path, f"{METADATA_HEADER}C-1,Ariel JGK/4,1480,2020-01-31,STATION-A\n")
    assert file.rows == [
        {
            "compressor_id": "C-1",
            "model": "Ariel JGK/4",
            "horsepower": 1480.0,
            "install_date": date(2020, 1, 31),
            "station_id": "STATION-A",
            "retired_date": None,
        }
    ]
    assert (file.named, file.rejected) == ({"C-1"}, [])


@pytest.mark.parametrize(
    ("row", "reason", "word", "is_kept", "is_named"),
    [
        ("C-2,,1480,2020-01-31,STATION-Z", "unknown_station", "STATION-Z", False, True),
        ("C-2,,1480,2020-01-31,", "unknown_station", "", False, True),
        (",,1480,2020-01-31,STATION-A", "missing_compressor_id", "", False, False),
        ("C-1,,1480,2020-01-31,STATION-B", "duplicate", "C-1", False, False),
        ("C-2,,a lot,2020-01-31,STATION-A", "bad_number", "a lot", True, True),
        ("C-2,,1480,20-01-31,STATION-A", "bad_date", "20-01-31", True, True),
        ("C-2,,1480,0202-01-31,STATION-A", "implausible_date", "0202-01-31", True, True),
        ("C-2,,1480", "wrong_column_count", "3 cells below 5 columns", False, True),
    ],
)
def test_a_bad_row_is_rejected_by_line_and_word(tmp_path: Path, row: str, reason: str, word: str, *, is_kept: bool, is_named: bool) -> None:
    file = compressors_of(tmp_path, f"{METADATA_HEADER}C-1,,,,STATION-A\n{row}\n")
    assert [(item.line, item.reason, item.word) for item in file.rejected] == [(3, reason, word)]
    assert [item["compressor_id"] for item in file.rows] == (["C-1", "C-2"] if is_kept else ["C-1"])
    assert file.named == ({"C-1", "C-2"} if is_named else {"C-1"})


def test_a_site_s_own_columns_and_words_are_mapped(tmp_path: Path) -> None:
    section = CompressorsSection.model_validate(
        {
            "columns": {"compressor_id": "Tag No", "station_id": "Site", "retired_date": "Out of service"},
            "stations": {"karnes city": "STATION-A"},
            "date_formats": ["%d/%m/%Y"],
        }
    )
    file = compressors_of(tmp_path, "TAG NO;SITE;Out of Service;Horsepower [hp]\nC-1;Karnes  City;1/2/2026;1.480,5\n", section)
    assert [(row["compressor_id"], row["station_id"], row["retired_date"], row["horsepower"]) for row in file.rows] == [
        ("C-1", "STATION-A", date(2026, 2, 1), 1480.5)
    ]


def test_a_list_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=r"compressor_metadata.csv lacks the column\(s\) horsepower, station_id"):
        compressors_of(tmp_path, "compressor_id,model,install_date\nC-1,a,2020-01-01\n")
    with pytest.raises(MetadataError, match=r"compressor_metadata.csv is empty"):
        compressors_of(tmp_path, "")
    with pytest.raises(MetadataError, match=r"stations: STATION-X is not in fleet.yaml"):
        compressors_of(tmp_path, METADATA_HEADER, CompressorsSection(stations={"x": "STATION-X"}))
